//! The flat fees of verifiers that this node's settlements name (SPEC 9.5): paid at once, or owed until the reserve has them.
//!
//! A debt is stored before the first payment is tried and deleted when the escrow says that all are paid, so neither a crash nor an
//! empty reserve loses one. Anyone may pay; that the handler does is only so that somebody does.

use std::sync::Arc;

use ogong_base::hash::ReplyId;
use ogong_settlement::Error as ChainError;
use ogong_settlement::interface::ChainError as Refusal;
use ogong_settlement::interface::account::Escrow;
use ogong_settlement::solana::unpaid;
use tracing::{debug, info, warn};

use crate::error::Error;
use crate::node::Node;

/// Debts looked at in one round.
const ROUND_MAX: usize = 64;

/// Notes what a closed escrow owes and pays it.
///
/// # Errors
/// When the store does not take the debt. A payment that fails is tried again by [`pay_owed`].
pub async fn settle(node: &Arc<Node>, reply_id: &ReplyId, escrow: &Escrow) -> Result<(), Error> {
    if unpaid(escrow).is_empty() {
        return Ok(());
    }
    node.shelf.owe(reply_id).await?;
    pay(node, reply_id).await
}

/// Pays what is owed from before.
///
/// # Errors
/// When the store fails.
pub async fn pay_owed(node: &Arc<Node>) -> Result<(), Error> {
    for reply_id in node.shelf.owed(ROUND_MAX)? {
        pay(node, &reply_id).await?;
    }
    Ok(())
}

async fn pay(node: &Arc<Node>, reply_id: &ReplyId) -> Result<(), Error> {
    let Some(ledger) = &node.ledger else { return Ok(()) };
    match ledger.pay_verifiers(reply_id, &node.keys.wallet).await {
        Ok(escrow) => {
            let left = unpaid(&escrow).len();
            info!(%reply_id, left, "verifiers paid");
            // Who is named and not registered any more has nobody to be paid to.
            node.shelf.paid(reply_id).await
        }
        Err(ChainError::Refused(Refusal::ReserveTooLow)) => {
            debug!(%reply_id, "the reserve lacks the verifiers' fee, owed until it has it");
            Ok(())
        }
        // Its payer has shrunk it to a stub, long after the deadline: nothing can be paid from it any more.
        Err(ChainError::Account { what: "escrow", .. }) => node.shelf.paid(reply_id).await,
        Err(error) => {
            warn!(%reply_id, %error, "verifiers not paid yet");
            Ok(())
        }
    }
}
