//! The emission of ended epochs (SPEC 9.13): proposed by turns, approved by peers that compute it again.
//!
//! ```text
//! proposer  reads the chain ─ computes the terms ─ EmissionRequest(terms, transaction) ─▶ peers ─ signatures ─▶ chain
//! peer      reads the chain ─ computes the terms ─ the same figures? the same bytes? ─ signs, or says what differs
//! ```
//!
//! Nobody types amounts in: the program computes them too, from counters that settlement wrote. A peer signs all the same only what
//! it found itself, so that a chain read through a lying node costs one signature, not the quorum.

use std::sync::Arc;
use std::time::Duration;

use ogong_base::hash::ChainKey;
use ogong_base::params::HANDLER_TURN_MS;
use ogong_net::wire::{EmissionReply, EmissionRequest, ErrorCode, ErrorReply};
use ogong_settlement::emission::EmissionPlan;
use ogong_settlement::interface::evidence::EmissionTerms;
use ogong_settlement::interface::{Address, EPOCH_GRACE_MS};
use ogong_settlement::message::{QuorumMessage, choose_cosigners};
use ogong_settlement::{Error as ChainError, address};
use tracing::{debug, info, warn};

use crate::error::{Error, chain_refusal, refusal};
use crate::ledger::Ledger;
use crate::node::Node;
use crate::quorum;
use crate::roster::{Member, Roster};

/// How long a peer may take to compute the terms.
const ANSWER_WAIT: Duration = Duration::from_secs(10);

/// Proposes what is due and this node's turn.
///
/// # Errors
/// When the chain does not answer.
pub async fn propose_due(node: &Arc<Node>, roster: &Arc<Roster>) -> Result<(), Error> {
    let Some(ledger) = &node.ledger else { return Ok(()) };
    if !node.config.holds_sink() {
        return Ok(());
    }
    let due = ledger.unapproved_epochs().await?;
    let (config, now_ms) = ledger.calendar().await?;
    for epoch in due {
        let closed_ms = config.epoch_started_ms.saturating_add(EPOCH_GRACE_MS);
        let opens_ms = closed_ms.saturating_add(place(node, roster, epoch).saturating_mul(HANDLER_TURN_MS));
        // An epoch that closed long ago is anybody's.
        if epoch.saturating_add(1) == config.stake_epoch && now_ms < opens_ms {
            continue;
        }
        if let Err(error) = propose(node, roster, ledger.as_ref(), epoch).await {
            // Somebody else's proposal may have gone through first.
            match ledger.emission_accounts(epoch).await?.emission {
                Some(_) => debug!(epoch, "emission is approved already"),
                None => warn!(epoch, %error, "emission not approved yet"),
            }
        }
    }
    Ok(())
}

/// This node's turn among those that hold a sink: it moves on with every epoch.
fn place(node: &Node, roster: &Roster, epoch: u64) -> u64 {
    let mut proposers: Vec<ChainKey> = roster
        .members
        .values()
        .filter(|member| node.sinks.holds(member.consensus_id))
        .map(|member| member.authority)
        .collect();
    proposers.sort_unstable();
    let count = u64::try_from(proposers.len()).unwrap_or(u64::MAX).max(1);
    let mine = proposers.iter().position(|key| *key == node.chain_key()).and_then(|at| u64::try_from(at).ok());
    mine.map_or(count, |mine| mine.saturating_add(count).saturating_sub(epoch % count) % count)
}

async fn propose(node: &Arc<Node>, roster: &Roster, ledger: &dyn Ledger, epoch: u64) -> Result<(), Error> {
    let plan = EmissionPlan::new(&ledger.emission_accounts(epoch).await?, &address(&node.chain_key()))?;
    let reachable: Vec<&Member> =
        roster.peers_of(node.consensus_id()).filter(|member| node.links.live(member.consensus_id).is_some()).collect();
    let keys: Vec<Address> = reachable.iter().map(|member| address(&member.authority)).collect();
    let cosigners = choose_cosigners(&plan, &keys)?;
    let members: Vec<Member> =
        reachable.into_iter().filter(|member| cosigners.contains(&address(&member.authority))).cloned().collect();
    let terms = plan.terms;
    let ask = |member: Member, message: Vec<u8>| {
        let links = node.links.clone();
        let request = EmissionRequest {
            epoch,
            stake_epoch: terms.stake_epoch,
            amounts: terms.amounts.to_vec(),
            sums: terms.sums.to_vec(),
            message,
        };
        async move {
            let reply = links.ask_within(member.consensus_id, request, ANSWER_WAIT).await;
            let reply: EmissionReply = reply.map_err(|err| err.to_string())?;
            let signature = reply.chain_signature.as_slice().try_into();
            Ok((signature.map_err(|_| "its signature is not 64 bytes long".to_owned())?, ()))
        }
    };
    let collected = quorum::collect(node, ledger, &plan, (&members, 0), ask).await?;
    let Some((signatures, blockhash)) = collected.transaction else {
        let refused = collected.refused.iter().map(|(member, why)| format!("{} ({why})", member.endpoint));
        let who = refused.collect::<Vec<_>>().join(", ");
        return Err(Error::failed(format!("refused by {who}"), "each peer's log says what it computed"));
    };
    ledger.send_signed(&signatures, &blockhash).await?;
    if collected.by_approvals {
        quorum::close_approvals(node, ledger, &plan).await;
    }
    info!(epoch, amounts = ?terms.amounts, cosigners = members.len(), "emission approved");
    Ok(())
}

/// Answers a proposer: signs its transaction where this node computes the same terms.
///
/// # Errors
/// A refusal that names the figure that differs, or what else does not hold.
pub async fn answer(
    node: &Arc<Node>,
    proposer: &Member,
    request: EmissionRequest,
) -> Result<EmissionReply, ErrorReply> {
    let answered = compute_again(node, proposer, &request).await;
    match &answered {
        Ok(_) => info!(epoch = request.epoch, proposer = %proposer.authority, "emission co-signed"),
        Err(reply) => {
            warn!(epoch = request.epoch, proposer = %proposer.authority, why = %reply.message, "emission refused");
        }
    }
    answered
}

async fn compute_again(
    node: &Arc<Node>,
    proposer: &Member,
    request: &EmissionRequest,
) -> Result<EmissionReply, ErrorReply> {
    let Some(ledger) = &node.ledger else {
        return Err(refusal(
            ErrorCode::Unsupported,
            "this validator has no chain to read an epoch from",
            "set OGONG_RPC_URL and OGONG_PROGRAM_ID",
        ));
    };
    let proposed = EmissionTerms {
        epoch: request.epoch,
        amounts: figures("amounts", &request.amounts)?,
        sums: figures("sums", &request.sums)?,
        stake_epoch: request.stake_epoch,
    };
    let accounts = ledger.emission_accounts(request.epoch).await.map_err(|err| chain_refusal(&err))?;
    let plan = EmissionPlan::new(&accounts, &address(&proposer.authority)).map_err(|err| disagree(&err))?;
    plan.check_terms(&proposed).map_err(|err| disagree(&err))?;
    QuorumMessage::check(&plan, &request.message).map_err(|err| disagree(&err))?;
    Ok(EmissionReply {
        chain_signature: node.keys.wallet.sign(&request.message).to_vec(),
        chain_key: node.chain_key().as_bytes().to_vec(),
    })
}

fn figures<const N: usize>(name: &str, given: &[u64]) -> Result<[u64; N], ErrorReply> {
    given.try_into().map_err(|_| ErrorReply::malformed(name, format!("expected {N} numbers, got {}", given.len())))
}

fn disagree(err: &ChainError) -> ErrorReply {
    refusal(
        ErrorCode::Disagree,
        err.to_string(),
        "every validator computes an emission from its own reading of the chain",
    )
}
