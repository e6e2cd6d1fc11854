//! Record intake: what is checked before a receipt is given (SPEC 2.2, 3.9, 5.1).
//!
//! Pure: the record against itself, its order, the registry's terms, the escrow and the catalogue. A record that passes is
//! one whose provider can be held to it; everything deeper (openings, scores) is the audit's.

use ogong_base::hash::{ModelRoot, RecordHash};
use ogong_base::keys::{HybridSignature, NodePublic};
use ogong_base::params::ORDER_DEADLINE_MS;
use ogong_commitment::order::Order;
use ogong_commitment::record::{Record, SignedRecord};
use ogong_net::wire::{ErrorCode, ErrorReply, PushRecord, field};
use ogong_settlement::chain_key;
use ogong_settlement::interface::account::{Escrow, EscrowStatus};

use crate::error::refusal;
use crate::roster::Terms;
use crate::state::Pushed;

/// Clocks of honest nodes differ by less than this.
pub const CLOCK_SKEW_MS: u64 = 30_000;

/// A record whose signatures hold and that belongs to its order.
#[derive(Debug, Clone)]
pub struct Checked {
    /// The record.
    pub record: Record,
    /// Its hash.
    pub record_hash: RecordHash,
    /// The order it answers.
    pub order: Order,
    /// Who signed the record.
    pub provider: NodePublic,
    /// The same, byte for byte, as it will be stored.
    pub pushed: Pushed,
}

/// Checks form, signatures and the bindings between record and order.
///
/// # Errors
/// A refusal that names what does not hold.
pub fn check(push: PushRecord) -> Result<Checked, ErrorReply> {
    let record: Record = field("record", &push.record)?;
    let order: Order = field("order", &push.order)?;
    let provider: NodePublic = field("provider_public", &push.provider_public)?;
    let signature: HybridSignature = field("record_signature", &push.record_signature)?;
    let order_signature: [u8; 64] = fixed("order_signature", &push.order_signature)?;
    let session_key: [u8; 32] = fixed("session_key", &push.session_key)?;
    let payout: [u8; 32] = fixed("provider_payout", &push.provider_payout)?;

    let signed = SignedRecord { record: push.record.clone(), public: provider.clone(), signature };
    signed.verify().map_err(|err| {
        unverified(
            format!("the record's signature does not hold: {err}"),
            "sign the record with the provider's node key",
        )
    })?;
    order.verify(&session_key, &order_signature).map_err(|err| {
        unverified(format!("the order's signature does not hold: {err}"), "push the order as the session key signed it")
    })?;
    bind(&record, &order, &provider)?;
    Ok(Checked {
        record_hash: signed.record_hash(),
        pushed: Pushed {
            record: push.record,
            record_signature: push.record_signature,
            provider_public: push.provider_public,
            order: push.order,
            order_signature: push.order_signature,
            session_key,
            payout,
            n_prompt: push.n_prompt,
        },
        record,
        order,
        provider,
    })
}

/// The record answers this order and no other. An impossible token count is let through: the provider has signed it for
/// this very order, so the audit rejects it at once and the consumer need not wait for the deadline.
fn bind(record: &Record, order: &Order, provider: &NodePublic) -> Result<(), ErrorReply> {
    let reply_id = order.reply_id();
    if record.reply_id != reply_id {
        return Err(foreign("reply id", &record.reply_id, &reply_id));
    }
    if record.req_hash != order.req_hash {
        return Err(foreign("req_hash", &record.req_hash, &order.req_hash));
    }
    if record.model_root != order.model_root {
        return Err(foreign("model root", &record.model_root, &order.model_root));
    }
    let signer = provider.node_id();
    if order.provider != signer {
        return Err(foreign("provider", &signer, &order.provider));
    }
    if record.t1_ms < record.t0_ms {
        return Err(unverified(
            format!("the record ends at {} before it starts at {}", record.t1_ms, record.t0_ms),
            "check the provider's clock",
        ));
    }
    Ok(())
}

/// The order belongs to this network and its time has not passed.
///
/// # Errors
/// A refusal that names what does not hold.
pub fn check_terms(order: &Order, terms: &Terms, now_ms: u64) -> Result<(), ErrorReply> {
    if order.network != terms.network {
        return Err(foreign("network", &order.network, &terms.network));
    }
    if order.program != terms.program {
        return Err(foreign("program", &order.program, &terms.program));
    }
    if now_ms > order.deadline_ms {
        return Err(refusal(
            ErrorCode::Expired,
            format!("the order's deadline passed {} ms ago", now_ms.saturating_sub(order.deadline_ms)),
            "the consumer may refund the escrow alone now; push records at the end of the stream",
        ));
    }
    if order.issued_ms > now_ms.saturating_add(CLOCK_SKEW_MS) {
        return Err(unverified(
            format!("the order was issued at {}, which is in the future", order.issued_ms),
            "check the clocks of gateway and validator",
        ));
    }
    if order.deadline_ms > order.issued_ms.saturating_add(2 * ORDER_DEADLINE_MS) {
        return Err(unverified(
            "the order's deadline is too far away",
            "the network's orders end 15 minutes after their issue",
        ));
    }
    Ok(())
}

/// The escrow on chain stands for this order and its money is still there.
///
/// # Errors
/// A refusal that names what does not hold.
pub fn check_escrow(checked: &Checked, escrow: Option<&Escrow>) -> Result<(), ErrorReply> {
    let Some(escrow) = escrow else {
        return Err(refusal(
            ErrorCode::NotFound,
            format!("no escrow is open for reply {}", checked.record.reply_id),
            "the gateway opens the escrow before it forwards; push again once its transaction is confirmed",
        ));
    };
    let order = &checked.order;
    let holds = [
        ("session key", escrow.session_key == checked.pushed.session_key),
        ("owner", chain_key(&escrow.owner) == order.owner),
        ("provider", &escrow.provider == order.provider.as_bytes()),
        ("router", &escrow.router == order.router.as_bytes()),
        ("model root", &escrow.model_root == order.model_root.as_bytes()),
        ("req_hash", &escrow.req_hash == order.req_hash.as_bytes()),
        ("price_prompt", escrow.price_prompt == order.price_prompt),
        ("price_completion", escrow.price_completion == order.price_completion),
        ("max_fee", escrow.max_fee == order.max_fee),
        ("max_tokens", escrow.max_tokens == order.max_tokens),
        ("deadline", escrow.deadline_ms == order.deadline_ms),
        ("provider payout", escrow.provider_payout.to_bytes() == checked.pushed.payout),
    ];
    if let Some((what, _)) = holds.iter().find(|(_, same)| !same) {
        return Err(unverified(
            format!("the escrow's {what} is not the order's"),
            "push the order that opened the escrow",
        ));
    }
    let paid_for_this = escrow.record_hash == *checked.record_hash.as_bytes();
    match escrow.status {
        EscrowStatus::Open => Ok(()),
        // Another validator was faster: the record is kept, and its provider gets the receipt it asks for.
        EscrowStatus::Settled | EscrowStatus::Decided | EscrowStatus::Refunded if paid_for_this => Ok(()),
        EscrowStatus::Settled | EscrowStatus::Decided => {
            Err(refusal(ErrorCode::Conflict, "the escrow is settled already", "a reply is paid once"))
        }
        EscrowStatus::Refunded => {
            Err(refusal(ErrorCode::Conflict, "the escrow is refunded already", "a refunded reply is not paid any more"))
        }
    }
}

/// The model that was ordered is the catalogue's.
///
/// # Errors
/// A refusal that names both roots.
pub fn check_catalogue(order: &Order, catalogue: Option<ModelRoot>) -> Result<(), ErrorReply> {
    match catalogue {
        Some(root) if root == order.model_root => Ok(()),
        Some(root) => Err(foreign("model root", &order.model_root, &root)),
        None => Err(refusal(
            ErrorCode::NotFound,
            format!("model {} is not in the chain's catalogue", order.model_id),
            "register the model before it is served on the verified tier",
        )),
    }
}

fn fixed<const N: usize>(name: &str, bytes: &[u8]) -> Result<[u8; N], ErrorReply> {
    bytes.try_into().map_err(|_| ErrorReply::malformed(name, format!("expected {N} bytes, got {}", bytes.len())))
}

fn unverified(message: impl Into<String>, hint: &str) -> ErrorReply {
    refusal(ErrorCode::Unverified, message, hint)
}

fn foreign(what: &str, got: &impl std::fmt::Display, expected: &impl std::fmt::Display) -> ErrorReply {
    unverified(
        format!("foreign {what}: expected {expected}, got {got}"),
        "a record answers one order of one network; push it with that order",
    )
}
