//! The weighted draw: provider i is chosen with probability stake_i · reputation_i / Σ stake · reputation.

use rand::{CryptoRng, Rng};

/// What a provider without stake weighs, in atoms: it gets work, a staker gets more.
pub const STAKE_WEIGHT_MIN: u64 = 1_000_000;

/// The weight of a provider: at most 2⁶⁴ · 10⁶, so that sums over any registry stay within u128.
pub fn weight(stake: u64, reputation_ppm: u64) -> u128 {
    u128::from(stake.max(STAKE_WEIGHT_MIN)) * u128::from(reputation_ppm)
}

/// Draws an index with probability proportional to its weight; `None` when nothing weighs anything.
///
/// `rng` must be unpredictable: whoever can foresee the draw can ask at the moment that favours a provider of theirs.
pub fn draw(weights: &[u128], rng: &mut (impl Rng + CryptoRng)) -> Option<usize> {
    let total = weights.iter().try_fold(0u128, |sum, weight| sum.checked_add(*weight))?;
    if total == 0 {
        return None;
    }
    let mut ticket = rng.random_range(0..total);
    weights.iter().position(|weight| {
        let hit = ticket < *weight;
        ticket = ticket.saturating_sub(*weight);
        hit
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    const DRAWS: u32 = 4_000;

    #[test]
    fn nothing_to_draw_from() {
        let mut rng = StdRng::seed_from_u64(1);
        assert_eq!(draw(&[], &mut rng), None);
        assert_eq!(draw(&[0, 0], &mut rng), None);
        assert_eq!(draw(&[u128::MAX, 1], &mut rng), None);
        assert_eq!(draw(&[0, 5, 0], &mut rng), Some(1));
    }

    #[test]
    fn stake_below_the_minimum_weighs_the_minimum() {
        assert_eq!(weight(0, 1_000_000), weight(STAKE_WEIGHT_MIN, 1_000_000));
        assert!(weight(u64::MAX, 1_000_000).checked_mul(1 << 20).is_some());
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
        /// Each provider's share of the draws is its share of the weight, within six standard deviations.
        #[test]
        fn the_draw_is_proportional(stakes in prop::collection::vec((0u64..50_000_000, 10_000u64..=1_000_000), 1..8), seed: u64) {
            let weights: Vec<u128> = stakes.iter().map(|(stake, reputation)| weight(*stake, *reputation)).collect();
            let total: u128 = weights.iter().sum();
            let mut rng = StdRng::seed_from_u64(seed);
            let mut counts = vec![0u32; weights.len()];
            for _ in 0..DRAWS {
                counts[draw(&weights, &mut rng).unwrap()] += 1;
            }
            for (count, weight) in counts.iter().zip(&weights) {
                let share = *weight as f64 / total as f64;
                let expected = share * f64::from(DRAWS);
                let deviation = (f64::from(DRAWS) * share * (1.0 - share)).sqrt();
                prop_assert!((f64::from(*count) - expected).abs() <= 6.0 * deviation + 1.0, "{count} draws, {expected} expected");
            }
        }
    }
}
