//! How the node stands and what became of a reply, as wire messages.

use std::sync::Arc;

use ogong_base::codec::Encode;
use ogong_base::hash::ReplyId;
use ogong_daemon::clock::now_ms;
use ogong_net::wire::{CosignReply, ErrorReply, Payee, ReplyStatus, ReplyStatusRequest, Status, field};

use crate::node::Node;
use crate::shelf::store_refusal;
use crate::state::{Cosignature, Entry};

/// The node's own account of itself.
#[must_use]
pub fn status(node: &Arc<Node>) -> Status {
    let counts = node.shelf.counts();
    let roster = node.roster();
    let me = node.consensus_id();
    let peers = roster.iter().flat_map(|roster| {
        roster
            .peers_of(me)
            .map(|member| node.links.status(member.consensus_id, &member.endpoint, member.stake))
            .collect::<Vec<_>>()
    });
    Status {
        node_id: node.id().as_bytes().to_vec(),
        consensus_id: me.as_bytes().to_vec(),
        role: "validator".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        has_sink: node.config.holds_sink(),
        alpha_ppm: roster.as_ref().map_or(node.config.alpha, |roster| node.alpha(roster)).0,
        peers: peers.collect(),
        pending: counts.open,
        settled: counts.settled,
        refunded: counts.refunded,
        rejected: counts.rejected,
        waiting_for: waiting_for(node),
        public: node.keys.node.public().to_bytes(),
        announced: u32::try_from(node.announced.count(now_ms())).unwrap_or(u32::MAX),
        vrf_key: node.rounds.key().public().0.to_vec(),
        chain_key: node.chain_key().as_bytes().to_vec(),
        ..Status::default()
    }
}

/// What keeps the node from working on, in words.
fn waiting_for(node: &Node) -> String {
    match node.roster() {
        None if node.ledger.is_some() => "the chain: the registry has not been read yet".to_owned(),
        None => "its peers: not all of --peer have introduced themselves".to_owned(),
        Some(roster) if node.ledger.is_some() && roster.by_consensus_id(node.consensus_id()).is_none() => {
            "its registration: the registry does not list this node's certificate".to_owned()
        }
        Some(_) => node.shelf.commonest_note(),
    }
}

/// What became of a reply; evidence only for those who may read prompts.
///
/// # Errors
/// A malformed reply id, or a store that fails.
pub fn reply_status(node: &Arc<Node>, request: &ReplyStatusRequest, trusted: bool) -> Result<ReplyStatus, ErrorReply> {
    let reply_id: ReplyId = field("reply_id", &request.reply_id)?;
    let Some(entry) = node.shelf.entry(&reply_id).map_err(|err| store_refusal(&err))? else {
        return Ok(ReplyStatus {
            reply_id: request.reply_id.clone(),
            state: "unknown".to_owned(),
            ..ReplyStatus::default()
        });
    };
    let with_evidence = request.with_evidence && trusted;
    Ok(described(entry, with_evidence))
}

fn described(entry: Entry, with_evidence: bool) -> ReplyStatus {
    ReplyStatus {
        reply_id: entry.reply_id.as_bytes().to_vec(),
        state: entry.phase.as_str().to_owned(),
        verdict: entry.work.verdict.unwrap_or_default(),
        evidence: entry.work.evidence.filter(|_| with_evidence).unwrap_or_default(),
        cosignatures: entry.work.cosignatures.into_iter().map(cosign_reply).collect(),
        transaction: entry.work.transaction,
        fee: entry.work.fee,
        waiting_for: entry.note,
        record: entry.pushed.record,
        order: entry.pushed.order,
        payees: entry.work.payees.into_iter().map(|(wallet, atoms)| Payee { wallet: wallet.to_vec(), atoms }).collect(),
        ..ReplyStatus::default()
    }
}

fn cosign_reply(one: Cosignature) -> CosignReply {
    CosignReply {
        chain_signature: one.chain_signature,
        chain_key: one.chain_key.to_vec(),
        signature: one.signature,
        validator_public: one.validator_public,
    }
}
