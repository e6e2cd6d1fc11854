//! How far a commitment is from a verifier's own numbers (SPEC 3.5, 3.7): relative L2 of sketches, KS and TV of digests.
//! What cannot be computed is not a number, and fails every limit (SPEC 3.10).

use crate::digest::{Digest, probability};
use crate::sketch::Sketch;
use ogong_base::params::PPM;

/// `‖y′ − y‖₂ / ‖y′‖₂` over a window's tokens, y′ the verifier's; NaN when the windows differ in length.
pub fn window_l2(committed: &[Sketch], verifier: &[Sketch]) -> f64 {
    if committed.len() != verifier.len() {
        return f64::NAN;
    }
    let (mut apart, mut norm) = (0.0, 0.0);
    for (c, v) in committed.iter().zip(verifier) {
        for (c, v) in c.values().iter().zip(v.values()) {
            apart += (v - c) * (v - c);
            norm += v * v;
        }
    }
    apart.sqrt() / norm.sqrt()
}

/// Largest difference of the two distribution functions over the union: committed order, then verifier-only ids.
pub fn ks(committed: &Digest, verifier: &Digest) -> f64 {
    let mut apart = 0.0f64;
    let mut worst = 0.0f64;
    for (c, v) in union(committed, verifier) {
        apart += c - v;
        worst = worst.max(apart.abs());
    }
    worst
}

/// `½(Σ|c − v| + |rest_c − rest_v|)` over the union.
pub fn tv(committed: &Digest, verifier: &Digest) -> f64 {
    let (mut apart, mut rest_c, mut rest_v) = (0.0, 1.0, 1.0);
    for (c, v) in union(committed, verifier) {
        apart += f64::abs(c - v);
        rest_c -= c;
        rest_v -= v;
    }
    0.5 * (apart + f64::abs(rest_c - rest_v))
}

/// A score over a window's positions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WindowScore {
    /// Mean over positions: the window's score.
    pub mean: f64,
    /// The worst position, scored beside it.
    pub worst: f64,
}

/// [`ks`] over a window; not numbers when the windows differ in length or are empty.
pub fn window_ks(committed: &[Digest], verifier: &[Digest]) -> WindowScore {
    over_window(committed, verifier, ks)
}

/// [`tv`] over a window; not numbers when the windows differ in length or are empty.
pub fn window_tv(committed: &[Digest], verifier: &[Digest]) -> WindowScore {
    over_window(committed, verifier, tv)
}

/// A score in parts per million, rounded up so that nothing over a limit rounds onto it; what is negative, not finite or
/// too large becomes `u64::MAX`, which no limit holds.
pub fn to_ppm(score: f64) -> u64 {
    let scaled = (score * PPM as f64).ceil();
    // 2⁵³: beyond it a float no longer counts in ones.
    if (0.0..9_007_199_254_740_992.0).contains(&scaled) { scaled as u64 } else { u64::MAX }
}

fn over_window(committed: &[Digest], verifier: &[Digest], score: fn(&Digest, &Digest) -> f64) -> WindowScore {
    if committed.len() != verifier.len() || committed.is_empty() {
        return WindowScore { mean: f64::NAN, worst: f64::NAN };
    }
    let scores = committed.iter().zip(verifier).map(|(c, v)| score(c, v));
    let (sum, worst) = scores.fold((0.0, 0.0f64), |(sum, worst), s| (sum + s, worst.max(s)));
    WindowScore { mean: sum / committed.len() as f64, worst }
}

/// Pairs of probabilities, a missing id counting 0: else leaving out the true top token would hide everything.
fn union(committed: &Digest, verifier: &Digest) -> Vec<(f64, f64)> {
    let of = |digest: &Digest, id: u32| {
        digest.entries.iter().find(|(other, _)| *other == id).map_or(0.0, |(_, q)| probability(*q))
    };
    let both = committed.entries.iter().map(|(id, q)| (probability(*q), of(verifier, *id)));
    let only = verifier.entries.iter().filter(|(id, _)| !committed.entries.iter().any(|(other, _)| other == id));
    both.chain(only.map(|(_, q)| (0.0, probability(*q)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(entries: &[(u32, f64)]) -> Digest {
        Digest { entries: entries.iter().map(|(id, p)| (*id, (1024.0 * p.ln()).round() as i16)).collect() }
    }

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-3
    }

    #[test]
    fn equal_commitments_are_not_apart() {
        let d = digest(&[(1, 0.5), (2, 0.3), (3, 0.2)]);
        assert_eq!((ks(&d, &d), tv(&d, &d)), (0.0, 0.0));
        let sketch = Sketch([0x3c00; 64]);
        assert_eq!(window_l2(&[sketch; 3], &[sketch; 3]), 0.0);
    }

    #[test]
    fn leaving_out_the_top_token_shows_whole() {
        let verifier = digest(&[(1, 0.6), (2, 0.3), (3, 0.1)]);
        let committed = digest(&[(2, 0.3), (3, 0.1)]);
        assert!(close(ks(&committed, &verifier), 0.6));
        assert!(close(tv(&committed, &verifier), 0.6));
        assert!(close(ks(&Digest::default(), &verifier), 1.0));
    }

    #[test]
    fn prefixes_run_in_committed_order() {
        let committed = digest(&[(1, 0.5), (2, 0.5)]);
        let verifier = digest(&[(2, 0.7), (1, 0.3)]);
        assert!(close(ks(&committed, &verifier), 0.2));
        assert!(close(tv(&committed, &verifier), 0.2));
    }

    #[test]
    fn sketches_are_measured_against_the_verifier() {
        let one = Sketch([0x3c00; 64]);
        let two = Sketch([0x4000; 64]);
        assert_eq!(window_l2(&[one], &[two]), 0.5);
        assert_eq!(window_l2(&[two], &[one]), 1.0);
    }

    #[test]
    fn what_is_no_number_fails_every_limit() {
        let (one, zero, infinite) = (Sketch([0x3c00; 64]), Sketch([0; 64]), Sketch([0x7c00; 64]));
        for (c, v) in [
            (vec![one], vec![zero]),
            (vec![zero], vec![zero]),
            (vec![infinite], vec![one]),
            (vec![one], vec![infinite]),
        ] {
            assert_eq!(to_ppm(window_l2(&c, &v)), u64::MAX);
        }
        assert_eq!(to_ppm(window_l2(&[one], &[one, one])), u64::MAX);
        assert_eq!(to_ppm(window_l2(&[], &[])), u64::MAX);
        assert_eq!(to_ppm(window_ks(&[], &[]).mean), u64::MAX);
        assert_eq!(to_ppm(window_tv(&[Digest::default()], &[]).worst), u64::MAX);
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1e-3, 1e30] {
            assert_eq!(to_ppm(bad), u64::MAX, "{bad}");
        }
    }

    #[test]
    fn parts_per_million_round_up() {
        for (score, ppm) in
            [(0.0, 0), (0.1, 100_000), (0.100_000_1, 100_001), (0.1f64.next_up(), 100_001), (1.5, 1_500_000)]
        {
            assert_eq!(to_ppm(score), ppm, "{score}");
        }
    }
}
