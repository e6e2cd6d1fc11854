//! Tells every validator who this provider is: model, class, certificate, payout (SPEC 10, until the on-chain registry of providers stands).

use crate::validators::Validators;
use ogong_audit::{Announcement, SignedAnnouncement};
use ogong_base::{codec::Encode, keys::NodeKey, units::UnixMillis};
use ogong_daemon::{Shutdown, clock::now_ms};
use ogong_net::wire::Announce;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::time::{Instant, sleep};
use tracing::{debug, info};

/// How often it is looked whether somebody has to be told.
const LOOK: Duration = Duration::from_millis(500);
/// An announcement is made again after this time at the latest.
const REFRESH_MAX: Duration = Duration::from_secs(30);

/// Announces to each validator when it becomes known, and again before its refresh time; ends with `shutdown`.
pub async fn run(announcement: Announcement, key: Arc<NodeKey>, validators: Validators, shutdown: Shutdown) {
    let mut due = BTreeMap::new();
    while !shutdown.is_triggered() {
        for (id, dialer) in validators.all() {
            if due.get(&id).is_some_and(|at| *at > Instant::now()) {
                continue;
            }
            let message = signed(&announcement, &key);
            let again = match dialer.ask(message).await {
                Ok(reply) => {
                    info!(validator = %id, status = %reply.status, "announced");
                    Duration::from_millis(reply.refresh_ms).min(REFRESH_MAX)
                }
                Err(error) => {
                    debug!(validator = %id, %error, "announcement not taken");
                    LOOK
                }
            };
            due.insert(id, Instant::now() + again);
        }
        let _ = shutdown.unless(sleep(LOOK)).await;
    }
}

fn signed(announcement: &Announcement, key: &NodeKey) -> Announce {
    let body = Announcement { issued: UnixMillis(now_ms()), ..announcement.clone() };
    let signed = SignedAnnouncement::sign(body, key);
    Announce {
        announcement: signed.body.to_bytes(),
        signature: signed.signature.to_bytes(),
        public: signed.public.to_bytes(),
    }
}
