//! The handler's side of a batch: what is ready, the peers' signatures over its root, each escrow by its proof. See [`crate::batch`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ogong_base::codec::Decode;
use ogong_base::hash::ReplyId;
use ogong_base::keys::{HybridSignature, NodePublic};
use ogong_net::wire::{BatchCase, BatchReply, BatchRequest};
use ogong_settlement::batch::{BATCH_MAX, BatchPlan};
use tracing::{info, warn};

use crate::batch::{BATCH_BYTES_MAX, BATCH_MIN};
use crate::cases::Step;
use crate::error::Error;
use crate::ledger::Ledger;
use crate::node::Node;
use crate::payment::Case;
use crate::quorum::{self, Signed};
use crate::roster::{Member, Roster};
use crate::settle::{choose, finish, payees};
use crate::state::{Cosignature, Entry, Phase};

/// Pause of a reply that another task settles in a batch.
const WATCH: Duration = Duration::from_millis(500);

/// Settles a reply together with others that are ready; none where it had better go alone.
///
/// # Errors
/// When chain or store do not answer.
pub async fn step(node: &Arc<Node>, roster: &Arc<Roster>, entry: &Entry) -> Result<Option<Step>, Error> {
    let (Some(ledger), true) = (&node.ledger, settles(entry)) else { return Ok(None) };
    let Ok(_batching) = node.batching.try_lock() else {
        return Ok(Some(Step::Wait(WATCH, "settled in a batch with others".to_owned())));
    };
    let ready = ready(node)?;
    if ready.len() < BATCH_MIN {
        return Ok(None);
    }
    let mut plans = Vec::new();
    let mut cases = BTreeMap::new();
    for entry in ready {
        let case = Case::of(&entry)?;
        // One that cannot be planned now (closed by another, say) holds up no other.
        match case.plan(ledger.as_ref(), node.chain_key()).await {
            Ok(plan) => {
                plans.push(plan);
                cases.insert(case.reply_id, (entry, case));
            }
            Err(error) => info!(reply_id = %case.reply_id, %error, "left out of the batch"),
        }
    }
    if plans.len() < BATCH_MIN {
        return Ok(None);
    }
    let batch = BatchPlan::new(plans)?;
    let Some(agreed) = signed(node, roster, ledger.as_ref(), &batch, &cases).await? else { return Ok(None) };
    for (index, plan) in batch.plans().iter().enumerate() {
        let Some((entry, _)) = cases.get(&plan.settlement.reply_id) else { continue };
        let closed = ledger.settle_batched(&batch, index, &node.keys.wallet).await?;
        let (payees, votes) = (payees(plan), agreed.iter().filter_map(|votes| votes.get(index).cloned()).collect());
        let entry = node
            .shelf
            .update(&entry.reply_id, |entry| {
                entry.work.payees = payees;
                entry.work.cosignatures = votes;
            })
            .await?;
        finish(node, &entry, closed).await?;
    }
    if let Err(error) = ledger.close_batch(&batch, &node.keys.wallet).await {
        warn!(%error, "batch not closed, its rent stays on chain");
    }
    Ok(Some(Step::Moved))
}

/// Whether an entry's verdict pays; a refund moves money by itself and goes alone.
fn settles(entry: &Entry) -> bool {
    entry.phase == Phase::Cosigning && crate::payout::verdict_of(entry).is_ok_and(|verdict| verdict.outcome.settles())
}

/// What this node could settle now, as much of it as one batch holds.
fn ready(node: &Node) -> Result<Vec<Entry>, Error> {
    let mut found = Vec::new();
    let mut bytes = 0usize;
    for reply_id in node.shelf.open_replies() {
        let Some(entry) = node.shelf.entry(&reply_id)? else { continue };
        let weight = entry.work.evidence.as_ref().map_or(0, Vec::len);
        if !settles(&entry) || bytes.saturating_add(weight) > BATCH_BYTES_MAX {
            continue;
        }
        bytes = bytes.saturating_add(weight);
        found.push(entry);
        if found.len() == BATCH_MAX {
            break;
        }
    }
    Ok(found)
}

/// The batch, signed by a quorum and on chain, with each signer's votes in the order of the leaves; none where too few agreed.
async fn signed(
    node: &Arc<Node>,
    roster: &Arc<Roster>,
    ledger: &dyn Ledger,
    batch: &BatchPlan,
    cases: &BTreeMap<ReplyId, (Entry, Case)>,
) -> Result<Option<Vec<Vec<Cosignature>>>, Error> {
    let Ok(members) = choose(node, roster, batch, &BTreeMap::new()) else { return Ok(None) };
    let of_leaf = |plan: &ogong_settlement::plan::SettlePlan| {
        let (_, case) = cases.get(&plan.settlement.reply_id)?;
        Some(BatchCase { evidence: case.evidence.clone(), verdict: case.verdict_bytes.clone() })
    };
    let wired: Vec<BatchCase> = batch.plans().iter().filter_map(of_leaf).collect();
    let ask = |member: Member, message: Vec<u8>| {
        let (links, batch, request) =
            (node.links.clone(), batch.clone(), BatchRequest { cases: wired.clone(), message });
        async move {
            let reply = links.ask(member.consensus_id, request).await.map_err(|err| err.to_string())?;
            verified(&batch, &member, &reply)
        }
    };
    let collected = quorum::collect(node, ledger, batch, (&members, 0), ask).await?;
    for (member, why) in &collected.refused {
        warn!(validator = %member.authority, why, "batch not co-signed, its replies go alone");
    }
    let Some((signatures, blockhash)) = collected.transaction else { return Ok(None) };
    ledger.send_signed(&signatures, &blockhash).await?;
    if collected.by_approvals {
        quorum::close_approvals(node, ledger, batch).await;
    }
    info!(replies = batch.plans().len(), cosigners = members.len(), "batch signed");
    Ok(Some(collected.agreed))
}

/// Every vote has to hold, of the validator that was asked.
fn verified(batch: &BatchPlan, member: &Member, reply: &BatchReply) -> Result<Signed<Vec<Cosignature>>, String> {
    let public = NodePublic::from_bytes(&reply.validator_public).map_err(|err| err.to_string())?;
    let ours = public.node_id() == member.node_id && reply.chain_key == member.authority.as_bytes();
    if !ours || reply.votes.len() != batch.plans().len() {
        return Err("it signed as another validator, or voted on other replies".to_owned());
    }
    let signature = reply.chain_signature.as_slice().try_into();
    let signature: [u8; 64] = signature.map_err(|_| "its chain signature is not 64 bytes long".to_owned())?;
    let mut votes = Vec::new();
    for (plan, vote) in batch.plans().iter().zip(&reply.votes) {
        let hybrid = HybridSignature::from_bytes(vote).map_err(|err| err.to_string())?;
        plan.settlement.verify_cosign(&public, &hybrid).map_err(|err| err.to_string())?;
        votes.push(Cosignature {
            chain_key: *member.authority.as_bytes(),
            chain_signature: reply.chain_signature.clone(),
            signature: vote.clone(),
            validator_public: reply.validator_public.clone(),
        });
    }
    Ok((signature, votes))
}
