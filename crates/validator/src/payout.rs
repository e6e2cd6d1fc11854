//! What follows from a verdict: the payment every validator derives the same way, and who may send it (SPEC 9.3–9.7).

use std::sync::Arc;
use std::time::Duration;

use ogong_audit::{Outcome, Reason, Verdict};
use ogong_base::codec::Decode;
use ogong_commitment::order::Order;
use ogong_settlement::plan::Decision;

use crate::cases::{Step, advance, close_if_closed};
use crate::error::Error;
use crate::node::Node;
use crate::roster::Roster;
use crate::state::{Entry, Phase};

/// How often a verdict that somebody else has to settle is looked at.
const WATCH: Duration = Duration::from_secs(5);

/// Takes the step of a reply whose verdict stands.
///
/// # Errors
/// When chain, store or peers do not answer.
pub async fn step(node: &Arc<Node>, roster: &Arc<Roster>, entry: &Entry) -> Result<Step, Error> {
    if node.ledger.is_none() {
        return advance(node, entry, Phase::Judged, "").await;
    }
    if close_if_closed(node, entry).await? {
        return Ok(Step::Moved);
    }
    if entry.rival.is_some() && entry.phase == Phase::Cosigning && verdict_of(entry)?.reason != Reason::Equivocation {
        return advance(node, entry, Phase::Auditing, "a second record came: decided again").await;
    }
    if !node.config.holds_sink() {
        let note = "verdict stands; waits for a validator that holds the settlement sink";
        return Ok(Step::Wait(WATCH, note.to_owned()));
    }
    #[cfg(feature = "settlement")]
    return crate::settle::step(node, roster, entry).await;
    #[cfg(not(feature = "settlement"))]
    {
        let _ = roster;
        Ok(Step::Wait(WATCH, "verdict stands; this build does not settle".to_owned()))
    }
}

/// What a verdict means for the escrow. `n_prompt` is the opened header's. Verifiers are named by the plan, from the chain.
///
/// # Errors
/// A verdict that neither settles nor refunds.
pub fn decision(verdict: &Verdict, order: &Order, n_prompt: u32, n_billed: u32) -> Result<Decision, Error> {
    if verdict.outcome == Outcome::Inconclusive {
        return Err(Error::Audit("an inconclusive verdict moves no money".to_owned()));
    }
    Ok(Decision {
        record_hash: verdict.record_hash,
        outcome: verdict.outcome as u8,
        verdict_hash: verdict.hash(),
        round: verdict.round.0,
        n_prompt,
        n_billed,
        // A network of text without grammars has no forced tokens.
        n_counted: n_billed,
        expiry_ms: order.deadline_ms,
        verifiers: Vec::new(),
    })
}

/// The verdict an entry holds.
///
/// # Errors
/// When there is none, or the store holds something else.
pub fn verdict_of(entry: &Entry) -> Result<Verdict, Error> {
    let bytes = entry.work.verdict.as_deref().ok_or_else(|| Error::Audit("no verdict stands yet".to_owned()))?;
    Ok(Verdict::from_bytes(bytes)?)
}
