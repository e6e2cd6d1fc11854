//! Every reason is provoked by one tampering that is otherwise fully valid, and with its check switched off the tampering
//! passes or falls to another named check.

mod world;

use std::collections::BTreeSet;

use ogong_audit::*;
use ogong_base::Encode;
use ogong_base::hash::{ChainKey, ClassHash, Hash32, ModelRoot, ReplyId, ReqHash};
use ogong_base::units::UnixMillis;
use ogong_commitment::leaf::Stop;
use ogong_commitment::sketch::Sketch;
use world::*;

/// What happens when the check is off.
enum Off {
    Accepted,
    CaughtBy(Reason),
}

struct Attack {
    reason: Reason,
    off: Off,
    case: fn() -> Case,
}

fn with(change: fn(&mut Case)) -> Case {
    let mut case = Case::honest();
    change(&mut case);
    case
}

fn twisted(twist: fn(&mut Evidence)) -> Case {
    Case { twist: Some(twist), ..Case::honest() }
}

/// The first verifier asked tells a lie; nobody else is there.
fn one_verifier(lie: Lie) -> Case {
    Case { verifiers: vec![Verifier { lie: Some(lie), ..Verifier::honest(20) }], ..Case::honest() }
}

/// Every verifier finds the same: the provider lied.
fn all_find(lie: Lie) -> Case {
    let mut case = Case::honest();
    case.verifiers.iter_mut().for_each(|verifier| verifier.lie = Some(lie));
    case
}

fn resigned(evidence: &mut Evidence, change: impl FnOnce(&mut Receipt)) {
    let mut receipt = evidence.receipt.body.clone();
    change(&mut receipt);
    evidence.receipt = Signed::sign(receipt, &node_key(40));
}

fn attacks() -> Vec<Attack> {
    [bindings(), draws(), openings(), headers(), leaves(), words(), scores(), reports()].into_iter().flatten().collect()
}

fn bindings() -> Vec<Attack> {
    use Off::{Accepted, CaughtBy};
    vec![
        Attack { reason: Reason::OrderSignature, off: Accepted, case: || twisted(|e| e.order_signature[7] ^= 1) },
        Attack {
            reason: Reason::OrderNetwork,
            off: Accepted,
            case: || twisted(|e| e.ground.program = ChainKey::from_bytes([9; 32])),
        },
        Attack { reason: Reason::RecordSignature, off: Accepted, case: || with(|c| c.signer = 9) },
        Attack {
            reason: Reason::RecordReplyId,
            off: Accepted,
            case: || with(|c| c.record.reply_id = ReplyId::from_bytes([1; 32])),
        },
        Attack { reason: Reason::RecordTimes, off: Accepted, case: || with(|c| c.record.t1_ms = c.record.t0_ms - 1) },
        Attack {
            reason: Reason::Catalogue,
            off: Accepted,
            case: || twisted(|e| e.ground.catalogue_root = Some(ModelRoot::from_bytes([1; 32]))),
        },
        Attack {
            reason: Reason::ModelRoot,
            off: Accepted,
            case: || with(|c| c.record.model_root = ModelRoot::from_bytes([1; 32])),
        },
        Attack {
            reason: Reason::ReqHash,
            off: Accepted,
            case: || with(|c| c.record.req_hash = ReqHash::from_bytes([1; 32])),
        },
        Attack { reason: Reason::Body, off: CaughtBy(Reason::ReportJob), case: || with(|c| c.body.push(b' ')) },
        Attack {
            reason: Reason::RespHash,
            off: CaughtBy(Reason::RawText),
            case: || with(|c| c.trajectory.raw_text.push(b'!')),
        },
        Attack {
            reason: Reason::TokenCount,
            // A tree head does not say how many leaves there are: the header does.
            off: CaughtBy(Reason::HeaderTokens),
            case: || with(|c| c.record.n_tokens += 40),
        },
        Attack {
            reason: Reason::Equivocation,
            off: Accepted,
            case: || {
                twisted(|e| {
                    let mut other = ogong_base::codec::Decode::from_bytes(&e.record.record).expect("a record");
                    let record: &mut ogong_commitment::record::Record = &mut other;
                    record.t1_ms += 1;
                    e.rival = Some(other.sign(&node_key(PROVIDER)));
                })
            },
        },
    ]
}

fn draws() -> Vec<Attack> {
    use Off::{Accepted, CaughtBy};
    vec![
        Attack {
            reason: Reason::Late,
            off: CaughtBy(Reason::Beacon),
            case: || {
                twisted(|e| {
                    let schedule = e.ground.schedule;
                    resigned(e, |r| {
                        r.received = UnixMillis(ISSUED_MS + 900_001);
                        r.round = schedule.first_round_after(r.received);
                    });
                })
            },
        },
        Attack {
            reason: Reason::Receipt,
            off: CaughtBy(Reason::Beacon),
            case: || twisted(|e| resigned(e, |r| r.round.0 += 1)),
        },
        Attack {
            reason: Reason::Beacon,
            off: Accepted,
            case: || twisted(|e| e.beacon.value = Hash32::from_bytes([1; 32])),
        },
        Attack { reason: Reason::Draw, off: Accepted, case: || twisted(|e| e.extra_windows = 0) },
    ]
}

fn openings() -> Vec<Attack> {
    vec![
        Attack {
            reason: Reason::NoOpening,
            // Without the openings nothing can be checked, so nothing is accepted either.
            off: Off::CaughtBy(Reason::NoOpening),
            case: || with(|c| c.refuse_openings = true),
        },
        Attack {
            reason: Reason::Merkle,
            off: Off::CaughtBy(Reason::SketchL2),
            case: || {
                twisted(|e| {
                    if let Some(opening) = e.openings.get_mut(1) {
                        let mut leaf = opening.window().expect("a window");
                        leaf.sketches[0].0[0] = 0x7b00;
                        opening.leaf = leaf.to_bytes();
                    }
                })
            },
        },
    ]
}

fn headers() -> Vec<Attack> {
    use Off::{Accepted, CaughtBy};
    vec![
        Attack {
            reason: Reason::HeaderTokens,
            off: CaughtBy(Reason::StopReason),
            case: || {
                with(|c| {
                    c.trajectory.header.n_tokens -= 1;
                    c.seal();
                })
            },
        },
        Attack {
            reason: Reason::HeaderParams,
            off: CaughtBy(Reason::Replay),
            case: || {
                with(|c| {
                    c.trajectory.header.params.temperature = 0;
                    c.seal();
                })
            },
        },
        Attack {
            reason: Reason::RequestRefused,
            off: Accepted,
            case: || {
                let mut case = Case::honest();
                case.body = BODY.replace("0.9}", "0.9,\"n\":2}").into_bytes();
                case.order.req_hash = ogong_commitment::request::req_hash(&case.body);
                rewritten(case)
            },
        },
        Attack {
            reason: Reason::Context,
            off: CaughtBy(Reason::StopReason),
            case: || {
                let mut case = Case::honest();
                case.order.n_ctx = 150;
                rewritten(case)
            },
        },
        Attack {
            reason: Reason::StopReason,
            off: Accepted,
            case: || {
                with(|c| {
                    c.trajectory.header.stop = Stop::StopString;
                    c.seal();
                })
            },
        },
        Attack {
            reason: Reason::StopString,
            off: CaughtBy(Reason::RawText),
            case: || {
                let body = BODY.replace("0.9}", "0.9,\"stop\":\"w3\"}");
                let mut case = Case::of(&body, 100, TRUE_MODEL);
                let at = case.trajectory.ids.len();
                assert!(at < 100, "the stop string came up");
                case.trajectory.raw_text = case.trajectory.ids.iter().flat_map(|id| piece(*id)).collect();
                case.seal();
                case
            },
        },
    ]
}

/// The tokens of the case's model again under its changed order, with the same parameters.
fn rewritten(mut case: Case) -> Case {
    let prompt = tokenise(&case.body);
    let params = case.trajectory.header.params.clone();
    let order = ogong_commitment::order::Order { n_ctx: 1_024, ..case.order.clone() };
    // Written for the order as it is, but as if the context were long enough.
    let ids = {
        let seed = ogong_commitment::order::seed(case.order.reply_id());
        let (mut ids, mut counts) = (Vec::new(), ogong_commitment::sampler::Counts::default());
        for t in 0..params.max_tokens {
            let (_, logits) = TRUE_MODEL.forward(&prompt, &ids, ids.len());
            let digest = ogong_commitment::digest::Digest::from_logits(&logits).expect("finite");
            let id = ogong_commitment::sampler::choose(&digest, &params, &counts, &seed, t).expect("a candidate");
            ids.push(id);
            counts.add(id);
            if id == END_TOKEN {
                break;
            }
        }
        ids
    };
    case.trajectory = commit(&prompt, &params, &ids, order.n_ctx, TRUE_MODEL);
    case.record = record(&case.order, &case.trajectory);
    case
}

fn leaves() -> Vec<Attack> {
    use Off::{Accepted, CaughtBy};
    vec![
        Attack {
            reason: Reason::LeafFormat,
            off: CaughtBy(Reason::Replay),
            case: || {
                with(|c| {
                    c.trajectory.leaves[0].index = 1;
                    c.seal();
                })
            },
        },
        Attack {
            reason: Reason::LeafIds,
            off: CaughtBy(Reason::Replay),
            case: || {
                with(|c| {
                    c.trajectory.leaves[3].ids[0] ^= 1;
                    c.seal();
                })
            },
        },
        Attack {
            reason: Reason::DigestForm,
            off: Accepted,
            case: || {
                with(|c| {
                    // The least likely two made equal, the higher id first: the replay does not care.
                    let entries = &mut c.trajectory.leaves[0].digests[0].entries;
                    let n = entries.len();
                    entries[n - 1].1 = entries[n - 2].1;
                    let ids = [entries[n - 2].0, entries[n - 1].0];
                    (entries[n - 2].0, entries[n - 1].0) = (ids[0].max(ids[1]), ids[0].min(ids[1]));
                    c.seal();
                })
            },
        },
        Attack {
            reason: Reason::SketchForm,
            off: CaughtBy(Reason::SketchL2),
            case: || {
                with(|c| {
                    c.trajectory.leaves[0].sketches[4].0[9] = 0x7c00;
                    c.seal();
                })
            },
        },
        Attack {
            reason: Reason::Replay,
            // One forced token: with the replay off, the verifier's margin sees it.
            off: CaughtBy(Reason::MarginPosition),
            case: || forced_token(1),
        },
    ]
}

/// One token of the first window is another than the sampler gave; everything after it is honest again.
pub fn forced_token(position: usize) -> Case {
    let mut case = Case::honest();
    let mut ids = case.trajectory.ids[..position].to_vec();
    let (_, logits) = TRUE_MODEL.forward(&case.prompt, &ids, position);
    let digest = ogong_commitment::digest::Digest::from_logits(&logits).expect("finite");
    let params = case.trajectory.header.params.clone();
    let forced = digest.entries.iter().map(|(id, _)| *id).rfind(|id| *id != END_TOKEN).expect("a token");
    ids.push(forced);
    let seed = ogong_commitment::order::seed(case.order.reply_id());
    while ids.len() < 100 {
        let (_, logits) = TRUE_MODEL.forward(&case.prompt, &ids, ids.len());
        let digest = ogong_commitment::digest::Digest::from_logits(&logits).expect("finite");
        let counts = ogong_commitment::sampler::Counts::of(&ids);
        let t = u32::try_from(ids.len()).expect("few tokens");
        ids.push(ogong_commitment::sampler::choose(&digest, &params, &counts, &seed, t).expect("a candidate"));
    }
    case.trajectory = commit(&case.prompt, &params, &ids, case.order.n_ctx, TRUE_MODEL);
    case.seal();
    case
}

fn words() -> Vec<Attack> {
    use Off::Accepted;
    vec![
        Attack { reason: Reason::PromptCount, off: Accepted, case: || all_find(|r| r.n_prompt -= 1) },
        Attack {
            reason: Reason::PromptIds,
            off: Accepted,
            case: || all_find(|r| r.prompt_ids = Hash32::from_bytes([1; 32])),
        },
        Attack { reason: Reason::EndToken, off: Accepted, case: || all_find(|r| r.end_token_at = Some(5)) },
        Attack { reason: Reason::EndToken, off: Accepted, case: || all_find(|r| r.stop_string_at = Some(5)) },
        Attack { reason: Reason::RawText, off: Accepted, case: || all_find(|r| r.raw_text_sha256[0] ^= 1) },
    ]
}

fn scores() -> Vec<Attack> {
    use Off::{Accepted, CaughtBy};
    vec![
        // Rough weights show in hidden states first; with that check off, in the distributions.
        Attack { reason: Reason::SketchL2, off: CaughtBy(Reason::Ks), case: || Case::of(BODY, 100, REQUANTISED) },
        // Hidden states of the true model over another's distributions.
        Attack {
            reason: Reason::Ks,
            off: CaughtBy(Reason::KsPosition),
            case: || {
                let mut case = Case::of(BODY, 100, REQUANTISED);
                let ids = case.trajectory.ids.clone();
                let honest = commit(&case.prompt, &case.trajectory.header.params, &ids, 1_024, TRUE_MODEL);
                for (forged, honest) in case.trajectory.leaves.iter_mut().zip(honest.leaves) {
                    forged.sketches = honest.sketches;
                }
                case.seal();
                case
            },
        },
        Attack { reason: Reason::KsPosition, off: CaughtBy(Reason::MarginPosition), case: || forged_digest(1) },
        // A cheap model writes, the true one commits: nothing but the margin differs, but for the replay.
        Attack {
            reason: Reason::MarginMean,
            off: Accepted,
            case: || all_find(|r| r.margins.iter_mut().for_each(|margin| *margin = 40)),
        },
        Attack { reason: Reason::MarginPosition, off: Accepted, case: || all_find(|r| r.margins[50] = 1_600) },
        Attack { reason: Reason::ExactLeaf, off: Accepted, case: exact_mismatch },
    ]
}

/// One forced token, and its digest forged so that the replay gives it.
pub fn forged_digest(position: usize) -> Case {
    let mut case = forced_token(position);
    let claimed = case.trajectory.ids[position];
    let digest = &mut case.trajectory.leaves[0].digests[position];
    let others: Vec<u32> = digest.entries.iter().map(|(id, _)| *id).filter(|id| *id != claimed).take(7).collect();
    // Nearly all the mass on the claimed token.
    digest.entries = std::iter::once((claimed, 0)).chain(others.iter().map(|id| (*id, -20_000))).collect();
    digest.entries.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    case.seal();
    case
}

/// Within every limit, but two verifiers of the class recompute another leaf.
fn exact_mismatch() -> Case {
    let mut case = Case::of(BODY, 100, NEARBY);
    case.verifiers = (20..24).map(Verifier::exact).collect();
    case.exact = true;
    case
}

fn reports() -> Vec<Attack> {
    use Off::{Accepted, CaughtBy};
    vec![
        Attack {
            reason: Reason::ReportSignature,
            off: Accepted,
            case: || Case {
                verifiers: vec![Verifier::honest(20)],
                ..twisted(|e| {
                    if let Some(report) = e.attempts.get_mut(0).and_then(|attempt| attempt.report.as_mut()) {
                        report.signature = node_key(21).sign(Report::TAG, b"other");
                    }
                })
            },
        },
        Attack {
            reason: Reason::ReportJob,
            off: Accepted,
            case: || one_verifier(|r| r.job = ogong_base::hash::JobHash::from_bytes([1; 32])),
        },
        Attack { reason: Reason::ReportShape, off: Accepted, case: || one_verifier(|r| r.margins.truncate(99)) },
        Attack {
            reason: Reason::ReportNumbers,
            off: CaughtBy(Reason::SketchL2),
            case: || one_verifier(|r| r.windows[0].sketches.fill(Sketch([0; 64]))),
        },
        Attack {
            reason: Reason::LogprobsOnly,
            // Not a check but a policy: it stays however the checks are set.
            off: CaughtBy(Reason::LogprobsOnly),
            case: || one_verifier(|r| r.mode = Mode::LogprobsOnly),
        },
        Attack { reason: Reason::NoReport, off: Accepted, case: || with(|c| c.verifiers.clear()) },
    ]
}

#[test]
fn every_attack_is_caught_by_its_check_and_without_it_passes_or_falls_to_another() {
    let mut wrong = Vec::new();
    for Attack { reason, off, case } in attacks() {
        let case = case();
        let verdict = case.verdict();
        let (outcome, culprit) = match reason.proof() {
            Proof::Signed | Proof::Delivered | Proof::Scored => (Outcome::Reject, Culprit::Provider),
            Proof::Verifier => (Outcome::Inconclusive, Culprit::Verifier),
            Proof::Procedure | Proof::Clean => (Outcome::Inconclusive, Culprit::None),
        };
        if (verdict.reason, verdict.outcome, verdict.culprit) != (reason, outcome, culprit) {
            wrong.push(format!("{reason}: {verdict:?}"));
        }
        let Some(check) = reason.check() else { continue };
        let without = case.run(&Profile::default().without(check)).1.verdict;
        let as_told = match off {
            Off::Accepted => without.outcome == Outcome::Accept,
            Off::CaughtBy(other) => without.reason == other,
        };
        if !as_told {
            wrong.push(format!("without {check} {reason} came to {without:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_reason_goes_untried() {
    let tried: BTreeSet<Reason> = attacks().iter().map(|attack| attack.reason).collect();
    // None and Manual are given by no check; Openings and Split have tests of their own; a header that cannot be read is
    // refused below.
    let elsewhere = [Reason::None, Reason::Manual, Reason::Openings, Reason::Split, Reason::HeaderFormat];
    for &reason in Reason::ALL {
        assert!(tried.contains(&reason) != elsewhere.contains(&reason), "{reason}");
    }
}

#[test]
fn a_header_or_leaf_that_cannot_be_read_rejects() {
    use ogong_commitment::merkle;
    for (index, reason) in [(0, Reason::HeaderFormat), (1, Reason::LeafFormat)] {
        let case = Case::honest();
        let mut leaves = case.trajectory.leaf_bytes();
        leaves[index].push(0);
        let mut evidence = case.run(&Profile::default()).0;
        let mut record = case.record.clone();
        record.commit_root = merkle::root(&leaves);
        evidence.record = record.sign(&node_key(PROVIDER));
        let hash = evidence.record.record_hash();
        resigned(&mut evidence, |receipt| receipt.record_hash = hash);
        let open = |index: usize| ogong_commitment::builder::Opening {
            index: u32::try_from(index).expect("few leaves"),
            leaf: leaves[index].clone(),
            proof: merkle::prove(&leaves, index).expect("a leaf"),
        };
        let mut material = case.material();
        material.header = open(0);
        evidence.material = Some(material);
        evidence.openings = (1..5).map(open).collect();
        assert_eq!(adjudicate(&evidence, &Profile::default()).reason, reason);
    }
}

#[test]
fn a_private_class_changes_thresholds_only() {
    let case = with(|c| {
        c.trajectory.header.class = ClassHash::from_bytes([0xcc; 32]);
        c.seal();
    });
    assert_eq!(case.verdict().outcome, Outcome::Accept);
    let mut cheat = Case::of(BODY, 100, REQUANTISED);
    cheat.trajectory.header.class = ClassHash::from_bytes([0xcc; 32]);
    cheat.seal();
    assert_eq!(cheat.verdict().outcome, Outcome::Reject);
}
