//! Keeps the chain's clock at the wall clock.
//!
//! The embedded validator adds one slot's length per block, so a busy machine makes it fall behind and deadlines come late.
//! It is only ever moved forward: a test that travelled ahead in time stays ahead.

/// How far the chain may fall behind before it is moved, in milliseconds.
pub const LAG_MS_MAX: u64 = 500;

/// The time to set, if the chain's clock has fallen behind the wall clock by more than [`LAG_MS_MAX`].
pub fn correction(chain_ms: u64, wall_ms: u64) -> Option<u64> {
    (wall_ms.saturating_sub(chain_ms) > LAG_MS_MAX).then_some(wall_ms)
}

/// How far the chain's clock was moved ahead of the wall clock; what a block's length explains is not counted.
pub fn ahead(chain_ms: u64, wall_ms: u64) -> u64 {
    Some(chain_ms.saturating_sub(wall_ms)).filter(|ahead_ms| *ahead_ms > LAG_MS_MAX).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_late_clock_is_moved_and_only_forward() {
        assert_eq!(correction(1_000, 1_000 + LAG_MS_MAX), None);
        assert_eq!(correction(1_000, 1_001 + LAG_MS_MAX), Some(1_001 + LAG_MS_MAX));
        assert_eq!(correction(900_000, 1_000), None, "time travel ahead is left alone");
    }

    #[test]
    fn only_time_travel_counts_as_ahead() {
        assert_eq!(ahead(1_000, 2_000), 0);
        assert_eq!(ahead(1_000 + LAG_MS_MAX, 1_000), 0);
        assert_eq!(ahead(3_600_000, 1_000), 3_599_000);
    }
}
