//! What a provider does again and again beside serving.

use crate::{ledger_store::Replies, validators::Validators};
use ogong_base::hash::ConsensusId;
use ogong_daemon::{Shutdown, clock::now_ms};
use ogong_settlement::Chain;
use std::time::Duration;
use tokio::time::sleep;
use tracing::{info, warn};

/// How often the registry of validators is read.
const REGISTRY: Duration = Duration::from_secs(30);
/// How often it is read while no validator is known.
const REGISTRY_EMPTY: Duration = Duration::from_secs(2);
/// How often old openings are dropped.
const EXPIRE: Duration = Duration::from_secs(600);

/// Keeps the validators as the chain has them; the configured one is known before it is read.
pub async fn registry(
    chain: Chain,
    validators: Validators,
    configured: Option<(ConsensusId, String)>,
    shutdown: Shutdown,
) {
    if let Some((id, endpoint)) = configured {
        validators.add(id, &endpoint);
    }
    while !shutdown.is_triggered() {
        let pause = match validators.refresh(&chain).await {
            Ok(0) => REGISTRY_EMPTY,
            Ok(_) => REGISTRY,
            Err(error) => {
                warn!(%error, "registry could not be read; trying again");
                REGISTRY_EMPTY
            }
        };
        let _ = shutdown.unless(sleep(pause)).await;
    }
}

/// Drops old openings.
pub async fn expire(replies: Replies, shutdown: Shutdown) {
    while !shutdown.is_triggered() {
        match replies.expire(now_ms()).await {
            Ok(0) => {}
            Ok(dropped) => info!(dropped, "old openings dropped"),
            Err(error) => warn!(%error, "old openings could not be dropped"),
        }
        let _ = shutdown.unless(sleep(EXPIRE)).await;
    }
}
