//! The provider's side of the router: the signed offer, a sign of life with the free slots, and its withdrawal at the end (SPEC 6).

use ogong_base::{codec::Encode, keys::NodeKey};
use ogong_daemon::{Shutdown, clock::now_ms};
use ogong_net::{
    Dialer, Offer,
    wire::{Heartbeat, Upsert, Withdraw},
};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{Semaphore, watch},
    time::sleep,
};
use tracing::{info, warn};

/// How long an offer stands before it is signed anew.
const OFFER_LIFE_MS: u64 = 3_600_000;
/// Pause after a refused upsert.
const PAUSE: Duration = Duration::from_secs(1);
/// A heartbeat comes at least this often, whatever the router says.
const BEAT_MAX: Duration = Duration::from_secs(10);

/// Everything the router has to know, kept current.
pub struct Market {
    /// The offer; issue and expiry are set at each upsert.
    pub offer: Offer,
    /// Signs it.
    pub key: Arc<NodeKey>,
    /// The router.
    pub router: Dialer,
    /// Slots that would start a request now.
    pub slots: Arc<Semaphore>,
    /// Whether the engine serves.
    pub ready: watch::Receiver<bool>,
}

impl Market {
    /// Keeps the offer with the router until `shutdown`, then withdraws it.
    pub async fn run(self, shutdown: Shutdown) {
        let mut registered = false;
        let mut connection = self.router.state();
        while !shutdown.is_triggered() {
            // A router that does not answer must not hold up the end.
            let Some(round) = shutdown.unless(self.round(&mut registered)).await else { break };
            let pause = match round {
                Ok(pause) => pause,
                Err(error) => {
                    warn!(%error, router = self.router.target(), "router not reached; trying again");
                    registered = false;
                    PAUSE
                }
            };
            // A router that came back has forgotten the offer: a change of the connection ends the pause.
            let woken = async {
                tokio::select! {
                    () = sleep(pause) => {}
                    Ok(()) = connection.changed() => {}
                }
            };
            let _ = shutdown.unless(woken).await;
        }
        let withdraw = Withdraw { node_id: self.offer.node_id.to_bytes(), model_id: self.offer.model_id.to_string() };
        let _ = self.router.ask_within(withdraw, PAUSE).await;
    }

    async fn round(&self, registered: &mut bool) -> Result<Duration, ogong_net::Error> {
        if !*registered {
            let issued_ms = now_ms();
            let offer = Offer { issued_ms, expires_ms: issued_ms + OFFER_LIFE_MS, ..self.offer.clone() };
            let reply = self.router.ask(Upsert::from(offer.sign(&self.key))).await?;
            *registered = true;
            info!(router = self.router.target(), model = %offer.model_id, expiry_ms = reply.expiry_ms, "offer registered");
        }
        let free = if *self.ready.borrow() { self.slots.available_permits() } else { 0 };
        let beat = Heartbeat {
            node_id: self.offer.node_id.to_bytes(),
            model_id: self.offer.model_id.to_string(),
            free_slots: u32::try_from(free).unwrap_or(u32::MAX),
            queued: 0,
        };
        let reply = self.router.ask(beat).await?;
        *registered = reply.known;
        if !reply.known {
            return Ok(Duration::ZERO);
        }
        Ok(Duration::from_millis(reply.heartbeat_ms).min(BEAT_MAX))
    }
}
