//! Properties over random replies: encodings read back exactly, replay takes what the sampler chose and nothing else.

use ogong_base::codec::{Decode, DecodeError, Encode};
use ogong_base::{
    ChainKey, ClassHash, Hash32, ModelId, ModelRoot, NetworkId, NodeId, NodeKey, ReqHash, SessionKey, Tier,
};
use ogong_commitment::builder::{Opening, Trajectory, TrajectoryBuilder};
use ogong_commitment::digest::Digest;
use ogong_commitment::leaf::{Header, Stop, leaf_count};
use ogong_commitment::order::Order;
use ogong_commitment::params::SamplingParams;
use ogong_commitment::record::{Record, SignedRecord};
use ogong_commitment::sampler::{Counts, choose, replay};
use ogong_commitment::sketch::{Bank, Sketch};
use ogong_commitment::{drift, request};
use proptest::prelude::*;

const VOCABULARY: u32 = 90;

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases) }
}

fn hash() -> impl Strategy<Value = [u8; 32]> {
    any::<[u8; 32]>()
}

fn params() -> impl Strategy<Value = SamplingParams> {
    let stop = prop::collection::vec(prop::collection::vec(any::<u8>(), 1..=64), 0..=4);
    (
        0..=20_000i32,
        1..=10_000i32,
        0..=10_000i32,
        1..=64u32,
        -20_000..=20_000i32,
        -20_000..=20_000i32,
        1..5_000u32,
        stop,
    )
        .prop_map(|(temperature, top_p, min_p, top_k, presence, frequency, max_tokens, stop)| SamplingParams {
            temperature,
            top_p,
            min_p,
            top_k,
            presence,
            frequency,
            max_tokens,
            stop,
        })
}

fn order() -> impl Strategy<Value = Order> {
    let names = (hash(), hash(), hash(), hash(), hash(), hash(), hash(), hash());
    let numbers = (any::<[u64; 6]>(), any::<[u32; 2]>());
    (names, "[a-z0-9_-][a-z0-9._-]{0,63}", numbers).prop_map(
        |(n, model, ([epoch, a, b, c, issued_ms, deadline_ms], [max_tokens, n_ctx]))| Order {
            network: NetworkId::from_bytes(n.0),
            program: ChainKey::from_bytes(n.1),
            nonce: Hash32::from_bytes(n.2),
            owner: ChainKey::from_bytes(n.3),
            provider: NodeId::from_bytes(n.4),
            router: NodeId::from_bytes(n.5),
            epoch,
            model_id: ModelId::new(Tier::Verified, "maker", &model).expect("well formed"),
            model_root: ModelRoot::from_bytes(n.6),
            req_hash: ReqHash::from_bytes(n.7),
            price_prompt: a,
            price_completion: b,
            max_fee: c,
            max_tokens,
            n_ctx,
            issued_ms,
            deadline_ms,
        },
    )
}

/// A reply drawn by the canonical sampler from random rows of logits.
fn reply() -> impl Strategy<Value = (Trajectory, [u8; 32])> {
    (params(), hash(), 1..70usize, any::<u64>(), 1.0..40.0f32).prop_map(|(params, seed, n, mut state, spread)| {
        let mut next = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1u32 << 24) as f32 - 0.5
        };
        let bank = Bank::new(8).expect("a good width");
        let mut builder = TrajectoryBuilder::new(&[1, 2, 3], ClassHash::ZERO, params.clone());
        let mut counts = Counts::default();
        for t in 0..n as u32 {
            let logits: Vec<f32> = (0..VOCABULARY).map(|_| next() * spread).collect();
            let hidden: Vec<f32> = (0..8).map(|_| next()).collect();
            let digest = Digest::from_logits(&logits).expect("finite");
            let id = choose(&digest, &params, &counts, &seed, t).expect("a candidate");
            counts.add(id);
            builder.push(id, &id.to_le_bytes(), bank.project(&hidden).expect("finite"), digest);
        }
        (builder.finish(Stop::Length).expect("not empty"), seed)
    })
}

/// Reads back, and neither a byte more nor one less does.
fn holds<T: Decode + PartialEq + std::fmt::Debug>(value: &T, cut: usize) -> Result<(), TestCaseError> {
    let bytes = value.to_bytes();
    let read = T::from_bytes(&bytes);
    prop_assert_eq!(read.as_ref(), Ok(value));
    prop_assert!(T::from_bytes(&bytes[..cut % bytes.len()]).is_err());
    prop_assert_eq!(T::from_bytes(&[bytes.as_slice(), &[0]].concat()), Err(DecodeError::Trailing(1)));
    Ok(())
}

proptest! {
    #![proptest_config(config(48))]

    #[test]
    fn orders_read_back_and_are_signed_whole(order in order(), cut in any::<usize>(), flip in any::<prop::sample::Index>()) {
        holds(&order, cut)?;
        let key = SessionKey::from_seed([7; 32]);
        let signature = order.sign(&key);
        prop_assert!(order.verify(&key.public(), &signature).is_ok());
        let mut bytes = order.to_bytes();
        let at = flip.index(bytes.len());
        bytes[at] ^= 1;
        if let Ok(other) = Order::from_bytes(&bytes) {
            prop_assert_ne!(other.reply_id(), order.reply_id());
            prop_assert!(other.verify(&key.public(), &signature).is_err());
        }
    }

    #[test]
    fn parameters_read_back(params in params(), cut in any::<usize>()) {
        holds(&params, cut)?;
    }

    #[test]
    fn freezing_twice_is_freezing_once(a in any::<f64>(), b in any::<u64>(), text in "\\PC{0,20}") {
        let body = serde_json::json!({"z": a, "user": text, "a": [b, text], "m": {"user": b}}).to_string();
        let once = request::freeze(body.as_bytes()).expect("a good body");
        prop_assert_eq!(request::freeze(&once).expect("a good body"), once);
    }

    #[test]
    fn no_bytes_make_a_decoder_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = Order::from_bytes(&bytes);
        let _ = Header::from_bytes(&bytes);
        let _ = Trajectory::from_bytes(&bytes);
        let _ = Opening::from_bytes(&bytes);
        let _ = Digest::from_bytes(&bytes);
        let _ = SignedRecord::from_bytes(&bytes);
        let _ = SamplingParams::from_body(&bytes, 1);
    }

    #[test]
    fn scores_are_numbers_or_fail(a in any::<[u16; 32]>(), b in any::<[u16; 32]>()) {
        let sketch = |half: [u16; 32]| Sketch(std::array::from_fn(|i| half[i % 32]));
        let score = drift::window_l2(&[sketch(a)], &[sketch(b)]);
        let ppm = drift::to_ppm(score);
        prop_assert_eq!(ppm == u64::MAX, !score.is_finite() || score > 9e9);
    }
}

proptest! {
    #![proptest_config(config(24))]

    #[test]
    fn trajectories_read_back_and_open_leaf_by_leaf((trajectory, _) in reply(), cut in any::<usize>()) {
        holds(&trajectory, cut)?;
        let root = trajectory.commit_root();
        let n_tokens = trajectory.header.n_tokens;
        for index in 0..leaf_count(n_tokens) as u32 {
            let opening = trajectory.open(index).expect("a leaf");
            holds(&opening, cut)?;
            prop_assert!(opening.verify(&root, n_tokens).is_ok());
            let mut forged = opening.clone();
            let at = cut % forged.leaf.len();
            forged.leaf[at] ^= 1;
            prop_assert!(forged.verify(&root, n_tokens).is_err());
            if index == 0 {
                prop_assert_eq!(opening.header().expect("the header"), trajectory.header.clone());
            } else {
                let window = opening.window().expect("a window");
                prop_assert_eq!(window.check(index - 1, &trajectory.ids, VOCABULARY), Ok(()));
            }
        }
        prop_assert!(trajectory.open(leaf_count(n_tokens) as u32).is_err());
    }

    #[test]
    fn replay_takes_what_was_chosen_and_no_other_token((trajectory, seed) in reply(), at in any::<prop::sample::Index>(), by in 1..VOCABULARY) {
        let params = &trajectory.header.params;
        for leaf in &trajectory.leaves {
            prop_assert_eq!(replay(leaf, params, &seed, &trajectory.ids), Ok(()));
        }
        let t = at.index(trajectory.ids.len());
        let mut ids = trajectory.ids.clone();
        ids[t] = (ids[t] + by) % VOCABULARY;
        let mut leaf = trajectory.leaves[t / 32].clone();
        leaf.ids[t % 32] = ids[t];
        let fault = replay(&leaf, params, &seed, &ids).expect_err("one token differs");
        prop_assert_eq!((fault.t as usize, fault.replayed), (t, Some(trajectory.ids[t])));
    }
}

#[test]
fn records_are_signed_whole_and_two_of_one_reply_are_equivocation() {
    let key = NodeKey::from_seeds([1; 32], [2; 32]);
    let mut builder = TrajectoryBuilder::new(&[1], ClassHash::ZERO, SamplingParams::default());
    let digest = Digest::from_logits(&[0.0; 100]).expect("finite");
    builder.push(3, b"hi", Sketch([0; 64]), digest);
    let trajectory = builder.finish(Stop::EndToken).expect("not empty");
    let record = Record {
        reply_id: ogong_base::ReplyId::from_bytes([1; 32]),
        req_hash: request::req_hash(b"{}"),
        resp_hash: trajectory.resp_hash(),
        model_root: ModelRoot::ZERO,
        commit_root: trajectory.commit_root(),
        n_tokens: 1,
        t0_ms: 5,
        t1_ms: 6,
    };
    let signed = record.sign(&key);
    assert_eq!(signed.verify(), Ok(record.clone()));
    assert_eq!(signed.record_hash(), record.record_hash());
    assert_eq!(SignedRecord::from_bytes(&signed.to_bytes()).as_ref(), Ok(&signed));
    let mut changed = signed.clone();
    changed.record[40] ^= 1;
    assert!(changed.verify().is_err());
    let mut version = signed.clone();
    version.record[0] = 2;
    assert!(version.verify().is_err());

    let second = Record { t1_ms: 7, ..record.clone() }.sign(&key);
    let foreign = Record { t1_ms: 7, ..record.clone() }.sign(&NodeKey::from_seeds([3; 32], [4; 32]));
    let other_reply = Record { reply_id: ogong_base::ReplyId::from_bytes([2; 32]), ..record }.sign(&key);
    assert_eq!(signed.is_equivocation(&second), Ok(true));
    assert_eq!(signed.is_equivocation(&signed), Ok(false));
    assert_eq!(signed.is_equivocation(&foreign), Ok(false));
    assert_eq!(signed.is_equivocation(&other_reply), Ok(false));
    assert!(signed.is_equivocation(&changed).is_err());
}

#[test]
fn a_reply_without_tokens_cannot_be_committed() {
    let builder = TrajectoryBuilder::new(&[1], ClassHash::ZERO, SamplingParams::default());
    assert!(builder.finish(Stop::Length).is_err());
}

#[test]
fn windows_that_do_not_add_up_are_no_trajectory() {
    let mut builder = TrajectoryBuilder::new(&[1], ClassHash::ZERO, SamplingParams::default());
    let digest = Digest::from_logits(&[0.0; 100]).expect("finite");
    for _ in 0..40 {
        builder.push(3, b"a", Sketch([0; 64]), digest.clone());
    }
    let good = builder.finish(Stop::Length).expect("not empty");
    let edits: [fn(&mut Trajectory); 4] =
        [|t| t.header.n_tokens = 41, |t| t.leaves.truncate(1), |t| t.leaves.swap(0, 1), |t| t.leaves[1].index = 2];
    assert!(Trajectory::from_bytes(&good.to_bytes()).is_ok());
    for edit in edits {
        let mut bad = good.clone();
        edit(&mut bad);
        assert!(Trajectory::from_bytes(&bad.to_bytes()).is_err());
    }
}
