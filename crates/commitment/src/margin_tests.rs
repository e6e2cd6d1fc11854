use super::*;
use crate::digest::Digest;
use crate::sampler::choose;

const SEED: [u8; 32] = [4; 32];
const VOCABULARY: usize = 2_000;

/// A row of raw logits that differs from one token index to the next.
fn row(t: u32, spread: f32) -> Vec<f32> {
    let mut state = u64::from(t) * 2 + 1;
    (0..VOCABULARY)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let u = ((state >> 40) as f32 + 0.5) / (1u64 << 24) as f32;
            // Exponential tails, as real logits have: a few tokens stand out.
            -u.ln() * spread
        })
        .collect()
}

fn settings() -> Vec<SamplingParams> {
    let mut all = Vec::new();
    for temperature in [0, 1_000, 7_000, 10_000, 15_000] {
        for (top_p, top_k, min_p) in
            [(10_000, 64, 0), (9_000, 64, 0), (5_000, 64, 0), (10_000, 5, 0), (10_000, 64, 1_000), (9_500, 20, 500)]
        {
            for (presence, frequency) in [(0, 0), (5_000, 3_000)] {
                all.push(SamplingParams {
                    temperature,
                    top_p,
                    top_k,
                    min_p,
                    presence,
                    frequency,
                    ..SamplingParams::default()
                });
            }
        }
    }
    all
}

#[test]
fn an_honest_token_on_equal_numbers_has_almost_no_margin() {
    for params in settings() {
        let mut counts = Counts::default();
        for t in 0..12 {
            let logits = row(t, 3.0);
            let digest = Digest::from_logits(&logits).expect("finite");
            let id = choose(&digest, &params, &counts, &SEED, t).expect("a candidate");
            let got = margin(&logits, id, &params, &counts, &SEED, t).expect("finite");
            assert!(got <= 2e-3, "{params:?}, t {t}: {got}, and quantisation explains 1e-3");
            counts.add(id);
        }
    }
}

#[test]
fn slightly_other_numbers_stay_under_the_limit() {
    let params = SamplingParams::default();
    let mut sum = 0.0;
    for t in 0..200 {
        let logits = row(t, 3.0);
        let theirs: Vec<f32> = logits.iter().zip(row(t + 1_000, 0.02)).map(|(l, n)| l + n).collect();
        let digest = Digest::from_logits(&theirs).expect("finite");
        let id = choose(&digest, &params, &Counts::default(), &SEED, t).expect("a candidate");
        sum += margin(&logits, id, &params, &Counts::default(), &SEED, t).expect("finite");
    }
    assert!(sum / 200.0 < 0.03, "mean margin {}", sum / 200.0);
}

#[test]
fn another_models_tokens_stand_out() {
    for params in settings() {
        let mut sum = 0.0;
        for t in 0..40 {
            let digest = Digest::from_logits(&row(t + 500, 3.0)).expect("finite");
            let id = choose(&digest, &params, &Counts::default(), &SEED, t).expect("a candidate");
            sum += margin(&row(t, 3.0), id, &params, &Counts::default(), &SEED, t).expect("finite");
        }
        assert!(sum / 40.0 > 1.0, "{params:?}: mean margin {}", sum / 40.0);
    }
}

#[test]
fn a_token_outside_the_loosened_cuts_scores_its_lift() {
    let mut logits = vec![-10.0f32; VOCABULARY];
    for (id, logit) in logits.iter_mut().take(100).enumerate() {
        *logit = 5.0 - id as f32 * 0.1;
    }
    let scan = Scan::new(&logits).expect("finite");
    let lift = |id: usize, params: &SamplingParams, expected: f64| {
        let counts = Counts::default();
        let rival = |id: u32, logit: f32| Rival::new(&scan, id, logit, params, &counts);
        let rivals: Vec<Rival> = scan.top.iter().map(|(id, l)| rival(*id, *l)).collect();
        let claimed = u32::try_from(id).expect("small");
        let cuts = Cuts::new(&scan, &rivals, params, real(params.temperature));
        let got = cuts.lift(&rival(claimed, logits[id]));
        assert!((got - expected).abs() < 1e-5, "token {id}: {got}, expected {expected}");
        let whole = margin(&logits, claimed, params, &counts, &SEED, 3).expect("finite");
        assert!(whole >= got, "the margin is at least the lift");
    };
    let open = SamplingParams::default();
    // The 64th stands at 5 − 6.3; half a nat of slack reaches the 69th.
    lift(68, &open, 0.0);
    lift(69, &open, 0.1);
    lift(1_500, &open, 8.2);
    let top_k = SamplingParams { top_k: 10, ..open.clone() };
    lift(14, &top_k, 0.0);
    lift(15, &top_k, 0.1);
    // z falls 0.1 a token: the mass before token n is about 1 − e^(−n/10). 0.63 is inside 0.65, 0.67 is not.
    let top_p = SamplingParams { top_p: 5_000, ..open.clone() };
    lift(10, &top_p, 0.0);
    lift(11, &top_p, 0.1);
    // ln 0.5 − ½ = −1.193
    let min_p = SamplingParams { min_p: 5_000, ..open.clone() };
    lift(11, &min_p, 0.0);
    lift(12, &min_p, 0.006_853);
    lift(40, &SamplingParams { top_p: 8_500, ..open.clone() }, 0.0);
    // A cold cut is no cliff: what decides is still the difference of logprobs.
    let cold = SamplingParams { temperature: 500, top_p: 5_000, ..open };
    lift(1, &cold, 0.1);
}

#[test]
fn cold_margins_are_plain_differences() {
    let mut logits = vec![0.0f32; 100];
    (logits[3], logits[4]) = (5.0, 4.25);
    let cold = SamplingParams { temperature: 0, top_k: 1, ..SamplingParams::default() };
    let of = |claimed, counts: &Counts| margin(&logits, claimed, &cold, counts, &SEED, 0).expect("finite");
    assert_eq!(of(3, &Counts::default()), 0.0);
    assert!((of(4, &Counts::default()) - 0.75).abs() < 1e-9);
    assert!((of(90, &Counts::default()) - 5.0).abs() < 1e-9);
    let penal = SamplingParams { frequency: 10_000, ..cold.clone() };
    let got = margin(&logits, 3, &penal, &Counts::of(&[3]), &SEED, 0).expect("finite");
    assert!((got - 0.25).abs() < 1e-9);
}

#[test]
fn the_cap_and_the_steps_hold_whatever_comes() {
    assert_eq!(margin_steps(0.0), 0);
    assert_eq!(margin_steps(-1.0), 0);
    assert_eq!(margin_steps(1.0), 1_024);
    assert_eq!(margin_steps(0.5 / 1_024.0), 0);
    assert_eq!(margin_steps(1.5 / 1_024.0), 2);
    for over in [10.0, 11.0, f64::INFINITY, f64::NAN] {
        assert_eq!(margin_steps(over), 10_240);
    }
    let error = margin(&[0.0; 100], 100, &SamplingParams::default(), &Counts::default(), &SEED, 0);
    assert_eq!(error, Err(Error::TokenId { id: 100, n_vocab: 100 }));
    assert!(margin(&[f32::NAN; 100], 1, &SamplingParams::default(), &Counts::default(), &SEED, 0).is_err());
}
