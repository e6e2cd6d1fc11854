use super::*;
use crate::sketch::Sketch;

const SEED: [u8; 32] = [9; 32];

fn digest(entries: &[(u32, f64)]) -> Digest {
    Digest { entries: entries.iter().map(|(id, p)| (*id, (1024.0 * p.ln()).round() as i16)).collect() }
}

fn eight() -> Digest {
    digest(&[(10, 0.30), (20, 0.25), (30, 0.15), (40, 0.10), (50, 0.08), (60, 0.06), (70, 0.04), (80, 0.02)])
}

fn params(edit: impl FnOnce(&mut SamplingParams)) -> SamplingParams {
    let mut params = SamplingParams::default();
    edit(&mut params);
    params
}

/// How often each token comes out over many indices.
fn histogram(digest: &Digest, params: &SamplingParams, counts: &Counts) -> HashMap<u32, u32> {
    let mut seen = HashMap::new();
    for t in 0..4_000 {
        *seen.entry(choose(digest, params, counts, &SEED, t).expect("a candidate")).or_default() += 1;
    }
    seen
}

#[test]
fn tokens_come_out_as_often_as_the_softmax_says() {
    for (temperature, tolerance) in [(1_000, 0.03), (7_000, 0.03), (10_000, 0.03), (15_000, 0.03)] {
        let params = params(|p| p.temperature = temperature);
        let seen = histogram(&eight(), &params, &Counts::default());
        let weights: Vec<f64> =
            eight().entries.iter().map(|(_, q)| (f64::from(*q) / 1024.0 / real(temperature)).exp()).collect();
        let sum: f64 = weights.iter().sum();
        for ((id, _), weight) in eight().entries.iter().zip(weights) {
            let share = f64::from(seen.get(id).copied().unwrap_or(0)) / 4_000.0;
            assert!((share - weight / sum).abs() < tolerance, "T {temperature}, token {id}: {share}, {}", weight / sum);
        }
    }
}

#[test]
fn cold_takes_the_likeliest_and_the_lower_id_on_a_tie() {
    let cold = params(|p| p.temperature = 0);
    assert_eq!(choose(&eight(), &cold, &Counts::default(), &SEED, 0), Some(10));
    let tied = Digest { entries: vec![(5, -700), (7, -700), (9, -700)] };
    assert_eq!(choose(&tied, &cold, &Counts::default(), &SEED, 0), Some(5));
    let cut = params(|p| (p.temperature, p.top_k, p.top_p, p.min_p) = (0, 1, 1, 10_000));
    assert_eq!(choose(&eight(), &cut, &Counts::of(&[10]), &SEED, 0), Some(10), "cuts do not matter when cold");
}

#[test]
fn no_candidate_gives_no_token() {
    for temperature in [0, 10_000] {
        let params = params(|p| p.temperature = temperature);
        assert_eq!(choose(&Digest::default(), &params, &Counts::default(), &SEED, 0), None);
    }
}

#[test]
fn each_cut_keeps_what_it_should() {
    let kept = |params: &SamplingParams| {
        let mut ids: Vec<u32> = histogram(&eight(), params, &Counts::default()).into_keys().collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(kept(&params(|p| p.top_k = 3)), [10, 20, 30]);
    assert_eq!(kept(&params(|p| p.top_k = 1)), [10]);
    assert_eq!(kept(&params(|p| p.top_p = 1)), [10], "the crossing token stays");
    assert_eq!(kept(&params(|p| p.top_p = 5_000)), [10, 20]);
    assert_eq!(kept(&params(|p| p.top_p = 5_600)), [10, 20, 30]);
    assert_eq!(kept(&params(|p| p.min_p = 4_900)), [10, 20, 30]);
    assert_eq!(kept(&params(|p| p.min_p = 10_000)), [10]);
    assert_eq!(
        kept(&params(|p| (p.top_k, p.top_p) = (2, 5_400))),
        [10],
        "top_p runs over the survivors' softmax: 0.30 of 0.55"
    );
    assert_eq!(kept(&params(|p| (p.top_k, p.top_p) = (2, 5_500))), [10, 20]);
}

#[test]
fn penalties_count_generated_tokens() {
    let counts = Counts::of(&[10, 10, 20]);
    let cold = |presence, frequency| params(|p| (p.temperature, p.presence, p.frequency) = (0, presence, frequency));
    // ln .30/.25 = .18, ln .25/.15 = .51
    assert_eq!(choose(&eight(), &cold(0, 0), &counts, &SEED, 0), Some(10));
    assert_eq!(choose(&eight(), &cold(0, 2_000), &counts, &SEED, 0), Some(20), ".40 against .20");
    assert_eq!(choose(&eight(), &cold(2_000, 0), &counts, &SEED, 0), Some(10), "both pay the same");
    assert_eq!(choose(&eight(), &cold(10_000, 0), &counts, &SEED, 0), Some(30));
    assert_eq!(choose(&eight(), &cold(-20_000, -20_000), &Counts::of(&[80]), &SEED, 0), Some(80));
}

#[test]
fn the_coin_is_a_gumbel_variable() {
    let coins: Vec<f64> = (0..20_000).map(|t| coin(&SEED, t, 5)).collect();
    let mean = coins.iter().sum::<f64>() / 20_000.0;
    assert!((mean - 0.577_2).abs() < 0.03, "mean {mean}");
    assert!(coins.iter().all(|c| c.is_finite()));
    assert_ne!(coin(&SEED, 1, 2), coin(&SEED, 2, 1));
    assert_ne!(coin(&SEED, 1, 2), coin(&[8; 32], 1, 2));
}

#[test]
fn a_chosen_window_replays_and_a_changed_one_does_not() {
    let params = params(|p| (p.frequency, p.presence) = (5_000, -3_000));
    let mut counts = Counts::default();
    let mut ids = Vec::new();
    for t in 0..40 {
        let id = choose(&eight(), &params, &counts, &SEED, t).expect("a candidate");
        counts.add(id);
        ids.push(id);
    }
    let window = |index: u32, ids: &[u32]| WindowLeaf {
        index,
        ids: ids.to_vec(),
        sketches: vec![Sketch([0; 64]); ids.len()],
        digests: vec![eight(); ids.len()],
    };
    assert_eq!(replay(&window(0, &ids[..32]), &params, &SEED, &ids), Ok(()));
    assert_eq!(replay(&window(1, &ids[32..]), &params, &SEED, &ids), Ok(()));
    assert!(replay(&window(1, &ids[32..]), &params, &[1; 32], &ids).is_err(), "another seed");
    let mut changed = ids.clone();
    changed[35] = if changed[35] == 10 { 20 } else { 10 };
    let fault = replay(&window(1, &changed[32..]), &params, &SEED, &changed).expect_err("one token differs");
    assert_eq!(fault, ReplayFault { t: 35, claimed: changed[35], replayed: Some(ids[35]) });
    let mut foreign = ids.clone();
    foreign[3] = 999;
    assert!(replay(&window(0, &foreign[..32]), &params, &SEED, &foreign).is_err(), "a token outside its digest");
    let empty = WindowLeaf { digests: vec![Digest::default(); 32], ..window(0, &ids[..32]) };
    assert_eq!(replay(&empty, &params, &SEED, &ids), Err(ReplayFault { t: 0, claimed: ids[0], replayed: None }));
}
