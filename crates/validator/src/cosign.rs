//! What a peer does before it signs (SPEC 9.4): it decides again from the evidence, on its own ground, and signs only the
//! bytes its own plan gives. Nothing is believed because the handler says so.
//!
//! In this order: the order's escrow on this node's own chain → the record this node holds itself → receipt, round and
//! draws → every check of the audit → what only the provider can confirm, asked of the provider → the operator's word, of
//! this node's operator → the transaction, byte for byte.

use std::sync::Arc;
use std::time::Duration;

use ogong_audit::{Decision, Evidence, Marks, Outcome, Proof, Reason, SignedAnnouncement, Verdict, decide};
use ogong_base::codec::Encode;
use ogong_base::hash::ChainKey;
use ogong_net::wire::{CosignReply, CosignRequest, ErrorCode, ErrorReply, field};
use ogong_settlement::chain_key;
use ogong_settlement::interface::account::{Escrow, EscrowStatus};
use ogong_settlement::message::QuorumMessage;
use ogong_settlement::plan::SettlePlan;
use tokio::time::Instant;
use tracing::{info, warn};

use crate::audit::{awaits_words, by_hand, grounded};
use crate::error::{chain_refusal, refusal};
use crate::ledger::Ledger;
use crate::materials::{self, Unopened};
use crate::node::Node;
use crate::payment::{derived, plan, scorers};
use crate::roster::{Member, Roster};
use crate::shelf::store_refusal;

/// How long the provider may take to confirm what the handler says of it.
const PROVIDER_WAIT: Duration = Duration::from_secs(8);
const DISAGREE_HINT: &str = "the peer decides from the evidence alone; its log says more";

/// Answers a handler.
///
/// # Errors
/// A refusal that names what does not hold.
pub async fn answer(
    node: &Arc<Node>,
    roster: &Arc<Roster>,
    handler: &Member,
    request: CosignRequest,
) -> Result<CosignReply, ErrorReply> {
    let claimed: Verdict = field("verdict", &request.verdict)?;
    let evidence: Evidence = field("evidence", &request.evidence)?;
    let answered = decide_again(node, roster, handler, evidence, &claimed, &request.message).await;
    match &answered {
        Ok(_) => {
            info!(reply_id = %claimed.reply_id, handler = %handler.authority, outcome = claimed.outcome.name(), "co-signed")
        }
        Err(reply) => {
            warn!(reply_id = %claimed.reply_id, handler = %handler.authority, why = %reply.message, "co-signature refused")
        }
    }
    answered
}

async fn decide_again(
    node: &Arc<Node>,
    roster: &Arc<Roster>,
    handler: &Member,
    evidence: Evidence,
    claimed: &Verdict,
    message: &[u8],
) -> Result<CosignReply, ErrorReply> {
    let plan = judged(node, roster, handler, evidence, claimed).await?;
    QuorumMessage::check(&plan, message).map_err(|err| disagree(format!("the transaction: {err}")))?;
    Ok(CosignReply {
        signature: voted(node, &plan, claimed).await?,
        chain_signature: node.keys.wallet.sign(message).to_vec(),
        chain_key: node.chain_key().as_bytes().to_vec(),
        validator_public: node.keys.node.public().to_bytes(),
    })
}

/// What this node plans for a reply that another handles, decided from the evidence on its own ground.
///
/// # Errors
/// A refusal that names what does not hold.
pub async fn judged(
    node: &Arc<Node>,
    roster: &Arc<Roster>,
    handler: &Member,
    evidence: Evidence,
    claimed: &Verdict,
) -> Result<SettlePlan, ErrorReply> {
    let Some(ledger) = &node.ledger else {
        return Err(refusal(
            ErrorCode::Unsupported,
            "this validator has no chain to settle on",
            "set OGONG_RPC_URL and OGONG_PROGRAM_ID",
        ));
    };
    let escrow = escrow_of(ledger.as_ref(), &evidence).await?;
    check_held(node, &evidence)?;
    check_payout(&evidence, &escrow)?;
    if evidence.receipt.node_id() != handler.node_id {
        return Err(disagree("the receipt is another validator's than the one that asks"));
    }
    let root = node.catalogue_root(&evidence.order.model_id).await?;
    let evidence = evidence.on(grounded(roster, escrow.session_key, root));
    let decision = agree(node, evidence, claimed).await?;
    let billing = decision.0.billing.map(|billing| (billing.n_prompt, billing.n_billed));
    let due = derived(&decision.1, claimed, billing).map_err(|err| disagree(err.to_string()))?;
    let scorers = scorers(&decision.0, &decision.1);
    let plan = plan(ledger.as_ref(), &claimed.reply_id, handler.authority, &due, &scorers).await;
    plan.map_err(|err| chain_refusal(&err))
}

/// This node's vote on a plan of its own, noted before it is signed: it never votes both ways.
///
/// # Errors
/// A refusal where it has voted the other way.
pub async fn voted(node: &Node, plan: &SettlePlan, claimed: &Verdict) -> Result<Vec<u8>, ErrorReply> {
    let consistent = node.shelf.vote(&claimed.reply_id, claimed.outcome.settles()).await;
    if !consistent.map_err(|err| store_refusal(&err))? {
        return Err(refusal(
            ErrorCode::Conflict,
            format!("this node has voted the other way on reply {}", claimed.reply_id),
            "a validator that votes both ways loses its bond; the reply settles without this node, or is refunded",
        ));
    }
    Ok(plan.settlement.cosign(&node.keys.node).to_bytes())
}

/// The escrow this node sees for the order, open.
async fn escrow_of(ledger: &dyn Ledger, evidence: &Evidence) -> Result<Escrow, ErrorReply> {
    let reply_id = evidence.order.reply_id();
    let escrow = ledger.escrow(&reply_id).await.map_err(|err| chain_refusal(&err))?;
    let Some(escrow) = escrow else {
        return Err(refusal(
            ErrorCode::NotFound,
            format!("no escrow is open for reply {reply_id}"),
            "the order names an escrow this node does not see",
        ));
    };
    if escrow.status != EscrowStatus::Open {
        return Err(refusal(
            ErrorCode::Conflict,
            format!("the escrow of reply {reply_id} is closed already"),
            "nothing settles twice",
        ));
    }
    Ok(escrow)
}

/// This node was pushed records too: another one for the same reply is equivocation, not something to pay for.
fn check_held(node: &Node, evidence: &Evidence) -> Result<(), ErrorReply> {
    let reply_id = evidence.order.reply_id();
    let held = node.shelf.entry(&reply_id).map_err(|err| store_refusal(&err))?;
    let Some(held) = held else { return Ok(()) };
    if held.pushed.record != evidence.record.record {
        return Err(refusal(
            ErrorCode::Conflict,
            "this node holds another record for the reply",
            "two records of one provider are equivocation",
        ));
    }
    if held.rival.is_some() && evidence.rival.is_none() {
        return Err(refusal(
            ErrorCode::Conflict,
            "this node holds a second record for the reply",
            "two records of one provider are equivocation",
        ));
    }
    Ok(())
}

/// Until providers are registered on chain their announcement says where they are paid (SPEC 10).
fn check_payout(evidence: &Evidence, escrow: &Escrow) -> Result<(), ErrorReply> {
    let announced =
        evidence.provider.as_ref().filter(|signed| is_providers(signed, evidence)).map(|signed| signed.body.payout);
    match announced {
        Some(payout) if payout != ChainKey::ZERO && payout != chain_key(&escrow.provider_payout) => Err(disagree(
            format!("the provider announced payout {payout}, the escrow pays {}", chain_key(&escrow.provider_payout)),
        )),
        _ => Ok(()),
    }
}

fn is_providers(signed: &SignedAnnouncement, evidence: &Evidence) -> bool {
    signed.node_id() == evidence.order.provider && signed.verify().is_ok()
}

/// Decides, and compares byte for byte.
async fn agree(node: &Arc<Node>, evidence: Evidence, claimed: &Verdict) -> Result<(Decision, Evidence), ErrorReply> {
    let mut decision = decide(&evidence, &node.profile);
    if claimed.reason == Reason::Manual {
        decision.verdict = manual(node, &decision)?;
    }
    if decision.verdict.to_bytes() != claimed.to_bytes() {
        return Err(disagree(format!(
            "the handler says {} ({}), this node finds {} ({})",
            claimed.outcome.name(),
            claimed.reason,
            decision.verdict.outcome.name(),
            decision.verdict.reason
        )));
    }
    if claimed.marks.has(Marks::PINNED) && !node.config.allow_pinned {
        return Err(disagree("the verifier was configured, not drawn, and this node does not sign such verdicts"));
    }
    if claimed.outcome == Outcome::Reject && claimed.reason.proof() == Proof::Delivered {
        ask_provider(node, &evidence, claimed).await?;
    }
    Ok((decision, evidence))
}

/// A verdict by hand stands where this node's own operator has decided the same.
fn manual(node: &Node, decision: &Decision) -> Result<Verdict, ErrorReply> {
    if !awaits_words(decision) {
        return Err(disagree("a verdict by hand where the evidence decides"));
    }
    let held = node.shelf.entry(&decision.verdict.reply_id).map_err(|err| store_refusal(&err))?;
    match held.and_then(|entry| entry.work.manual) {
        Some(manual) => Ok(by_hand(decision.verdict.clone(), manual)),
        None => Err(refusal(
            ErrorCode::Disagree,
            "this node's operator has not decided on the reply",
            "run `ogong-validatord verdict` on every validator whose co-signature is needed",
        )),
    }
}

/// What the handler says the provider delivered, or did not, is asked of the provider itself.
async fn ask_provider(node: &Arc<Node>, evidence: &Evidence, claimed: &Verdict) -> Result<(), ErrorReply> {
    if !matches!(claimed.reason, Reason::NoOpening | Reason::Body | Reason::RespHash | Reason::Merkle) {
        return Err(disagree(format!("{} rests on bytes the provider did not sign", claimed.reason)));
    }
    let until = Instant::now() + PROVIDER_WAIT;
    let (provider, reply_id) = (evidence.order.provider, claimed.reply_id);
    let mut own = Evidence {
        material: None,
        openings: Vec::new(),
        attempts: Vec::new(),
        opening_refused: true,
        ..evidence.clone()
    };
    match materials::material(node, provider, reply_id, until).await {
        Ok(material) => {
            own.material = Some(material);
            let leaves: Vec<u32> = claimed.windows.iter().map(|window| window.saturating_add(1)).collect();
            if let Ok(openings) = materials::openings(node, provider, reply_id, &leaves, until).await {
                own.openings = openings;
                own.opening_refused = false;
            }
        }
        Err(why @ Unopened::Unannounced) => {
            return Err(refusal(
                ErrorCode::Unavailable,
                why.to_string(),
                "this validator cannot ask the provider itself yet; try again later",
            ));
        }
        Err(Unopened::Refused(_)) => {}
    }
    let found = decide(&own, &node.profile).verdict;
    if found.outcome == Outcome::Reject {
        return Ok(());
    }
    Err(disagree(format!("the handler says {}, but the provider opened to this node", claimed.reason)))
}

/// A refusal of what this node finds otherwise.
pub fn disagree(why: impl Into<String>) -> ErrorReply {
    refusal(ErrorCode::Disagree, why, DISAGREE_HINT)
}
