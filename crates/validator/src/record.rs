//! Taking a record in: check, compare with the chain, store, and only then sign the receipt (SPEC 5.1).
//!
//! Pushing the same record again gives the same receipt, byte for byte. A second record for one reply, validly signed by
//! the same provider, proves itself: the entry turns to a reject and the provider is ejected.

use std::sync::Arc;

use ogong_audit::{Receipt, SignedReceipt};
use ogong_base::codec::Encode;
use ogong_base::units::UnixMillis;
use ogong_daemon::clock::now_ms;
use ogong_net::wire::{ErrorCode, ErrorReply, PushRecord, ReceiptReply};
use tracing::{info, warn};

use crate::cases;
use crate::error::{chain_refusal, refusal};
use crate::intake::{self, Checked};
use crate::node::Node;
use crate::roster::Roster;
use crate::shelf::store_refusal;
use crate::state::{Entry, Phase, Work};

/// Replies without a final outcome that are held at most.
pub const OPEN_REPLIES_MAX: usize = 16_384;

/// Takes a pushed record.
///
/// # Errors
/// A refusal that names what does not hold.
pub async fn push(node: &Arc<Node>, push: PushRecord) -> Result<ReceiptReply, ErrorReply> {
    let checked = intake::check(push)?;
    if let Some(entry) = node.shelf.entry(&checked.record.reply_id).map_err(|err| store_refusal(&err))? {
        return again(node, entry, &checked).await;
    }
    let roster = node.roster_for_peer()?;
    intake::check_terms(&checked.order, &roster.terms, now_ms())?;
    let provider = checked.provider.node_id();
    if let Some(why) = node.shelf.ejected(&provider).map_err(|err| store_refusal(&err))? {
        return Err(refusal(
            ErrorCode::Forbidden,
            format!("provider {provider} is ejected: {why}"),
            "records of an ejected provider are not taken any more",
        ));
    }
    if node.shelf.open_count() >= OPEN_REPLIES_MAX {
        return Err(refusal(
            ErrorCode::Busy,
            "too many replies are open at this validator",
            "push again later or to another validator",
        ));
    }
    compare_with_chain(node, &checked).await?;
    let entry = entry_of(node, &roster, &checked);
    let reply_id = entry.reply_id;
    let reply = receipt_of(node, &entry);
    match node.shelf.insert(entry).await.map_err(|err| store_refusal(&err))? {
        None => {
            info!(%reply_id, %provider, n_tokens = checked.record.n_tokens, "record stored");
            cases::start(node, reply_id);
            Ok(reply)
        }
        Some(first) => again(node, first, &checked).await,
    }
}

/// The reply is known: the same record gets the same receipt, another one is equivocation.
async fn again(node: &Arc<Node>, entry: Entry, checked: &Checked) -> Result<ReceiptReply, ErrorReply> {
    if entry.pushed.record == checked.pushed.record {
        return Ok(receipt_of(node, &entry));
    }
    let reply_id = entry.reply_id;
    let rival = (checked.pushed.record.clone(), checked.pushed.record_signature.clone());
    warn!(%reply_id, provider = %checked.provider.node_id(), "equivocation: two records for one reply");
    node.shelf
        .update(&reply_id, |entry| {
            if entry.rival.is_none() {
                entry.rival = Some(rival);
            }
        })
        .await
        .map_err(|err| store_refusal(&err))?;
    node.shelf
        .eject(checked.provider.node_id(), "two records for one reply")
        .await
        .map_err(|err| store_refusal(&err))?;
    node.news.notify_waiters();
    Err(refusal(
        ErrorCode::Conflict,
        format!("another record for reply {reply_id} is held already"),
        "a provider signs one record for a reply; two are equivocation and return the money to the consumer",
    ))
}

async fn compare_with_chain(node: &Arc<Node>, checked: &Checked) -> Result<(), ErrorReply> {
    let Some(ledger) = &node.ledger else { return Ok(()) };
    let escrow = ledger.escrow(&checked.record.reply_id).await.map_err(|err| chain_refusal(&err))?;
    intake::check_escrow(checked, escrow.as_ref())?;
    let root = node.catalogue_root(&checked.order.model_id).await?;
    intake::check_catalogue(&checked.order, root)
}

fn entry_of(node: &Node, roster: &Roster, checked: &Checked) -> Entry {
    let received = UnixMillis(now_ms());
    let receipt =
        Receipt::new(checked.record.reply_id, checked.record_hash, node.id(), received, &roster.terms.schedule);
    let round = receipt.round;
    let signed = SignedReceipt::sign(receipt, &node.keys.node);
    Entry {
        reply_id: checked.record.reply_id,
        pushed: checked.pushed.clone(),
        rival: None,
        receipt_signature: signed.signature.to_bytes(),
        receipt: signed.body.to_bytes(),
        received_ms: received.0,
        round: round.0,
        deadline_ms: checked.order.deadline_ms,
        phase: Phase::Received,
        work: Work::default(),
        note: format!("waits for beacon round {round}"),
    }
}

fn receipt_of(node: &Node, entry: &Entry) -> ReceiptReply {
    ReceiptReply {
        receipt: entry.receipt.clone(),
        signature: entry.receipt_signature.clone(),
        validator_public: node.keys.node.public().to_bytes(),
    }
}
