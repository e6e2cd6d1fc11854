//! Takes back what was paid in for answers that never settled: the consumer may do so alone after the order's deadline (SPEC 6, 9.6).

use crate::chain::{Chain, ChainError, EscrowState};
use crate::ledger::{self, Ledger};
use ogong_base::ReplyId;
use std::sync::Arc;
use std::time::Duration;
use tracing::{info, warn};

/// How often the ledger is looked through.
pub const RECLAIM_INTERVAL: Duration = Duration::from_secs(30);
/// The chain's clock may be behind ours; asking too early is only refused.
const CHAIN_CLOCK_SLACK_MS: u64 = 5_000;
/// Escrows taken back in one turn at most.
const TURN_MAX: usize = 1_024;

/// What one turn did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// Escrows refunded.
    pub refunded: usize,
    /// Escrows found settled, refunded by others, or never opened.
    pub closed: usize,
    /// Escrows to be tried again.
    pub left: usize,
}

/// One turn over the escrows that are due at `now_ms`.
///
/// # Errors
/// When the ledger cannot be read or written; what the chain refuses is tried again next turn.
pub async fn turn(chain: &dyn Chain, ledger: &Ledger, now_ms: u64) -> Result<Turn, ledger::Error> {
    let mut done = Turn::default();
    for reply_id in ledger.due(now_ms.saturating_sub(CHAIN_CLOCK_SLACK_MS), TURN_MAX)? {
        match reclaim(chain, reply_id).await {
            Ok(true) => done.refunded += 1,
            Ok(false) => done.closed += 1,
            Err(error) => {
                warn!(%reply_id, %error, "escrow not taken back yet");
                done.left += 1;
                continue;
            }
        }
        ledger.forget(&reply_id)?;
    }
    Ok(done)
}

/// True when there was money to take back.
async fn reclaim(chain: &dyn Chain, reply_id: ReplyId) -> Result<bool, ChainError> {
    match chain.state(reply_id).await? {
        EscrowState::Missing | EscrowState::Closed => Ok(false),
        EscrowState::Open => {
            chain.refund_expired(reply_id).await?;
            info!(%reply_id, "expired escrow taken back");
            Ok(true)
        }
    }
}

/// Looks through the ledger for ever.
pub async fn run(chain: Arc<dyn Chain>, ledger: Ledger) {
    let mut ticks = tokio::time::interval(RECLAIM_INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = turn(chain.as_ref(), &ledger, ogong_daemon::clock::now_ms()).await {
            warn!(%error, "escrow ledger could not be looked through");
        }
    }
}
