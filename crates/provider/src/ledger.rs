//! What the provider reads from the chain: one order's escrow.

use ogong_base::hash::ReplyId;
use ogong_commitment::order::Order;
use ogong_settlement::interface::account::{Escrow, EscrowStatus};
use ogong_settlement::{Chain, Error};

/// Why an escrow does not secure an order.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unsecured {
    /// The chain has none.
    #[error("no escrow is open for reply {0}")]
    Absent(ReplyId),
    /// It was settled or refunded.
    #[error("the escrow of reply {0} is closed")]
    Closed(ReplyId),
    /// A term differs.
    #[error("the escrow's {0} is not the order's")]
    Differs(&'static str),
    /// It pays somebody else.
    #[error("the escrow does not pay this provider's payout address")]
    OtherPayout,
    /// The chain did not answer.
    #[error(transparent)]
    Chain(#[from] Error),
}

/// Reads the escrow of an order and holds it against the order's terms (SPEC 9.1, 9.2).
///
/// # Errors
/// The first term that differs, or why the chain did not answer.
pub async fn secured(
    chain: &Chain,
    order: &Order,
    session_key: &[u8; 32],
    payout: &ogong_settlement::interface::Address,
) -> Result<Escrow, Unsecured> {
    let reply_id = order.reply_id();
    let escrow = chain.escrow(&reply_id).await?.ok_or(Unsecured::Absent(reply_id))?;
    check(&escrow, order, session_key, payout)?;
    Ok(escrow)
}

fn check(
    escrow: &Escrow,
    order: &Order,
    session_key: &[u8; 32],
    payout: &ogong_settlement::interface::Address,
) -> Result<(), Unsecured> {
    if escrow.status != EscrowStatus::Open {
        return Err(Unsecured::Closed(order.reply_id()));
    }
    // The program parsed these from the very order bytes; what it could not know is who signs and who is paid.
    let terms = [
        ("session key", escrow.session_key == *session_key),
        ("provider", escrow.provider == *order.provider.as_bytes()),
        ("request hash", escrow.req_hash == *order.req_hash.as_bytes()),
        ("model root", escrow.model_root == *order.model_root.as_bytes()),
        ("prices", (escrow.price_prompt, escrow.price_completion) == (order.price_prompt, order.price_completion)),
        ("max_fee", escrow.max_fee == order.max_fee),
        ("deadline", escrow.deadline_ms == order.deadline_ms),
    ];
    if let Some((term, _)) = terms.iter().find(|(_, same)| !same) {
        return Err(Unsecured::Differs(term));
    }
    if escrow.provider_payout != *payout { Err(Unsecured::OtherPayout) } else { Ok(()) }
}
