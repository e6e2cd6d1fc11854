//! Honest replies are accepted, whatever their shape; limits hold to the unit; handlers, verifiers and peers follow the
//! draws.

mod world;

use ogong_audit::*;
use ogong_base::codec::{Decode, Encode};
use ogong_base::hash::{ChainKey, ConsensusId};
use ogong_base::units::UnixMillis;
use world::*;

fn profile() -> Profile {
    Profile::default()
}

fn votes(decision: &Decision) -> Vec<Result<Vote, Reason>> {
    decision.findings.iter().map(|finding| finding.vote).collect()
}

#[test]
fn honest_replies_of_every_shape_are_accepted() {
    for temperature in ["0", "0.1", "0.7", "1", "1.5"] {
        for (top_p, tokens) in [("1", 1), ("0.9", 31), ("0.5", 32), ("0.9", 33), ("1", 64), ("0.5", 200)] {
            let body = BODY.replace("0.9}", &format!("{temperature},\"top_p\":{top_p},\"frequency_penalty\":0.3}}"));
            let case = Case::of(&body, tokens, TRUE_MODEL);
            let (_, decision) = case.run(&profile());
            let verdict = &decision.verdict;
            assert_eq!(
                verdict.outcome,
                Outcome::Accept,
                "temperature {temperature}, top_p {top_p}, {tokens}: {verdict:?}"
            );
            assert_eq!((verdict.reason, verdict.culprit), (Reason::None, Culprit::None));
            assert!(verdict.marks.has(Marks::BOOTSTRAP) && !verdict.marks.has(Marks::SOLO.with(Marks::PINNED)));
            assert!(verdict.scores.iter().all(Score::holds));
            assert_eq!(decision.next, Next::Nothing);
            let billing = decision.billing.expect("a header");
            assert_eq!(billing.n_billed, case.record.n_tokens);
            assert_eq!(usize::try_from(billing.n_prompt), Ok(case.prompt.len()));
        }
    }
}

#[test]
fn an_answer_may_end_by_a_stop_string() {
    let case = Case::of(&BODY.replace("0.9}", "0.9,\"stop\":[\"w3\",\"zz\"]}"), 100, TRUE_MODEL);
    assert_eq!(case.trajectory.header.stop, ogong_commitment::leaf::Stop::StopString);
    assert_eq!(case.verdict().outcome, Outcome::Accept);
}

#[test]
fn an_answer_may_end_by_the_end_token() {
    // Of many seeds one whose answer ends by itself.
    let ended = (0..40).map(|seed| {
        let body = BODY.replace("why?", &format!("why {seed}?"));
        Case::of(&body, 200, TRUE_MODEL)
    });
    let case = ended.into_iter().find(|case| case.trajectory.ids.last() == Some(&END_TOKEN)).expect("one ends");
    assert_eq!(case.trajectory.header.stop, ogong_commitment::leaf::Stop::EndToken);
    assert_eq!(case.verdict().outcome, Outcome::Accept);
}

#[test]
fn a_reply_that_is_not_drawn_settles_with_its_proof() {
    let case = Case { alpha_ppm: 0, ..Case::honest() };
    let (evidence, decision) = case.run(&profile());
    assert_eq!(decision.verdict.outcome, Outcome::NotSelected);
    assert!(decision.verdict.outcome.settles() && decision.billing.is_some());
    assert!(decision.verdict.windows.is_empty() && evidence.openings.is_empty() && evidence.attempts.is_empty());
    let mut greedy = evidence.clone();
    greedy.ground.alpha_ppm = 1;
    assert_eq!(adjudicate(&greedy, &profile()).reason, Reason::Draw, "the network's rate is a floor");
    let mut foreign = case.clone();
    foreign.body.push(b' ');
    assert_eq!(foreign.verdict().reason, Reason::Body, "an undrawn reply is not believed blindly");
}

#[test]
fn a_peer_gets_the_same_bytes_from_the_encoded_evidence() {
    let case = Case::honest();
    let (evidence, decision) = case.run(&profile());
    let bytes = evidence.to_bytes();
    let received = Evidence::from_bytes(&bytes).expect("decodes").on(case.ground());
    assert_eq!(adjudicate(&received, &profile()).to_bytes(), decision.verdict.to_bytes());
    assert_eq!(Verdict::from_bytes(&decision.verdict.to_bytes()), Ok(decision.verdict.clone()));
    let stranger = Ground { session_key: [9; 32], ..case.ground() };
    assert_eq!(adjudicate(&received.on(stranger), &profile()).reason, Reason::OrderSignature);
    for cut in [0, 1, 100, bytes.len() / 2, bytes.len() - 1] {
        assert!(Evidence::from_bytes(&bytes[..cut]).is_err(), "cut at {cut}");
    }
}

#[test]
fn selection_follows_the_rate() {
    let network = network();
    let beacon = ogong_base::hash::Hash32::from_bytes([5; 32]);
    let draws = |i: u32| {
        let mut record = [0; 32];
        record[..4].copy_from_slice(&i.to_le_bytes());
        Draws::new(network, ogong_base::units::Round(1), beacon, ogong_base::hash::RecordHash::from_bytes(record))
    };
    let share = |alpha: u64| (0..10_000).filter(|i| draws(*i).is_selected(alpha)).count();
    assert_eq!((share(0), share(1_000_000)), (0, 10_000));
    // Three standard deviations of a binomial are 130.
    assert!((2_370..=2_630).contains(&share(250_000)), "{}", share(250_000));
    for n_tokens in [1u32, 32, 33, 64, 65, 97, 1_000] {
        let count = n_tokens.div_ceil(32);
        for extra in 0..4 {
            let windows = draws(n_tokens).windows(n_tokens, extra);
            assert!(windows.is_sorted_by(|a, b| a < b));
            assert_eq!((windows.first(), windows.last()), (Some(&0), Some(&(count - 1))));
            assert_eq!(windows.len(), (count as usize).min(if count > 1 { 2 + extra } else { 1 }));
        }
    }
    let other = (0..20).filter(|i| draws(*i).windows(1_000, 2) != draws(i + 100).windows(1_000, 2)).count();
    assert!(other >= 19, "windows differ between records");
}

#[test]
fn nobody_verifies_for_himself() {
    let base = Case::honest();
    let lone = |change: fn(&mut Verifier)| {
        let mut verifier = Verifier::honest(20);
        change(&mut verifier);
        Case { verifiers: vec![verifier], ..base.clone() }
    };
    for (case, why) in [
        (lone(|v| v.key = PROVIDER), "the provider itself"),
        (lone(|v| v.owner = PROVIDER), "its stake owner"),
        (lone(|v| v.certificate = PROVIDER), "behind its certificate"),
    ] {
        let (_, decision) = case.run(&profile());
        assert_eq!((decision.verdict.reason, decision.next), (Reason::NoReport, Next::Nobody), "{why}");
    }
    assert_eq!(lone(|_| {}).verdict().outcome, Outcome::Accept, "a stranger may");
    let unannounced = Case { twist: Some(|e| e.provider = None), ..base.clone() };
    assert_eq!(unannounced.run(&profile()).1.next, Next::Nobody, "an owner nobody knows cannot be excluded");
    let pinned = Case { pinned: Some(Verifier { key: PROVIDER, ..Verifier::honest(20) }), ..base.clone() };
    assert_eq!(pinned.verdict().reason, Reason::Draw, "not even where it is configured");
}

#[test]
fn a_verifier_that_was_not_drawn_does_not_count() {
    let case = Case::honest();
    let (mut evidence, decision) = case.run(&profile());
    let drawn = decision.verdict.verifiers[0];
    let other = case.verifiers.iter().find(|v| node_key(v.key).node_id() != drawn).expect("another");
    let report = case.report(other, &decision.verdict.windows, Mode::Tolerance);
    evidence.attempts = vec![Attempt {
        verifier: node_key(other.key).node_id(),
        report: Some(Signed::sign(report, &node_key(other.key))),
    }];
    assert_eq!(adjudicate(&evidence, &profile()).reason, Reason::Draw);
    let known = Verifier::honest(33).announcement();
    assert_eq!(evidence.omitted(&[known.clone()]), [known.node_id()]);
    assert!(evidence.omitted(&evidence.candidates).is_empty());
}

#[test]
fn announcements_are_drawn_by_their_latest_word() {
    let mut old = Verifier::honest(20).announcement().body;
    old.issued = UnixMillis(ISSUED_MS - 1);
    old.stake_owner = ChainKey::from_bytes([PROVIDER; 32]);
    let old = Signed::sign(old, &node_key(20));
    let new = Verifier::honest(20).announcement();
    assert!(new.supersedes(&old) && !old.supersedes(&new) && !new.supersedes(&new));
    let wanted = Wanted { network: network(), model_root: root(), exact_class: None };
    let both = [old.clone(), new.clone()];
    let pool = eligible(&both, &wanted, &Exclusions::default());
    assert_eq!(pool.iter().map(|(_, a)| a.body.issued).collect::<Vec<_>>(), [UnixMillis(ISSUED_MS)]);
    let mut forged = new;
    forged.body.consensus_id = ConsensusId::from_bytes([9; 32]);
    assert!(eligible(&[forged], &wanted, &Exclusions::default()).is_empty(), "a bad signature");
    assert!(choose(&[0xff; 32], &[]).is_none());
}

#[test]
fn a_silent_or_broken_verifier_is_replaced() {
    for (silent, lie) in [(true, None), (false, Some((|r| r.margins.truncate(1)) as Lie))] {
        let mut case = Case::honest();
        let first = case.run(&profile()).1.verdict.verifiers[0];
        let drawn = case.verifiers.iter_mut().find(|v| node_key(v.key).node_id() == first).expect("drawn");
        (drawn.silent, drawn.lie) = (silent, lie);
        let (evidence, decision) = case.run(&profile());
        assert_eq!(decision.verdict.outcome, Outcome::Accept);
        assert_eq!(evidence.attempts.len(), 2, "one more was asked");
        assert!(decision.findings.iter().all(|finding| !finding.outvoted));
    }
}

#[test]
fn a_verifier_that_lies_against_the_provider_is_outvoted() {
    let mut case = Case::honest();
    let first = case.run(&profile()).1.verdict.verifiers[0];
    let liar = case.verifiers.iter_mut().find(|v| node_key(v.key).node_id() == first).expect("drawn");
    liar.lie = Some(|r| r.margins.fill(2_000));
    let (evidence, decision) = case.run(&profile());
    assert_eq!(decision.verdict.outcome, Outcome::Accept);
    let margin = Err(Reason::MarginMean);
    let votes = votes(&decision).into_iter().map(|vote| match vote {
        Ok(Vote::Fail(reason)) => Err(reason),
        other => other.map(|_| ()),
    });
    assert_eq!(votes.collect::<Vec<_>>(), [margin, Ok(()), Ok(())]);
    assert_eq!(decision.findings.iter().map(|f| f.outvoted).collect::<Vec<_>>(), [true, false, false]);
    assert!(decision.verdict.scores.iter().all(Score::holds), "the scores shown are those that decided");
    // On the way there the lone reject was not final.
    let mut partial = evidence;
    partial.attempts.truncate(1);
    let verdict = adjudicate(&partial, &profile());
    assert!(verdict.needs_confirmation(), "{verdict:?}");
    partial.candidates.clear();
    partial.pinned = true;
    assert_eq!(adjudicate(&partial, &profile()).outcome, Outcome::Reject, "where nobody else exists one is enough");
}

#[test]
fn a_verifier_that_passes_a_cheat_is_one_of_three() {
    let mut case = Case::of(BODY, 100, REQUANTISED);
    let first = case.run(&profile()).1.verdict.verifiers[0];
    let second = case.run(&profile()).1.verdict.verifiers[1];
    // The second one echoes the provider's weights.
    let lazy = case.verifiers.iter_mut().find(|v| node_key(v.key).node_id() == second).expect("drawn");
    lazy.model = REQUANTISED;
    let decision = case.run(&profile()).1;
    assert_eq!((decision.verdict.outcome, decision.verdict.reason), (Outcome::Reject, Reason::SketchL2));
    assert_eq!(decision.verdict.verifiers.len(), 3);
    assert_eq!(decision.verdict.verifiers[0], first);
    assert_eq!(decision.findings.iter().map(|f| f.outvoted).collect::<Vec<_>>(), [false, true, false]);
}

#[test]
fn a_split_with_nobody_left_is_not_decided() {
    let mut case = Case::honest();
    case.verifiers.truncate(2);
    let first = case.run(&profile()).1.verdict.verifiers[0];
    let liar = case.verifiers.iter_mut().find(|v| node_key(v.key).node_id() == first).expect("drawn");
    liar.lie = Some(|r| r.margins.fill(2_000));
    let decision = case.run(&profile()).1;
    assert_eq!((decision.verdict.outcome, decision.verdict.reason), (Outcome::Inconclusive, Reason::Split));
    assert_eq!(decision.verdict.culprit, Culprit::None);
}

#[test]
fn a_configured_verifier_marks_the_verdict() {
    let case = Case { pinned: Some(Verifier::honest(50)), ..Case::honest() };
    let decision = case.run(&profile()).1;
    assert_eq!(decision.verdict.outcome, Outcome::Accept);
    assert!(decision.verdict.marks.has(Marks::PINNED));
    let silent = Case { pinned: Some(Verifier { silent: true, ..Verifier::honest(50) }), ..Case::honest() };
    let decision = silent.run(&profile()).1;
    assert_eq!(decision.verdict.outcome, Outcome::Accept, "then one is drawn");
    assert!(!decision.verdict.marks.has(Marks::PINNED));
}

#[test]
fn exact_mode_accepts_equal_bits_and_rejects_other_ones_twice() {
    let exact = |model: Model| {
        let mut case = Case::of(BODY, 100, model);
        case.verifiers = (20..24).map(Verifier::exact).collect();
        Case { exact: true, ..case }
    };
    let accepted = exact(TRUE_MODEL).run(&profile()).1;
    assert_eq!(votes(&accepted), [Ok(Vote::Pass { exact: true })]);
    assert!(accepted.verdict.marks.has(Marks::EXACT));
    assert_eq!(accepted.verdict.score(Check::ExactLeaf).map(|s| s.value_ppm), Some(0));
    // Too near for any threshold, but not the same weights.
    let rejected = exact(NEARBY).run(&profile()).1;
    assert_eq!(votes(&rejected), [Ok(Vote::LeafDiffers), Ok(Vote::LeafDiffers)]);
    assert_eq!((rejected.verdict.outcome, rejected.verdict.reason), (Outcome::Reject, Reason::ExactLeaf));
    assert!(rejected.verdict.score(Check::SketchL2).is_some_and(Score::holds), "distances are measured all the same");
    let lone = Case { pinned: Some(Verifier::exact(50)), verifiers: Vec::new(), ..exact(NEARBY) };
    let verdict = lone.verdict();
    assert_eq!((verdict.outcome, verdict.reason), (Outcome::Inconclusive, Reason::ExactLeaf));
    assert_eq!(verdict.culprit, Culprit::None);
    // Verifiers of another class cannot refute it.
    let mut strangers = exact(NEARBY);
    strangers.pinned = Some(Verifier::exact(50));
    strangers.verifiers = (20..24).map(Verifier::honest).collect();
    assert_eq!(strangers.verdict().outcome, Outcome::Inconclusive);
}

#[test]
fn limits_hold_to_the_unit() {
    let case = Case::honest();
    let verdict = case.verdict();
    let at = Limits::default();
    for check in [Check::SketchL2, Check::Ks, Check::KsPosition] {
        let value = verdict.score(check).expect("measured").value_ppm;
        assert!(value > 0, "{check} of another machine is not zero");
        let limited = |limit: u64| match check {
            Check::SketchL2 => Limits { sketch_l2_ppm: limit, ..at },
            Check::Ks => Limits { ks_ppm: limit, ..at },
            _ => Limits { ks_position_ppm: limit, ..at },
        };
        // One verifier, so that the first word stands.
        let lone = Case { pinned: Some(Verifier::honest(20)), verifiers: Vec::new(), ..case.clone() };
        let value = lone.verdict().score(check).expect("measured").value_ppm;
        let judge = |limit| lone.run(&profile().with_default(limited(limit)).expect("low")).1.verdict;
        assert_eq!(judge(value).outcome, Outcome::Accept, "{check} at {value}");
        let over = judge(value - 1);
        assert_eq!(over.outcome, Outcome::Reject, "{check} over {}", value - 1);
        assert_eq!(over.reason.check(), Some(check));
    }
}

#[test]
fn margins_hold_to_the_step() {
    let judge = |tokens: u32, lie: Lie| {
        let case = Case::of(BODY, tokens, TRUE_MODEL);
        assert_eq!(case.record.n_tokens, tokens, "the answer is long enough");
        let pinned = Some(Verifier { lie: Some(lie), ..Verifier::honest(20) });
        Case { pinned, verifiers: Vec::new(), ..case }.verdict()
    };
    fn of(report: &mut Report, steps: &[u16]) {
        report.margins.fill(0);
        report.margins[..steps.len()].copy_from_slice(steps);
    }
    // 0.03 nat over 100 tokens are 3,072 steps; 1.5 nat are 1,536.
    let at = judge(100, |r| of(r, &[1_536, 1_536]));
    assert_eq!(at.outcome, Outcome::Accept);
    assert_eq!(at.margin_mean_ppm(), Some(30_000));
    assert_eq!(at.score(Check::MarginPosition).map(|s| s.value_ppm), Some(1_500_000));
    assert_eq!(judge(100, |r| of(r, &[1_536, 1_536, 1])).reason, Reason::MarginMean);
    assert_eq!(judge(100, |r| of(r, &[1_537])).reason, Reason::MarginPosition);
    // Under 64 tokens the mean feeds the sequential test only.
    let short = judge(63, |r| r.margins.fill(500));
    assert_eq!(short.outcome, Outcome::Accept);
    assert_eq!(short.margin_mean_ppm(), Some(488_282));
    assert_eq!(judge(64, |r| r.margins.fill(500)).reason, Reason::MarginMean);
    assert_eq!(judge(64, |r| r.margins.fill(10_241)).reason, Reason::ReportNumbers, "over the cap");
}

#[test]
fn a_cheap_writer_behind_the_true_model_is_caught() {
    // The true model commits to tokens that it did not draw: the replay sees it at once.
    let spoof = Case::spoof(BODY, 100, REQUANTISED, TRUE_MODEL);
    assert_eq!(spoof.verdict().reason, Reason::Replay);
    // With the replay out of the way nothing but the margins do.
    let decision = spoof.run(&profile().without(Check::Replay)).1;
    assert!(matches!(decision.verdict.reason, Reason::MarginMean | Reason::MarginPosition), "{:?}", decision.verdict);
    assert!(decision.verdict.score(Check::SketchL2).is_some_and(Score::holds));
    assert!(decision.verdict.score(Check::Ks).is_some_and(Score::holds));
    let blind = profile().without(Check::Replay).without(Check::MarginMean).without(Check::MarginPosition);
    assert_eq!(spoof.run(&blind).1.verdict.outcome, Outcome::Accept);
}

#[test]
fn logprobs_alone_count_only_where_the_operator_says_so() {
    let lie: Lie = |r| {
        r.windows.iter_mut().for_each(|w| w.sketches.fill(ogong_commitment::sketch::Sketch([0; 64])));
        r.margins.clear();
    };
    let case = Case { verifiers: vec![Verifier::honest(20)], ..Case::honest() };
    let (mut evidence, decision) = case.run(&profile());
    let mut report = case.report(&case.verifiers[0], &decision.verdict.windows, Mode::LogprobsOnly);
    lie(&mut report);
    evidence.attempts[0].report = Some(Signed::sign(report, &node_key(20)));
    let refused = adjudicate(&evidence, &profile());
    assert_eq!((refused.outcome, refused.culprit), (Outcome::Inconclusive, Culprit::Verifier));
    let accepted = adjudicate(&evidence, &profile().with_logprobs_only());
    assert_eq!(accepted.outcome, Outcome::Accept);
    assert_eq!((accepted.score(Check::SketchL2), accepted.score(Check::MarginMean)), (None, None));
}

#[test]
fn missing_openings_are_asked_for_and_a_refusal_rejects_only_what_was_drawn() {
    let refusing = Case { refuse_openings: true, ..Case::honest() };
    let verdict = refusing.verdict();
    assert_eq!((verdict.outcome, verdict.reason), (Outcome::Reject, Reason::NoOpening));
    let undrawn = Case { alpha_ppm: 0, ..refusing };
    let evidence = Evidence { opening_refused: true, ..undrawn.evidence() };
    let verdict = adjudicate(&evidence, &profile());
    assert_eq!((verdict.outcome, verdict.reason), (Outcome::Inconclusive, Reason::Openings));
    let (mut partial, _) = Case::honest().run(&profile());
    partial.openings.pop();
    let decision = decide(&partial, &profile());
    assert_eq!(decision.verdict.reason, Reason::Openings);
    assert!(matches!(decision.next, Next::Openings(windows) if windows.len() == 4));
}

#[test]
fn bent_evidence_never_panics_and_never_settles_another_reply() {
    const SEED: u64 = 0x0a0d_17e5;
    let case = Case::of(BODY, 40, TRUE_MODEL);
    let (evidence, decision) = case.run(&profile());
    assert_eq!(decision.verdict.outcome, Outcome::Accept);
    let (honest, ground) = (evidence.to_bytes(), case.ground());
    let mut state = SEED;
    let mut decoded = 0;
    for _ in 0..600 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let at = usize::try_from(state >> 33).expect("31 bits") % honest.len();
        let mut bent = honest.clone();
        bent[at] ^= 1 << (state >> 30 & 7);
        let Ok(bent) = Evidence::from_bytes(&bent) else { continue };
        decoded += 1;
        let verdict = adjudicate(&bent.on(ground.clone()), &profile());
        if verdict.outcome.settles() {
            assert_eq!(
                (verdict.reply_id, verdict.record_hash),
                (decision.verdict.reply_id, decision.verdict.record_hash)
            );
            assert_eq!(verdict.scores, decision.verdict.scores, "byte {at}, seed {SEED:#x}");
        } else {
            assert_ne!(verdict.reason, Reason::None, "byte {at}, seed {SEED:#x}");
        }
    }
    assert!(decoded > 300, "{decoded} decoded, seed {SEED:#x}");
}

#[test]
fn a_claimed_length_beyond_all_answers_costs_nothing() {
    let mut case = Case::of(BODY, 40, TRUE_MODEL);
    case.order.max_tokens = u32::MAX;
    case.record = record(&case.order, &case.trajectory);
    case.record.n_tokens = u32::MAX;
    assert_eq!(case.verdict().reason, Reason::TokenCount);
}

#[test]
fn an_operator_may_decide_where_nobody_verifies() {
    let case = Case { verifiers: Vec::new(), ..Case::honest() };
    let (_, decision) = case.run(&profile());
    assert_eq!(decision.next, Next::Nobody);
    let accepted = decision.verdict.clone().by_hand(true);
    assert_eq!((accepted.outcome, accepted.reason, accepted.culprit), (Outcome::Accept, Reason::Manual, Culprit::None));
    assert!(accepted.marks.has(Marks::PINNED));
    assert_ne!(accepted.hash(), decision.verdict.hash());
    assert_eq!(decision.verdict.by_hand(false).culprit, Culprit::Provider);
}
