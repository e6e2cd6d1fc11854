//! What a validator does for the chain beside replies: begins epochs, has ended ones' emission approved, pays what is owed.
//!
//! Time is the chain's own: an epoch ends when its clock says so. Any registered validator begins the next one; of several that try
//! at once one pays, and the others find it begun. Proposing an emission goes by turns, so that peers are asked once.

use std::sync::Arc;
use std::time::Duration;

use ogong_settlement::Error as ChainError;
use ogong_settlement::interface::account::Config;
use tracing::{debug, info, warn};

use crate::cases::is_member;
use crate::error::Error;
use crate::node::Node;
use crate::{dues, emission};

/// Longest pause between two looks at the chain's calendar.
const LOOK_MAX: Duration = Duration::from_secs(30);

/// Keeps the calendar until the process ends.
pub async fn run(node: Arc<Node>) {
    let pause = node.config.registry_refresh.min(LOOK_MAX);
    let mut failing = false;
    loop {
        match round(&node).await {
            Ok(()) => failing = false,
            Err(error) if failing => debug!(%error, "chain's calendar not kept"),
            Err(error) => {
                warn!(%error, "chain's calendar not kept, tried again");
                failing = true;
            }
        }
        tokio::time::sleep(pause).await;
    }
}

async fn round(node: &Arc<Node>) -> Result<(), Error> {
    let (Some(ledger), Some(roster)) = (&node.ledger, node.roster()) else { return Ok(()) };
    if !is_member(node, &roster) {
        return Ok(());
    }
    let (config, now_ms) = ledger.calendar().await?;
    if is_over(&config, now_ms) {
        match ledger.advance_epoch(&node.keys.wallet, config.stake_epoch).await {
            Ok(now) => info!(epoch = now.stake_epoch, "epoch begun"),
            // Another validator may have the lamports.
            Err(error @ ChainError::Poor { .. }) => warn!(%error, "this validator cannot begin the epoch"),
            Err(error) => return Err(error.into()),
        }
    }
    dues::pay_owed(node).await?;
    emission::propose_due(node, &roster).await
}

/// Whether an epoch has had its length.
fn is_over(config: &Config, now_ms: u64) -> bool {
    now_ms >= config.epoch_started_ms.saturating_add(config.epoch_length_ms)
}
