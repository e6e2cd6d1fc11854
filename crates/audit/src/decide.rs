//! From evidence to a decision, in the order of SPEC 5.5, as a pure function: a handler calls it to learn what to fetch
//! next, a peer calls it on the same evidence before it co-signs, anybody calls it years later. All get the same bytes.

use ogong_base::hash::NodeId;
use ogong_commitment::leaf::Header;
use ogong_commitment::record::Record;

use crate::checks::draw::Drawn;
use crate::checks::{bindings, draw, header, leaves, material, merkle, replay, stop};
use crate::evidence::Evidence;
use crate::hearing::Hearing;
use crate::reason::{Proof, Reason};
use crate::verdict::{Culprit, Marks, Outcome, Score, Verdict};
use crate::{Check, Profile, Vote, checks};

/// What a handler fetches before it decides again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Nothing: more would not change the decision.
    Nothing,
    /// Request, answer and header leaf from the provider.
    Material,
    /// The leaves of these windows from the provider.
    Openings(Vec<u32>),
    /// A report of the configured verifier.
    Pinned,
    /// A report of the drawn verifier.
    Verifier(NodeId, Exactness),
    /// A report is needed and no verifier may be drawn: somebody has to announce himself, or an operator decides.
    Nobody,
}

/// Whether a verifier can reproduce the provider's numbers bit for bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exactness {
    /// Another class, or one without exact mode.
    Impossible,
    /// The provider's class: the operator may ask for it.
    Possible,
    /// The report is needed to reproduce a leaf.
    Required,
}

/// What one verifier's report came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Who reported.
    pub verifier: NodeId,
    /// Its word, or what is wrong with its report.
    pub vote: Result<Vote, Reason>,
    /// Its numbers beside the limits.
    pub scores: Vec<Score>,
    /// True if the decision went the other way: this verifier is charged.
    pub outvoted: bool,
}

/// What is due if the reply settles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Billing {
    /// Prompt tokens, from the header leaf.
    pub n_prompt: u32,
    /// Billed tokens, the end token among them.
    pub n_billed: u32,
}

/// The decision with what led to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What is hashed, signed and shown.
    pub verdict: Verdict,
    /// What to fetch.
    pub next: Next,
    /// One a report, in the order of attempts.
    pub findings: Vec<Finding>,
    /// Known once the header leaf is.
    pub billing: Option<Billing>,
}

/// Why a decision stops before verifiers are heard.
pub(crate) enum Halt {
    /// A check failed.
    Found(Reason),
    /// Something is missing.
    Needs(Reason, Next),
}

impl From<Reason> for Halt {
    fn from(reason: Reason) -> Self {
        Self::Found(reason)
    }
}

/// The verdict on what there is. See [`decide`] for what would be needed to say more.
pub fn adjudicate(evidence: &Evidence, profile: &Profile) -> Verdict {
    decide(evidence, profile).verdict
}

/// Decides on what there is, and says what is needed next.
pub fn decide(evidence: &Evidence, profile: &Profile) -> Decision {
    let mut decision = Decision { verdict: blank(evidence), next: Next::Nothing, findings: Vec::new(), billing: None };
    match examine(evidence, profile, &mut decision) {
        Ok(()) => {}
        Err(Halt::Found(reason)) => conclude(&mut decision, reason),
        Err(Halt::Needs(reason, next)) => {
            conclude(&mut decision, reason);
            decision.next = next;
        }
    }
    decision
}

fn examine(evidence: &Evidence, profile: &Profile, decision: &mut Decision) -> Result<(), Halt> {
    let record = bindings::check(evidence, profile)?;
    let drawn = draw::check(evidence, profile, &record)?;
    decision.verdict.windows.clone_from(&drawn.windows);
    let header = examine_material(evidence, profile, &record, &drawn)?;
    decision.billing = Some(Billing { n_prompt: header.n_prompt, n_billed: record.n_tokens });
    if !drawn.selected {
        decision.verdict.outcome = Outcome::NotSelected;
        return Ok(());
    }
    let leaves = examine_openings(evidence, profile, &record, &drawn)?;
    let material = evidence.material.as_ref().ok_or(Halt::Needs(Reason::Openings, Next::Material))?;
    run_on_leaves(evidence, profile, &header, &material.ids, &leaves)?;
    let hearing =
        Hearing { evidence, profile, record: &record, drawn: &drawn, material, header: &header, leaves: &leaves };
    hearing.hold(decision)
}

/// Request, answer and header leaf: checked for every reply, for the fee depends on the header.
fn examine_material(evidence: &Evidence, profile: &Profile, record: &Record, drawn: &Drawn) -> Result<Header, Halt> {
    let Some(given) = &evidence.material else {
        // Only an audited provider owes an opening; the others just do not settle.
        let refused = evidence.opening_refused && drawn.selected;
        return Err(if refused { Reason::NoOpening.into() } else { Halt::Needs(Reason::Openings, Next::Material) });
    };
    material::check(evidence, profile, record, given)?;
    checks::run(profile, Check::Merkle, || merkle::check(record, 0, &given.header))?;
    let header = header::check(evidence, profile, record, given)?;
    checks::run(profile, Check::Stop, || stop::check(&header, given, evidence.order.n_ctx))?;
    Ok(header)
}

fn examine_openings(
    evidence: &Evidence,
    profile: &Profile,
    record: &Record,
    drawn: &Drawn,
) -> Result<Vec<leaves::Opened>, Halt> {
    if evidence.openings.is_empty() && evidence.opening_refused {
        return Err(Reason::NoOpening.into());
    }
    if evidence.openings.len() != drawn.windows.len() {
        return Err(Halt::Needs(Reason::Openings, Next::Openings(drawn.windows.clone())));
    }
    let mut opened = Vec::with_capacity(drawn.windows.len());
    for (&window, opening) in drawn.windows.iter().zip(&evidence.openings) {
        checks::run(profile, Check::Merkle, || merkle::check(record, window.saturating_add(1), opening))?;
        opened.push(leaves::read(window, &opening.leaf)?);
    }
    Ok(opened)
}

fn run_on_leaves(
    evidence: &Evidence,
    profile: &Profile,
    header: &Header,
    ids: &[u32],
    opened: &[leaves::Opened],
) -> Result<(), Reason> {
    for leaf in opened {
        checks::run(profile, Check::Leaves, || leaves::ids(leaf, ids))?;
        checks::run(profile, Check::Form, || leaves::form(leaf))?;
    }
    let seed = ogong_commitment::order::seed(evidence.order.reply_id());
    for leaf in opened {
        checks::run(profile, Check::Replay, || replay::check(leaf, ids, &header.params, &seed))?;
    }
    Ok(())
}

/// A reason that was found without a verifier decides alone.
fn conclude(decision: &mut Decision, reason: Reason) {
    let verdict = &mut decision.verdict;
    verdict.reason = reason;
    (verdict.outcome, verdict.culprit) = match reason.proof() {
        Proof::Signed | Proof::Delivered => (Outcome::Reject, Culprit::Provider),
        Proof::Verifier => (Outcome::Inconclusive, Culprit::Verifier),
        Proof::Clean | Proof::Scored | Proof::Procedure => (Outcome::Inconclusive, Culprit::None),
    };
}

fn blank(evidence: &Evidence) -> Verdict {
    let marks = Marks::default()
        .with_if(Marks::SOLO, evidence.beacon.is_solo())
        .with_if(Marks::BOOTSTRAP, evidence.beacon.is_bootstrap());
    Verdict {
        reply_id: evidence.order.reply_id(),
        record_hash: evidence.record.record_hash(),
        outcome: Outcome::Inconclusive,
        reason: Reason::None,
        culprit: Culprit::None,
        round: evidence.beacon.round,
        beacon: evidence.beacon.value,
        marks,
        scores: Vec::new(),
        windows: Vec::new(),
        verifiers: Vec::new(),
        reports: Vec::new(),
    }
}
