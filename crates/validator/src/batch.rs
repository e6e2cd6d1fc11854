//! Many ready replies under one quorum's word (SPEC 9.8): the peers sign the Merkle root over their settlements, and each escrow is
//! settled by its proof, without further signatures.
//!
//! Nobody waits for a batch to fill: a reply that is ready goes alone. Only where [`BATCH_MIN`] or more are ready at the same time,
//! because peers or chain were slow, are they settled together; one task does it, the others of the batch wait for it. A node killed
//! on the way finds what is open still co-signing and settles it again, alone or in another batch: an escrow is decided once.

use std::sync::Arc;

use ogong_audit::{Evidence, Verdict};
use ogong_base::codec::Encode;
use ogong_net::wire::{BatchReply, BatchRequest, ErrorReply, field};
use ogong_settlement::batch::{BATCH_MAX, BatchPlan};
use ogong_settlement::message::QuorumMessage;
use ogong_settlement::plan::SettlePlan;
use tracing::{info, warn};

use crate::cosign::{disagree, judged, voted};
use crate::node::Node;
use crate::roster::{Member, Roster};

/// Replies that are ready at the same time before they are settled together. A batch costs two transactions of its own (its account,
/// and closing it); from eight replies on that is less than the signatures it saves.
pub const BATCH_MIN: usize = 8;
/// Evidence of one batch at most: half of a frame.
pub const BATCH_BYTES_MAX: usize = ogong_base::params::FRAME_BYTES_MAX / 2;

/// Answers a handler that asks for a batch: every reply is decided again.
///
/// # Errors
/// A refusal that names the first reply that does not hold, and why.
pub async fn answer(
    node: &Arc<Node>,
    roster: &Arc<Roster>,
    handler: &Member,
    request: BatchRequest,
) -> Result<BatchReply, ErrorReply> {
    let count = request.cases.len();
    let answered = decide_all(node, roster, handler, request).await;
    match &answered {
        Ok(_) => info!(handler = %handler.authority, replies = count, "batch co-signed"),
        Err(reply) => warn!(handler = %handler.authority, why = %reply.message, "batch refused"),
    }
    answered
}

async fn decide_all(
    node: &Arc<Node>,
    roster: &Arc<Roster>,
    handler: &Member,
    request: BatchRequest,
) -> Result<BatchReply, ErrorReply> {
    if request.cases.len() > BATCH_MAX {
        return Err(ErrorReply::malformed("cases", format!("more than {BATCH_MAX}")));
    }
    let mut decided: Vec<(SettlePlan, Verdict)> = Vec::new();
    for case in request.cases {
        let claimed: Verdict = field("verdict", &case.verdict)?;
        let evidence: Evidence = field("evidence", &case.evidence)?;
        let plan = judged(node, roster, handler, evidence, &claimed).await.map_err(|mut reply| {
            reply.message = format!("reply {}: {}", claimed.reply_id, reply.message);
            reply
        })?;
        decided.push((plan, claimed));
    }
    let plans = decided.iter().map(|(plan, _)| plan.clone()).collect();
    let batch = BatchPlan::new(plans).map_err(|err| disagree(err.to_string()))?;
    QuorumMessage::check(&batch, &request.message).map_err(|err| disagree(format!("the transaction: {err}")))?;
    let mut votes = Vec::new();
    for (plan, claimed) in &decided {
        votes.push(voted(node, plan, claimed).await?);
    }
    Ok(BatchReply {
        chain_signature: node.keys.wallet.sign(&request.message).to_vec(),
        chain_key: node.chain_key().as_bytes().to_vec(),
        votes,
        validator_public: node.keys.node.public().to_bytes(),
    })
}
