//! Verifiers are heard one after another until their words decide (SPEC 5.3, 5.6).

use ogong_base::hash::NodeId;
use ogong_commitment::leaf::Header;
use ogong_commitment::record::Record;

use crate::announce::{Role, SignedAnnouncement};
use crate::checks::draw::Drawn;
use crate::checks::leaves::Opened;
use crate::checks::{digest, ensure, exact, profile as lines, report as shape, sketch};
use crate::confirmation::{Confirmation, Need, Ruling, Stand, Vote};
use crate::decide::{Decision, Exactness, Finding, Halt, Next};
use crate::evidence::{ATTEMPTS_MAX, Evidence, Material};
use crate::reason::{Proof, Reason};
use crate::report::{Mode, Report, SignedReport};
use crate::selection::{Exclusions, Wanted, choose, eligible};
use crate::verdict::{Culprit, Marks, Outcome, Score};
use crate::{Check, Limits, Profile};

/// What verifiers' reports are held against.
pub(crate) struct Hearing<'a> {
    pub evidence: &'a Evidence,
    pub profile: &'a Profile,
    pub record: &'a Record,
    pub drawn: &'a Drawn,
    pub material: &'a Material,
    pub header: &'a Header,
    pub leaves: &'a [Opened],
}

impl Hearing<'_> {
    /// Hears every attempt and writes the decision.
    pub(crate) fn hold(&self, decision: &mut Decision) -> Result<(), Halt> {
        let evidence = self.evidence;
        let provider = self.provider();
        let mut excluded = Exclusions::default();
        excluded.exclude_id(evidence.order.provider, &evidence.candidates);
        if let Some(provider) = provider {
            excluded.exclude(provider);
        }
        let mut confirmation = Confirmation::default();
        let mut counted = Vec::new();
        for (index, attempt) in evidence.attempts.iter().enumerate() {
            let Ruling::Ask(need, _) = confirmation.ruling() else { break };
            let drawn =
                if self.is_pinned(index) { None } else { Some(self.draw(need, &confirmation, &excluded, provider)) };
            self.check_verifier(attempt.verifier, drawn)?;
            excluded.exclude_id(attempt.verifier, &evidence.candidates);
            let Some(report) = &attempt.report else { continue };
            let finding = self.find(attempt.verifier, report);
            decision.verdict.verifiers.push(attempt.verifier);
            decision.verdict.reports.push(report.body.hash());
            if self.is_pinned(index) {
                decision.verdict.marks = decision.verdict.marks.with(Marks::PINNED);
            }
            if let Ok(vote) = finding.vote {
                confirmation.push(vote);
                counted.push(decision.findings.len());
                decision.verdict.marks = decision
                    .verdict
                    .marks
                    .with_if(Marks::EXACT, finding.scores.iter().any(|s| s.check == Check::ExactLeaf));
            }
            decision.findings.push(finding);
        }
        self.rule(decision, &confirmation, &counted, &excluded, provider);
        Ok(())
    }

    fn rule(
        &self,
        decision: &mut Decision,
        confirmation: &Confirmation,
        counted: &[usize],
        excluded: &Exclusions,
        provider: Option<&SignedAnnouncement>,
    ) {
        let stand = match confirmation.ruling() {
            Ruling::Stand(stand) => stand,
            Ruling::Ask(need, otherwise) => {
                decision.next = self.next(need, confirmation, excluded, provider);
                match decision.next {
                    Next::Nobody if need != Need::First => {
                        decision.next = Next::Nothing;
                        otherwise
                    }
                    _ => Stand::Inconclusive(pending(confirmation, &decision.findings)),
                }
            }
        };
        for outvoted in confirmation.outvoted() {
            if let Some(finding) = counted.get(outvoted).and_then(|index| decision.findings.get_mut(*index)) {
                finding.outvoted = true;
            }
        }
        let verdict = &mut decision.verdict;
        (verdict.outcome, verdict.reason, verdict.culprit) = match stand {
            Stand::Accept => (Outcome::Accept, Reason::None, Culprit::None),
            Stand::Reject(reason) => (Outcome::Reject, reason, Culprit::Provider),
            Stand::Inconclusive(reason) if reason.proof() == Proof::Verifier => {
                (Outcome::Inconclusive, reason, Culprit::Verifier)
            }
            Stand::Inconclusive(reason) => (Outcome::Inconclusive, reason, Culprit::None),
        };
        let accepted = stand == Stand::Accept;
        let speaks =
            |finding: &&Finding| matches!(finding.vote, Ok(Vote::Pass { .. })) == accepted && finding.vote.is_ok();
        if let Some(finding) = decision.findings.iter().find(speaks) {
            verdict.scores.clone_from(&finding.scores);
        }
    }

    /// Whom to ask next.
    fn next(
        &self,
        need: Need,
        confirmation: &Confirmation,
        excluded: &Exclusions,
        provider: Option<&SignedAnnouncement>,
    ) -> Next {
        if self.is_pinned(self.evidence.attempts.len()) {
            return Next::Pinned;
        }
        if self.evidence.attempts.len() >= ATTEMPTS_MAX {
            return Next::Nobody;
        }
        let Some((id, verifier)) = self.draw(need, confirmation, excluded, provider) else { return Next::Nobody };
        let class = &verifier.body.class;
        let exactness = match need {
            Need::ClassMate => Exactness::Required,
            _ if class.exact && class.class_hash() == self.header.class => Exactness::Possible,
            _ => Exactness::Impossible,
        };
        Next::Verifier(id, exactness)
    }

    /// The verifier that the round draws among those not excluded. Without the provider's announcement nobody can be
    /// drawn: its owner and certificate would not be excluded.
    fn draw(
        &self,
        need: Need,
        confirmation: &Confirmation,
        excluded: &Exclusions,
        provider: Option<&SignedAnnouncement>,
    ) -> Option<(NodeId, &SignedAnnouncement)> {
        provider?;
        let wanted = Wanted {
            network: self.evidence.ground.network,
            model_root: self.evidence.order.model_root,
            exact_class: (need == Need::ClassMate).then_some(self.header.class),
        };
        let pool = eligible(&self.evidence.candidates, &wanted, excluded);
        let draws = &self.drawn.draws;
        choose(if confirmation.votes().is_empty() { &draws.verifier } else { &draws.second }, &pool)
    }

    fn check_verifier(
        &self,
        verifier: NodeId,
        drawn: Option<Option<(NodeId, &SignedAnnouncement)>>,
    ) -> Result<(), Reason> {
        if !self.profile.has(Check::Draw) {
            return Ok(());
        }
        ensure(verifier != self.evidence.order.provider, Reason::Draw)?;
        match drawn {
            None => Ok(()),
            Some(drawn) => ensure(drawn.is_some_and(|(id, _)| id == verifier), Reason::Draw),
        }
    }

    fn is_pinned(&self, index: usize) -> bool {
        self.evidence.pinned && index == 0
    }

    fn provider(&self) -> Option<&SignedAnnouncement> {
        self.evidence.provider.as_ref().filter(|provider| {
            provider.node_id() == self.evidence.order.provider
                && provider.body.role == Role::Provider
                && provider.body.network == self.evidence.ground.network
                && provider.verify().is_ok()
        })
    }

    /// Holds one report: first whether it is one, then its word on the prompt, then its numbers.
    fn find(&self, verifier: NodeId, report: &SignedReport) -> Finding {
        let mut scores = Vec::new();
        let vote = shape::check(self, verifier, report).map(|()| self.vote(&report.body, &mut scores));
        Finding { verifier, vote, scores, outvoted: false }
    }

    fn vote(&self, report: &Report, scores: &mut Vec<Score>) -> Vote {
        let limits = self.profile.limits(self.header.class, report.class);
        self.measure(report, limits, scores);
        if let Err(reason) = shape::word(self, report) {
            return Vote::Fail(reason);
        }
        let broken = scores.iter().find(|score| !score.holds()).map(|score| score.check);
        match broken.and_then(reason_of) {
            None => Vote::Pass { exact: scores.iter().any(|score| score.check == Check::ExactLeaf) },
            Some(Reason::ExactLeaf) => Vote::LeafDiffers,
            Some(reason) => Vote::Fail(reason),
        }
    }

    /// Every score that is on, in the order of the checks.
    fn measure(&self, report: &Report, limits: &Limits, scores: &mut Vec<Score>) {
        let states = report.mode != Mode::LogprobsOnly;
        let exact = report.mode == Mode::Exact && report.class == self.header.class;
        let mut add = |check, applies: bool, limit_ppm, value: &dyn Fn() -> u64| {
            if applies && self.profile.has(check) {
                scores.push(Score { check, value_ppm: value(), limit_ppm });
            }
        };
        add(Check::SketchL2, states, limits.sketch_l2_ppm, &|| sketch::worst_l2(self.leaves, report));
        add(Check::Ks, true, limits.ks_ppm, &|| digest::worst_ks(self.leaves, report));
        add(Check::KsPosition, true, limits.ks_position_ppm, &|| lines::worst_ks_position(self.leaves, report));
        let long = report.margins.len() >= limits.margin_mean_tokens_min;
        let mean_limit = if long { limits.margin_mean_ppm } else { u64::MAX };
        let margins = !report.margins.is_empty();
        add(Check::MarginMean, margins, mean_limit, &|| lines::margin_mean(report));
        add(Check::MarginPosition, margins, limits.margin_position_ppm, &|| lines::worst_margin(report));
        add(Check::ExactLeaf, exact, 0, &|| exact::differing(self.leaves, report));
    }
}

/// What is said while a further verifier is awaited.
fn pending(confirmation: &Confirmation, findings: &[Finding]) -> Reason {
    match confirmation.votes() {
        [] => findings.iter().rev().find_map(|finding| finding.vote.err()).unwrap_or(Reason::NoReport),
        [Vote::Fail(reason)] => *reason,
        [Vote::LeafDiffers, ..] => Reason::ExactLeaf,
        _ => Reason::Split,
    }
}

fn reason_of(check: Check) -> Option<Reason> {
    match check {
        Check::SketchL2 => Some(Reason::SketchL2),
        Check::Ks => Some(Reason::Ks),
        Check::KsPosition => Some(Reason::KsPosition),
        Check::MarginMean => Some(Reason::MarginMean),
        Check::MarginPosition => Some(Reason::MarginPosition),
        Check::ExactLeaf => Some(Reason::ExactLeaf),
        _ => None,
    }
}
