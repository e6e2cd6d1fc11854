//! The settlement sink: plan, co-signatures of the peers, transaction (SPEC 9.4–9.8). Only with the `settlement` feature.
//!
//! The message names its co-signers, so they are chosen before they are asked: the fewest reachable ones that make the
//! quorum, and at least `OGONG_QUORUM`. One that refuses or is silent is left out of the next message. The transaction's
//! name is stored before it is sent: a node killed in between looks at the escrow first when it is back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ogong_base::codec::Decode;
use ogong_base::hash::ConsensusId;
use ogong_base::keys::{HybridSignature, NodePublic};
use ogong_net::wire::{CosignReply, CosignRequest};
use ogong_settlement::cosign::Cosignatures;
use ogong_settlement::interface::Address;
use ogong_settlement::interface::account::EscrowStatus;
use ogong_settlement::message::{QuorumMessage, QuorumPlan, choose_cosigners};
use ogong_settlement::plan::SettlePlan;
use ogong_settlement::solana::{Blockhash, Closed, Settled};
use ogong_settlement::{Error as ChainError, chain_key};
use tracing::{info, warn};

use crate::batching;
use crate::cases::{Step, advance, close_if_closed};
use crate::dues;
use crate::error::Error;
use crate::ledger::Ledger;
use crate::node::Node;
use crate::payment::Case;
use crate::quorum::{self, Signed};
use crate::roster::{Member, Roster};
use crate::state::{Cosignature, Entry, Phase};

/// Pause before peers are asked again after too few agreed.
const RETRY: Duration = Duration::from_secs(2);
/// Messages made with other co-signers in one step at most.
const MESSAGES_MAX: u32 = 4;

/// Takes the step of a handler.
///
/// # Errors
/// When chain or store do not answer, or the chain's config is not what the sink was configured for.
pub async fn step(node: &Arc<Node>, roster: &Arc<Roster>, entry: &Entry) -> Result<Step, Error> {
    let Some(ledger) = &node.ledger else { return advance(node, entry, Phase::Judged, "").await };
    if entry.phase == Phase::Submitted {
        return resume(node, ledger.as_ref(), entry).await;
    }
    check_sink(node, roster)?;
    if let Some(step) = batching::step(node, roster, entry).await? {
        return Ok(step);
    }
    let case = Case::of(entry)?;
    let plan = match case.plan(ledger.as_ref(), node.chain_key()).await {
        Ok(plan) => plan,
        Err(ChainError::NotOpen { .. }) if close_if_closed(node, entry).await? => return Ok(Step::Moved),
        Err(err) => return Err(err.into()),
    };
    ledger.prepare(&plan, &node.keys.wallet).await?;
    let mut refused: BTreeMap<ConsensusId, String> = BTreeMap::new();
    for number in 0..MESSAGES_MAX {
        let cosigners = match choose(node, roster, &plan, &refused) {
            Ok(cosigners) => cosigners,
            Err(why) => return Ok(Step::Wait(RETRY, why)),
        };
        match attempt(node, ledger.as_ref(), &case, &plan, (&cosigners, number), &mut refused).await? {
            Some(step) => return Ok(step),
            None => continue,
        }
    }
    Ok(Step::Wait(RETRY, format!("waits for co-signatures; refused by {}", reasons(&refused))))
}

/// One message: co-signatures, and if they are complete, the transaction.
async fn attempt(
    node: &Arc<Node>,
    ledger: &dyn Ledger,
    case: &Case,
    plan: &SettlePlan,
    (cosigners, attempt): (&[Member], u32),
    refused: &mut BTreeMap<ConsensusId, String>,
) -> Result<Option<Step>, Error> {
    let ask = |member: Member, message: Vec<u8>| {
        let (links, plan) = (node.links.clone(), plan.clone());
        let request = CosignRequest { evidence: case.evidence.clone(), verdict: case.verdict_bytes.clone(), message };
        async move {
            let reply = links.ask(member.consensus_id, request).await.map_err(|err| err.to_string())?;
            verified(&plan, &member, reply)
        }
    };
    let collected = quorum::collect(node, ledger, plan, (cosigners, attempt), ask).await?;
    for (member, why) in collected.refused {
        warn!(reply_id = %case.reply_id, validator = %member.authority, why, "co-signature not given");
        refused.insert(member.consensus_id, format!("{} ({why})", member.endpoint));
    }
    let Some((signatures, blockhash)) = collected.transaction else { return Ok(None) };
    let (transaction, agreed) = (signatures.assemble()?, collected.agreed);
    let (message, payees) = (signatures.message().to_vec(), payees(plan));
    let entry = node
        .shelf
        .update(&case.reply_id, |entry| {
            entry.phase = Phase::Submitted;
            entry.note = "waits for the chain to confirm".to_owned();
            entry.work.message = Some(message);
            entry.work.last_valid_height = blockhash.last_valid_height;
            entry.work.cosignatures = agreed;
            entry.work.payees = payees;
            entry.work.transaction = transaction.signature;
        })
        .await?;
    info!(reply_id = %case.reply_id, transaction = %entry.work.transaction, cosigners = cosigners.len(), refund = plan.is_refund(), "settlement sent");
    match ledger.send(&case.reply_id, &signatures, &blockhash).await? {
        Settled::Closed(closed) => {
            let step = finish(node, &entry, closed).await?;
            if collected.by_approvals {
                quorum::close_approvals(node, ledger, plan).await;
            }
            Ok(Some(step))
        }
        Settled::Expired => {
            advance(node, &entry, Phase::Cosigning, "blockhash expired, asks for co-signatures again").await.map(Some)
        }
    }
}

/// A former process has sent it, and the escrow is still open: the very same transaction is sent again while its blockhash lives,
/// and only when the chain says that it never landed is another one made.
async fn resume(node: &Arc<Node>, ledger: &dyn Ledger, entry: &Entry) -> Result<Step, Error> {
    let again = "asks for co-signatures again";
    let Some(signatures) = stored(node, entry)? else {
        return advance(node, entry, Phase::Cosigning, again).await;
    };
    let hash = QuorumMessage::restore(signatures.message().to_vec())?.blockhash()?;
    let blockhash = Blockhash { hash, last_valid_height: entry.work.last_valid_height };
    info!(reply_id = %entry.reply_id, transaction = %entry.work.transaction, "settlement sent again as it was");
    match ledger.send(&entry.reply_id, &signatures, &blockhash).await {
        Ok(Settled::Closed(closed)) => finish(node, entry, closed).await,
        Ok(Settled::Expired) => advance(node, entry, Phase::Cosigning, again).await,
        // The program refuses it now (an epoch has turned, say): it can never land.
        Err(ChainError::Refused(_) | ChainError::Transaction(_)) => advance(node, entry, Phase::Cosigning, again).await,
        Err(error) => Err(error.into()),
    }
}

/// The signed transaction as it was stored before it was sent; none where a former version stored less.
fn stored(node: &Node, entry: &Entry) -> Result<Option<Cosignatures>, Error> {
    let Some(message) = entry.work.message.clone().filter(|_| entry.work.last_valid_height > 0) else {
        return Ok(None);
    };
    let mut signatures = Cosignatures::new(QuorumMessage::restore(message)?);
    signatures.sign(&node.keys.wallet)?;
    let asked: Vec<Address> = signatures.missing().collect();
    for one in &entry.work.cosignatures {
        let signer = Address::new_from_array(one.chain_key);
        // Approvals on chain were signed over messages of their own.
        if asked.contains(&signer)
            && let Ok(signature) = <[u8; 64]>::try_from(one.chain_signature.as_slice())
        {
            signatures.add(&signer, signature)?;
        }
    }
    Ok(Some(signatures).filter(|signatures| signatures.missing().next().is_none()))
}

/// Stores how a closed escrow ended, and pays what it owes.
///
/// # Errors
/// When chain or store do not answer.
pub async fn finish(node: &Arc<Node>, entry: &Entry, closed: Closed) -> Result<Step, Error> {
    let Closed { mut escrow, signature } = closed;
    if let (EscrowStatus::Decided, Some(ledger)) = (escrow.status, &node.ledger) {
        escrow = ledger.release(&entry.reply_id, &node.keys.wallet).await?;
    }
    let phase = if escrow.status == EscrowStatus::Refunded { Phase::Refunded } else { Phase::Settled };
    node.shelf
        .update(&entry.reply_id, |entry| {
            entry.phase = phase;
            entry.note.clear();
            entry.work.fee = escrow.fee;
            // Another handler's transaction closed it: ours never happened.
            entry.work.transaction = signature.unwrap_or_default();
        })
        .await?;
    info!(reply_id = %entry.reply_id, state = phase.as_str(), fee = escrow.fee, "escrow closed");
    dues::settle(node, &entry.reply_id, &escrow).await?;
    Ok(Step::Moved)
}

/// Nothing unverified is stored: the hybrid signature over the vote has to hold here, the chain signature where it is added.
pub fn verified(plan: &SettlePlan, member: &Member, reply: CosignReply) -> Result<Signed<Cosignature>, String> {
    let public = NodePublic::from_bytes(&reply.validator_public).map_err(|err| err.to_string())?;
    if public.node_id() != member.node_id || reply.chain_key != member.authority.as_bytes() {
        return Err("it signed as another validator".to_owned());
    }
    let hybrid = HybridSignature::from_bytes(&reply.signature).map_err(|err| err.to_string())?;
    plan.settlement.verify_cosign(&public, &hybrid).map_err(|err| err.to_string())?;
    let chain: [u8; 64] = reply
        .chain_signature
        .as_slice()
        .try_into()
        .map_err(|_| "its chain signature is not 64 bytes long".to_owned())?;
    let cosignature = Cosignature {
        chain_key: *member.authority.as_bytes(),
        chain_signature: reply.chain_signature,
        signature: reply.signature,
        validator_public: reply.validator_public,
    };
    Ok((chain, cosignature))
}

/// The fewest connected validators that make the quorum, and at least as many as the sink demands.
///
/// # Errors
/// Who is missing, in words.
pub fn choose(
    node: &Node,
    roster: &Roster,
    plan: &dyn QuorumPlan,
    refused: &BTreeMap<ConsensusId, String>,
) -> Result<Vec<Member>, String> {
    let me = node.consensus_id();
    let reachable: Vec<&Member> = roster
        .peers_of(me)
        .filter(|member| !refused.contains_key(&member.consensus_id) && node.links.live(member.consensus_id).is_some())
        .collect();
    let keys: Vec<Address> = reachable.iter().map(|member| ogong_settlement::address(&member.authority)).collect();
    let away: Vec<&str> = roster
        .peers_of(me)
        .filter(|member| !reachable.iter().any(|near| near.consensus_id == member.consensus_id))
        .map(|member| member.endpoint.as_str())
        .collect();
    let waits = |why: String| {
        format!("waits for validators: {why}; not reachable or refusing: {}{}", away.join(", "), refusals(refused))
    };
    let chosen = choose_cosigners(plan, &keys).map_err(|err| waits(err.to_string()))?;
    let (mut chosen, mut rest): (Vec<&Member>, Vec<&Member>) =
        reachable.iter().copied().partition(|member| chosen.contains(&ogong_settlement::address(&member.authority)));
    let wanted = node.config.sink.as_ref().map_or(0, |sink| usize::try_from(sink.quorum).unwrap_or(usize::MAX));
    rest.sort_by_key(|member| std::cmp::Reverse(member.stake));
    let missing = wanted.saturating_sub(chosen.len());
    if missing > rest.len() {
        return Err(waits(format!(
            "OGONG_QUORUM asks for {wanted} co-signers, {} are reachable",
            chosen.len() + rest.len()
        )));
    }
    chosen.extend(rest.into_iter().take(missing));
    Ok(chosen.into_iter().cloned().collect())
}

/// The environment the operator gave must be the chain's, or the money would go where nobody expects it.
fn check_sink(node: &Node, roster: &Roster) -> Result<(), Error> {
    let Some(sink) = &node.config.sink else { return Ok(()) };
    let config = &roster.registry.config;
    let mine = roster.registration(node.chain_key()).map(|validator| chain_key(&validator.fee_owner));
    let compared = [
        ("OGONG_MINT", sink.mint, Some(chain_key(&config.mint))),
        ("OGONG_FEE_OWNERS validator", sink.fee_owners.validator, mine),
        ("OGONG_FEE_OWNERS reserve", sink.fee_owners.reserve, Some(chain_key(&config.reserve_owner))),
    ];
    for (name, given, chain) in compared {
        if Some(given) != chain {
            let chain = chain.map_or_else(|| "nothing".to_owned(), |key| key.to_string());
            return Err(Error::failed(
                format!("{name} is {given}, the chain says {chain}"),
                "correct the variable, or the registration on chain",
            ));
        }
    }
    Ok(())
}

pub fn payees(plan: &SettlePlan) -> Vec<([u8; 32], u64)> {
    plan.settlement.payees.iter().map(|(wallet, atoms)| (*wallet.as_bytes(), *atoms)).collect()
}

fn refusals(refused: &BTreeMap<ConsensusId, String>) -> String {
    if refused.is_empty() { String::new() } else { format!("; refused by {}", reasons(refused)) }
}

fn reasons(refused: &BTreeMap<ConsensusId, String>) -> String {
    refused.values().cloned().collect::<Vec<_>>().join(", ")
}
