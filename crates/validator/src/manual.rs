//! Verdicts by hand: without a verifier an audited reply waits until the operator decides.
//!
//! The decision is stored with the entry before it is confirmed. Peers do not take it on trust: each co-signs a manual
//! verdict only when its own operator has decided the same ([`crate::cosign`]).

use std::sync::Arc;

use ogong_base::hash::ReplyId;
use ogong_net::wire::{ErrorCode, ErrorReply, ManualVerdict, ManualVerdictReply, field};
use tracing::info;

use crate::error::refusal;
use crate::node::Node;
use crate::shelf::store_refusal;
use crate::state::{Manual, Phase};

/// Bytes of an operator's reason at most.
const REASON_BYTES_MAX: usize = 1_024;

/// Takes the operator's decision on a reply.
///
/// # Errors
/// An unknown reply, one that is decided already, or one whose verifiers have not given up.
pub async fn take(node: &Arc<Node>, verdict: &ManualVerdict) -> Result<ManualVerdictReply, ErrorReply> {
    let reply_id: ReplyId = field("reply_id", &verdict.reply_id)?;
    if verdict.reason.len() > REASON_BYTES_MAX {
        return Err(ErrorReply::malformed(
            "reason",
            format!("{} bytes, at most {REASON_BYTES_MAX}", verdict.reason.len()),
        ));
    }
    let entry = node.shelf.entry(&reply_id).map_err(|err| store_refusal(&err))?.ok_or_else(|| {
        refusal(
            ErrorCode::NotFound,
            format!("no record of reply {reply_id} is held here"),
            "the provider pushes it at the end of the stream",
        )
    })?;
    let decision = if verdict.accept { Manual::Accept } else { Manual::Reject };
    let open = matches!(entry.phase, Phase::Received | Phase::Auditing | Phase::AwaitingVerdict);
    if !open || entry.work.manual.is_some_and(|before| before != decision) {
        return Err(refusal(
            ErrorCode::Conflict,
            format!("reply {reply_id} is decided already, it is {}", entry.phase.as_str()),
            "`ogong-validatord receipt` shows the verdict",
        ));
    }
    let entry = node
        .shelf
        .update(&reply_id, |entry| entry.work.manual = Some(decision))
        .await
        .map_err(|err| store_refusal(&err))?;
    info!(%reply_id, ?decision, reason = %verdict.reason, "verdict taken by hand");
    node.news.notify_waiters();
    Ok(ManualVerdictReply { state: entry.phase.as_str().to_owned() })
}
