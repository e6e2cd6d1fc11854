//! Times what runs once a generated token: sketch, digest, choice and margin. Medians of many runs, in microseconds.

use ogong_commitment::digest::{Digest, Scan};
use ogong_commitment::params::SamplingParams;
use ogong_commitment::sampler::{Counts, choose, coin, margin, margin_of};
use ogong_commitment::sketch::Bank;
use std::hint::black_box;
use std::time::Instant;

const RUNS: usize = 400;
const VOCABULARY: usize = 49_152;

fn main() {
    let logits = floats(VOCABULARY, 20.0);
    let (params, counts, seed) = (SamplingParams::default(), Counts::default(), [7; 32]);
    for d in [576, 4_096] {
        let (bank, hidden) = (Bank::new(d).expect("a good width"), floats(d, 8.0));
        time(&format!("sketch d={d}"), || bank.project(&hidden).is_ok());
        time(&format!("bank d={d}"), || Bank::new(d).is_ok());
    }
    time("scan 49,152 logits", || Scan::new(&logits).is_ok());
    time("digest 49,152 logits", || Digest::from_logits(&logits).is_ok());
    let digest = Digest::from_logits(&logits).expect("finite");
    println!("digest entries {}", digest.entries.len());
    let claimed = choose(&digest, &params, &counts, &seed, 0).expect("a candidate");
    time("coin", || coin(&seed, 0, claimed).is_finite());
    time("choose", || choose(&digest, &params, &counts, &seed, 0).is_some());
    time("margin 49,152 logits", || margin(&logits, claimed, &params, &counts, &seed, 0).is_ok());
    let scan = Scan::new(&logits).expect("finite");
    time("margin after a scan", || margin_of(&scan, &logits, claimed, &params, &counts, &seed, 0).is_ok());
}

fn time(name: &str, mut run: impl FnMut() -> bool) {
    let mut micros: Vec<f64> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            assert!(black_box(run()));
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    micros.sort_by(f64::total_cmp);
    println!("{name:<24} {:>8.1} us median {:>8.1} us least", micros[RUNS / 2], micros[0]);
}

fn floats(n: usize, scale: f32) -> Vec<f32> {
    let mut state = 1u64;
    (0..n)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let unit = (state >> 40) as f32 / (1u32 << 24) as f32 - 0.5;
            unit * unit * unit * 4.0 * scale
        })
        .collect()
}
