//! The audit of one reply, driven by [`ogong_audit::decide`]: it says what is missing, this fetches it, and again.
//!
//! Evidence only grows and is stored after every piece, so a restart asks for nothing twice. Two things start a hearing
//! over: a round that no longer verifies because the registry changed, and verifiers that have run out while new ones have
//! announced themselves.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ogong_audit::{
    Culprit, Decision, Evidence, Ground, Marks, Next, Outcome, Reason, Receipt, SignedAnnouncement, SignedReceipt,
    Trial, Verdict, decide,
};
use ogong_base::codec::{Decode, Encode};
use ogong_base::hash::{ModelRoot, NodeId};
use ogong_base::params::OPENING_DEADLINE_MS;
use ogong_base::units::Round;
use ogong_beacon::Beacon;
use ogong_commitment::order::Order;
use ogong_commitment::record::SignedRecord;
use ogong_daemon::clock::now_ms;
use tokio::time::Instant;
use tracing::info;

use crate::cases::{Step, advance};
use crate::error::Error;
use crate::materials::Unopened;
use crate::node::Node;
use crate::payment::scorers;
use crate::roster::Roster;
use crate::shelf::Observation;
use crate::state::{Entry, Manual, Phase, Pushed};
use crate::{materials, verifiers};

/// Pause before a provider that owes nothing yet is asked again.
const RETRY: Duration = Duration::from_secs(2);
/// How often new verifiers are looked for when none is left.
const NOBODY: Duration = Duration::from_secs(3);

/// Takes the step of a reply whose round is known.
///
/// # Errors
/// When chain, store or verifier do not answer.
pub async fn step(node: &Arc<Node>, roster: &Arc<Roster>, entry: &Entry) -> Result<Step, Error> {
    let ground = ground(node, roster, &entry.pushed).await?;
    let mut evidence = match &entry.work.evidence {
        Some(bytes) => Evidence::from_bytes(bytes)?.on(ground),
        None => begin(node, roster, entry, ground)?,
    };
    evidence.rival = rival_of(entry)?;
    let mut decision = decide(&evidence, &node.profile);
    if decision.verdict.reason == Reason::Beacon {
        return draw_again(node, roster, entry, evidence).await;
    }
    if let (Some(manual), true) = (entry.work.manual, awaits_words(&decision)) {
        decision.verdict = by_hand(decision.verdict, manual);
        return conclude(node, entry, evidence, decision).await;
    }
    match decision.next.clone() {
        Next::Nothing if decision.verdict.outcome == Outcome::Inconclusive => {
            hear_again(node, entry, evidence, &decision).await
        }
        Next::Nothing => conclude(node, entry, evidence, decision).await,
        Next::Material => fetch_material(node, entry, evidence).await,
        Next::Openings(windows) => fetch_openings(node, entry, evidence, &windows).await,
        Next::Pinned => verifiers::ask_pinned(node, entry, evidence, &decision).await,
        Next::Verifier(id, exactness) => verifiers::ask_drawn(node, entry, evidence, &decision, id, exactness).await,
        Next::Nobody if node.config.verifier.is_some() && evidence.attempts.is_empty() && !evidence.pinned => {
            evidence.pinned = true;
            store(node, entry, &evidence, Phase::Auditing, "nobody may be drawn, asks the configured verifier").await
        }
        Next::Nobody => hear_again(node, entry, evidence, &decision).await,
    }
}

/// What this node knows by itself: nothing of it comes from whoever hands over evidence.
///
/// # Errors
/// When the chain does not answer.
pub async fn ground(node: &Node, roster: &Roster, pushed: &Pushed) -> Result<Ground, Error> {
    let order = Order::from_bytes(&pushed.order)?;
    let catalogue_root = catalogue_root(node, &order).await?;
    Ok(grounded(roster, pushed.session_key, catalogue_root))
}

/// The ground of a reader with this roster.
#[must_use]
pub fn grounded(roster: &Roster, session_key: [u8; 32], catalogue_root: Option<ModelRoot>) -> Ground {
    Ground {
        network: roster.terms.network,
        program: roster.terms.program,
        session_key,
        catalogue_root,
        alpha_ppm: roster.terms.alpha.0,
        schedule: roster.terms.schedule,
        validators: roster.set.clone(),
    }
}

/// The catalogue's root; without a chain nobody keeps a catalogue and the order speaks for itself.
///
/// # Errors
/// When the chain does not answer.
pub async fn catalogue_root(node: &Node, order: &Order) -> Result<Option<ModelRoot>, Error> {
    match &node.ledger {
        Some(ledger) => Ok(node.catalogue.root(ledger.as_ref(), &order.model_id, now_ms()).await?),
        None => Ok(Some(order.model_root)),
    }
}

fn begin(node: &Node, roster: &Roster, entry: &Entry, ground: Ground) -> Result<Evidence, Error> {
    let pushed = &entry.pushed;
    let order = Order::from_bytes(&pushed.order)?;
    let beacon = entry.work.beacon.as_deref().ok_or_else(|| Error::Audit("the reply was not drawn".to_owned()))?;
    let receipt = SignedReceipt {
        body: Receipt::from_bytes(&entry.receipt)?,
        public: node.keys.node.public(),
        signature: Decode::from_bytes(&entry.receipt_signature)?,
    };
    Ok(Evidence {
        order_signature: pushed
            .order_signature
            .as_slice()
            .try_into()
            .map_err(|_| Error::Audit("an order signature of another length".to_owned()))?,
        record: signed_record(pushed.record.clone(), &pushed.record_signature, &pushed.provider_public)?,
        rival: None,
        receipt,
        beacon: Beacon::from_bytes(beacon)?,
        alpha_ppm: node.alpha(roster).0,
        extra_windows: node.config.windows_drawn,
        opening_refused: false,
        material: None,
        openings: Vec::new(),
        provider: node.announced.provider(order.provider),
        candidates: node.announced.verifiers_of(order.model_root, now_ms()),
        pinned: false,
        attempts: Vec::new(),
        ground,
        order,
    })
}

fn signed_record(record: Vec<u8>, signature: &[u8], public: &[u8]) -> Result<SignedRecord, Error> {
    Ok(SignedRecord { record, public: Decode::from_bytes(public)?, signature: Decode::from_bytes(signature)? })
}

fn rival_of(entry: &Entry) -> Result<Option<SignedRecord>, Error> {
    let Some((record, signature)) = &entry.rival else { return Ok(None) };
    signed_record(record.clone(), signature, &entry.pushed.provider_public).map(Some)
}

async fn fetch_material(node: &Arc<Node>, entry: &Entry, mut evidence: Evidence) -> Result<Step, Error> {
    let until = Instant::now() + Duration::from_millis(OPENING_DEADLINE_MS);
    match materials::material(node, evidence.order.provider, entry.reply_id, until).await {
        Ok(material) => {
            evidence.material = Some(material);
            // The provider may have announced itself only when it came back.
            if evidence.provider.is_none() {
                evidence.provider = node.announced.provider(evidence.order.provider);
            }
            store(node, entry, &evidence, Phase::Auditing, "asks the provider for the drawn leaves").await
        }
        Err(why @ Unopened::Unannounced) => Ok(Step::Wait(RETRY, format!("waits for the provider: {why}"))),
        Err(why) => {
            info!(reply_id = %entry.reply_id, %why, "provider opened nothing");
            evidence.opening_refused = true;
            if decide(&evidence, &node.profile).verdict.reason == Reason::NoOpening {
                return store(node, entry, &evidence, Phase::Auditing, "the provider did not open").await;
            }
            // A reply that was not selected owes no opening; it just does not settle before its header is known.
            Ok(Step::Wait(RETRY, format!("waits for the provider's header: {why}")))
        }
    }
}

async fn fetch_openings(
    node: &Arc<Node>,
    entry: &Entry,
    mut evidence: Evidence,
    windows: &[u32],
) -> Result<Step, Error> {
    let until = Instant::now() + Duration::from_millis(OPENING_DEADLINE_MS);
    let leaves: Vec<u32> = windows.iter().map(|window| window.saturating_add(1)).collect();
    match materials::openings(node, evidence.order.provider, entry.reply_id, &leaves, until).await {
        Ok(openings) => evidence.openings = openings,
        Err(why @ Unopened::Unannounced) => return Ok(Step::Wait(RETRY, format!("waits for the provider: {why}"))),
        Err(why) => {
            info!(reply_id = %entry.reply_id, %why, "provider did not open the drawn leaves");
            evidence.opening_refused = true;
        }
    }
    store(node, entry, &evidence, Phase::Auditing, "waits for a verifier").await
}

/// Stores evidence that has grown.
///
/// # Errors
/// When the store does not take it.
pub async fn store(
    node: &Arc<Node>,
    entry: &Entry,
    evidence: &Evidence,
    phase: Phase,
    note: &str,
) -> Result<Step, Error> {
    let (bytes, note) = (evidence.to_bytes(), note.to_owned());
    node.shelf
        .update(&entry.reply_id, |entry| {
            entry.work.evidence = Some(bytes);
            entry.phase = phase;
            entry.note = note;
        })
        .await?;
    Ok(Step::Moved)
}

/// The registry changed under the round: the same round is collected from today's validators.
async fn draw_again(
    node: &Arc<Node>,
    roster: &Arc<Roster>,
    entry: &Entry,
    mut evidence: Evidence,
) -> Result<Step, Error> {
    match node.rounds.collect_anew(Round(entry.round), roster, &node.links).await {
        Ok(beacon) => {
            evidence.beacon = beacon;
            evidence.openings.clear();
            evidence.attempts.clear();
            store(node, entry, &evidence, Phase::Auditing, "drawn again, the registry has changed").await
        }
        Err(missing) => Ok(Step::Wait(RETRY, missing.to_string())),
    }
}

/// No verifier is left and nothing is decided: an operator decides, or the hearing starts over with who is there now.
async fn hear_again(
    node: &Arc<Node>,
    entry: &Entry,
    mut evidence: Evidence,
    decision: &Decision,
) -> Result<Step, Error> {
    let candidates = node.announced.verifiers_of(evidence.order.model_root, now_ms());
    let provider = node.announced.provider(evidence.order.provider);
    // Renewed announcements are no news: only who is there counts.
    let known = (ids(&candidates) != ids(&evidence.candidates) && !candidates.is_empty())
        || (evidence.provider.is_none() && provider.is_some());
    let failed = evidence.attempts.iter().any(|attempt| attempt.report.is_none());
    if known || failed {
        info!(reply_id = %entry.reply_id, reason = %decision.verdict.reason, candidates = candidates.len(), "hearing starts over");
        evidence.provider = provider.or(evidence.provider);
        evidence.candidates = candidates;
        evidence.attempts.clear();
        evidence.pinned = false;
        tokio::time::sleep(NOBODY).await;
        return store(node, entry, &evidence, Phase::Auditing, "asks verifiers again").await;
    }
    if evidence.attempts.is_empty() && entry.phase != Phase::AwaitingVerdict {
        info!(reply_id = %entry.reply_id, "no verifier is known, waits for a verdict by hand");
        return store(
            node,
            entry,
            &evidence,
            Phase::AwaitingVerdict,
            "waits for a verdict by hand: no verifier is announced or configured",
        )
        .await;
    }
    let note = match decision.verdict.reason {
        Reason::NoReport => "waits for a verdict by hand: no verifier is announced or configured".to_owned(),
        reason => format!("undecided ({reason}), waits for another verifier or the deadline"),
    };
    Ok(Step::Wait(NOBODY, note))
}

fn ids(candidates: &[SignedAnnouncement]) -> BTreeSet<NodeId> {
    candidates.iter().map(SignedAnnouncement::node_id).collect()
}

/// Whether everything is there but a verifier's word: then, and only then, may an operator's stand in its place.
#[must_use]
pub fn awaits_words(decision: &Decision) -> bool {
    decision.verdict.outcome == Outcome::Inconclusive
        && (matches!(decision.next, Next::Pinned | Next::Verifier(..) | Next::Nobody)
            || matches!(decision.verdict.reason, Reason::Split | Reason::ExactLeaf | Reason::NoReport))
}

/// The verdict an operator's decision makes of an undecided one.
#[must_use]
pub fn by_hand(undecided: Verdict, manual: Manual) -> Verdict {
    let (outcome, culprit) = match manual {
        Manual::Accept => (Outcome::Accept, Culprit::None),
        Manual::Reject => (Outcome::Reject, Culprit::Provider),
    };
    Verdict { outcome, culprit, reason: Reason::Manual, ..undecided }
}

async fn conclude(node: &Arc<Node>, entry: &Entry, evidence: Evidence, decision: Decision) -> Result<Step, Error> {
    let scorers = scorers(&decision, &evidence);
    let verdict = decision.verdict;
    let billing = decision.billing.map(|billing| (billing.n_prompt, billing.n_billed));
    let (bytes, evidence_bytes) = (verdict.to_bytes(), evidence.to_bytes());
    let change = |entry: &mut Entry| {
        entry.work.verdict = Some(bytes);
        entry.work.evidence = Some(evidence_bytes);
        entry.work.billing = billing;
        entry.work.scorers = scorers;
        entry.phase = Phase::Cosigning;
        entry.note = "asks for co-signatures".to_owned();
    };
    let trial = match verdict.outcome {
        Outcome::Accept => Some(Trial::Accepted),
        Outcome::Reject => Some(Trial::Rejected),
        Outcome::NotSelected => None,
        Outcome::Inconclusive => return advance(node, entry, Phase::Auditing, "undecided").await,
    };
    info!(
        reply_id = %entry.reply_id, outcome = verdict.outcome.name(), reason = %verdict.reason,
        exact = verdict.marks.has(Marks::EXACT), pinned = verdict.marks.has(Marks::PINNED), verifiers = verdict.verifiers.len(), "verdict reached"
    );
    match trial {
        Some(trial) => {
            let observation =
                Observation { provider: evidence.order.provider, trial, margin_mean_ppm: verdict.margin_mean_ppm() };
            node.shelf.conclude(&entry.reply_id, observation, &node.sequential, change).await?;
        }
        None => {
            node.shelf.update(&entry.reply_id, change).await?;
        }
    }
    Ok(Step::Moved)
}
