//! The first step of a reply: is it this node's to handle, has its round begun, and does the draw select it?

use std::sync::Arc;
use std::time::Duration;

use ogong_base::codec::Encode;
use ogong_base::params::HANDLER_TURN_MS;
use ogong_base::units::{Round, UnixMillis};
use ogong_daemon::clock::now_ms;
use ogong_net::wire::ReplyStatusRequest;
use tracing::info;

use crate::cases::{Step, advance, close_if_closed, is_member};
use crate::error::Error;
use crate::node::Node;
use crate::roster::Roster;
use crate::state::{Entry, Phase};
use crate::turns::{PATIENCE_TURNS, Turns};

/// How often a reply in somebody else's hands is looked at.
const WATCH: Duration = Duration::from_secs(5);
/// How often a round is asked for until its shares are there.
const ROUND_RETRY: Duration = Duration::from_millis(700);
/// How long an earlier handler may take to say what it does.
const ASK_TIMEOUT: Duration = Duration::from_secs(2);

/// Takes the step.
///
/// # Errors
/// When chain or store do not answer.
pub async fn step(node: &Arc<Node>, roster: &Arc<Roster>, entry: &Entry) -> Result<Step, Error> {
    if !is_member(node, roster) {
        return Ok(Step::Wait(WATCH, "waits for this validator's own registration on chain".to_owned()));
    }
    if let Some(wait) = not_my_turn(node, roster, entry).await? {
        return Ok(wait);
    }
    let starts = roster.terms.schedule.start_ms(Round(entry.round)).0;
    let now = now_ms();
    if now < starts {
        let wait = Duration::from_millis(starts.saturating_sub(now));
        return Ok(Step::Wait(wait, format!("waits for beacon round {}", entry.round)));
    }
    if !roster.terms.schedule.has_begun(Round(entry.round), UnixMillis(now)) {
        return Ok(Step::Wait(ROUND_RETRY, format!("waits for beacon round {}", entry.round)));
    }
    let beacon = match node.rounds.collect(Round(entry.round), roster, &node.links).await {
        Ok(beacon) => beacon,
        Err(missing) => return Ok(Step::Wait(ROUND_RETRY, missing.to_string())),
    };
    info!(reply_id = %entry.reply_id, round = entry.round, participants = beacon.participants().len(), "reply drawn");
    let bytes = beacon.to_bytes();
    node.shelf.update(&entry.reply_id, |entry| entry.work.beacon = Some(bytes)).await?;
    advance(node, entry, Phase::Auditing, "gathers what the draw asks for").await
}

/// What to wait for while the reply is somebody else's.
async fn not_my_turn(node: &Arc<Node>, roster: &Roster, entry: &Entry) -> Result<Option<Step>, Error> {
    let (me, turns) = (node.chain_key(), Turns::of(&entry.reply_id, roster, &node.sinks));
    let first = turns.first().map_or_else(String::new, |key| key.to_string());
    let Some(opens) = turns.opens_ms(&me, entry.received_ms) else {
        return watch(node, entry, WATCH, format!("held for validator {first}, which settles")).await;
    };
    let now = now_ms();
    if now < opens {
        let left = Duration::from_millis(opens.saturating_sub(now));
        return watch(node, entry, left.min(WATCH), format!("held for validator {first}, whose turn it is")).await;
    }
    let patience = u64::from(PATIENCE_TURNS).saturating_mul(HANDLER_TURN_MS);
    if opens > entry.received_ms
        && now < opens.saturating_add(patience)
        && somebody_works(node, roster, &turns, entry).await
    {
        return watch(node, entry, WATCH, "an earlier validator works on it".to_owned()).await;
    }
    if opens > entry.received_ms && close_if_closed(node, entry).await? {
        return Ok(Some(Step::Moved));
    }
    Ok(None)
}

async fn watch(node: &Arc<Node>, entry: &Entry, wait: Duration, note: String) -> Result<Option<Step>, Error> {
    if close_if_closed(node, entry).await? {
        return Ok(Some(Step::Moved));
    }
    Ok(Some(Step::Wait(wait, note)))
}

/// Whether a validator whose turn came earlier says that it is at it.
async fn somebody_works(node: &Arc<Node>, roster: &Roster, turns: &Turns, entry: &Entry) -> bool {
    let me = node.chain_key();
    for key in turns.before(&me) {
        let Some(member) = roster.by_authority(key) else { continue };
        let request = ReplyStatusRequest { reply_id: entry.reply_id.as_bytes().to_vec(), with_evidence: false };
        if let Ok(status) = node.links.ask_within(member.consensus_id, request, ASK_TIMEOUT).await
            && matches!(status.state.as_str(), "auditing" | "awaiting-verdict" | "cosigning" | "submitted")
        {
            return true;
        }
    }
    false
}
