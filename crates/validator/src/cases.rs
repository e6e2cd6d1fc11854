//! The driver of one reply: reads where it stands, takes the next step, stores what came of it, and again.
//!
//! Steps are in [`crate::turn`] (whose reply is it), [`crate::audit`] (what is true) and [`crate::payout`] (what follows).
//! A step either moved the entry, or names what it waits for; the note is what `status` shows. A node that starts again
//! drives every open entry from where it stood.

use std::sync::Arc;
use std::time::Duration;

use ogong_base::hash::ReplyId;
use ogong_daemon::clock::now_ms;
use ogong_settlement::interface::account::EscrowStatus;
use tracing::{debug, error, info, warn};

use crate::dues;
use crate::error::Error;
use crate::node::Node;
use crate::roster::Roster;
use crate::state::{Entry, Phase};
use crate::{audit, payout, turn};

/// First pause after a step that failed; doubled up to the longest.
const PAUSE_MIN: Duration = Duration::from_millis(500);
/// Longest pause after failures.
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// A reply stays open this long after its deadline, for a transaction that is on its way.
const GRACE_MS: u64 = 5_000;

/// What came of a step.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// The entry moved; look again at once.
    Moved,
    /// Nothing to do until the time is over or something new is known.
    Wait(Duration, String),
}

/// Drives a reply in a task of its own.
pub fn start(node: &Arc<Node>, reply_id: ReplyId) {
    let (node, stopping) = (Arc::clone(node), node.stopping.clone());
    tokio::spawn(async move { stopping.unless(drive(node, reply_id)).await });
}

/// Drives every reply that a former process left open.
///
/// # Errors
/// When the store cannot be read.
pub fn resume(node: &Arc<Node>) -> Result<usize, Error> {
    let open = node.shelf.open_replies();
    for reply_id in &open {
        start(node, *reply_id);
    }
    if !open.is_empty() {
        info!(replies = open.len(), "open replies resumed");
    }
    Ok(open.len())
}

async fn drive(node: Arc<Node>, reply_id: ReplyId) {
    let mut failures = 0u32;
    loop {
        let news = node.news.notified();
        tokio::pin!(news);
        // Registered before the entry is read, so that news between reading and waiting is not lost.
        news.as_mut().enable();
        let entry = match node.shelf.entry(&reply_id) {
            Ok(Some(entry)) => entry,
            Ok(None) => return,
            Err(error) => {
                error!(%reply_id, %error, "stored reply not readable, left alone");
                return;
            }
        };
        if entry.phase.is_final() {
            return;
        }
        let wait = match step(&node, &entry).await {
            Ok(Step::Moved) => {
                failures = 0;
                continue;
            }
            Ok(Step::Wait(wait, note)) => {
                failures = 0;
                node.shelf.note(&reply_id, note);
                wait
            }
            Err(error) => {
                let pause = PAUSE_MIN.saturating_mul(1 << failures.min(8)).min(PAUSE_MAX);
                failures = failures.saturating_add(1);
                if failures == 1 {
                    warn!(%reply_id, %error, phase = entry.phase.as_str(), "step failed, tried again");
                } else {
                    debug!(%reply_id, %error, failures, "step failed again");
                }
                node.shelf.note(&reply_id, format!("tries again after: {error}"));
                pause
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = &mut news => {}
        }
    }
}

async fn step(node: &Arc<Node>, entry: &Entry) -> Result<Step, Error> {
    let Some(roster) = node.roster() else {
        return Ok(Step::Wait(Duration::from_secs(1), "waits for the registry to be readable".to_owned()));
    };
    if now_ms() > entry.deadline_ms.saturating_add(GRACE_MS) {
        return expire(node, entry).await;
    }
    match entry.phase {
        Phase::Received => turn::step(node, &roster, entry).await,
        Phase::Auditing | Phase::AwaitingVerdict => audit::step(node, &roster, entry).await,
        Phase::Cosigning | Phase::Submitted => payout::step(node, &roster, entry).await,
        Phase::Settled | Phase::Refunded | Phase::Inconclusive | Phase::Expired | Phase::Judged => Ok(Step::Moved),
    }
}

/// The deadline is over: what the chain says is the last word.
async fn expire(node: &Arc<Node>, entry: &Entry) -> Result<Step, Error> {
    if close_if_closed(node, entry).await? {
        return Ok(Step::Moved);
    }
    let phase = match entry.phase {
        Phase::Auditing | Phase::AwaitingVerdict => Phase::Inconclusive,
        _ => Phase::Expired,
    };
    warn!(reply_id = %entry.reply_id, was = entry.phase.as_str(), waited_for = %entry.note, "deadline passed, the consumer may refund alone");
    advance(node, entry, phase, "").await
}

/// Ends the entry when its escrow is closed, whoever closed it.
///
/// # Errors
/// When chain or store do not answer.
pub async fn close_if_closed(node: &Arc<Node>, entry: &Entry) -> Result<bool, Error> {
    let Some(ledger) = &node.ledger else { return Ok(false) };
    let Some(escrow) = ledger.escrow(&entry.reply_id).await? else { return Ok(false) };
    let phase = match escrow.status {
        EscrowStatus::Open => return Ok(false),
        EscrowStatus::Settled => Phase::Settled,
        // Decided in a transaction that had no room for the payment, by a handler that may be gone.
        EscrowStatus::Decided => {
            ledger.release(&entry.reply_id, &node.keys.wallet).await?;
            Phase::Settled
        }
        EscrowStatus::Refunded => Phase::Refunded,
    };
    if entry.phase == Phase::Submitted {
        // Our own transaction closed it, and we died before we heard.
        dues::settle(node, &entry.reply_id, &escrow).await?;
    }
    let fee = escrow.fee;
    node.shelf
        .update(&entry.reply_id, |entry| {
            entry.work.fee = fee;
            entry.phase = phase;
            entry.note.clear();
        })
        .await?;
    info!(reply_id = %entry.reply_id, state = phase.as_str(), fee, "escrow closed");
    Ok(true)
}

/// Moves an entry on, durably.
///
/// # Errors
/// When the store does not take it.
///
/// # Panics
/// When the step is none of the state machine's.
pub async fn advance(node: &Arc<Node>, entry: &Entry, next: Phase, note: &str) -> Result<Step, Error> {
    assert!(entry.phase.may_become(next), "invariant: {:?} never becomes {next:?}", entry.phase);
    let note = note.to_owned();
    node.shelf
        .update(&entry.reply_id, |entry| {
            entry.phase = next;
            entry.note = note;
        })
        .await?;
    debug!(reply_id = %entry.reply_id, from = entry.phase.as_str(), to = next.as_str(), "reply moved on");
    Ok(Step::Moved)
}

/// How far the network's roster must reach for this node to act at all.
#[must_use]
pub fn is_member(node: &Node, roster: &Roster) -> bool {
    roster.by_consensus_id(node.consensus_id()).is_some()
}
