//! A provider's reputation at this router: a fixed-point share of its stake's weight, in parts per million.
//!
//! It starts at 1.0, is halved by every reported failure, and comes back with every reported success and with time, so that
//! a provider that nobody is sent to can still recover. It never reaches zero: a weight of zero could not prove itself again.

/// Reputation of a provider nobody complained about.
pub const REPUTATION_FULL_PPM: u64 = 1_000_000;
/// The least reputation: one request in a hundred of what the stake would get.
pub const REPUTATION_MIN_PPM: u64 = 10_000;
/// A success closes one part in this many of the gap to the full value.
const SUCCESS_GAP_DIVISOR: u64 = 8;
/// So does this much time, in milliseconds.
const RECOVERY_STEP_MS: u64 = 60_000;
/// Steps after which any reputation is full again: (7/8)^128 of a million is below one.
const RECOVERY_STEPS_MAX: u64 = 128;

const _: () = assert!(REPUTATION_MIN_PPM > 0 && REPUTATION_MIN_PPM < REPUTATION_FULL_PPM);

/// One provider's standing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reputation {
    ppm: u64,
    since_ms: u64,
}

impl Reputation {
    /// Full reputation at `now_ms`.
    pub const fn full(now_ms: u64) -> Self {
        Self { ppm: REPUTATION_FULL_PPM, since_ms: now_ms }
    }

    /// The value at `now_ms`, in ppm.
    pub fn at(&self, now_ms: u64) -> u64 {
        let steps = now_ms.saturating_sub(self.since_ms) / RECOVERY_STEP_MS;
        if steps >= RECOVERY_STEPS_MAX {
            return REPUTATION_FULL_PPM;
        }
        (0..steps).fold(self.ppm, |ppm, _| closer(ppm))
    }

    /// Counts a failure.
    pub fn failed(&mut self, now_ms: u64) {
        *self = Self { ppm: (self.at(now_ms) / 2).max(REPUTATION_MIN_PPM), since_ms: now_ms };
    }

    /// Counts a success; the recovery by time goes on from here.
    pub fn succeeded(&mut self, now_ms: u64) {
        *self = Self { ppm: closer(self.at(now_ms)), since_ms: now_ms };
    }
}

/// One step towards the full value, rounded up so that it arrives.
fn closer(ppm: u64) -> u64 {
    let gap = REPUTATION_FULL_PPM.saturating_sub(ppm);
    ppm + gap.div_ceil(SUCCESS_GAP_DIVISOR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn falls_by_half_and_not_below_the_floor() {
        let mut reputation = Reputation::full(0);
        reputation.failed(0);
        assert_eq!(reputation.at(0), 500_000);
        for _ in 0..64 {
            reputation.failed(0);
        }
        assert_eq!(reputation.at(0), REPUTATION_MIN_PPM);
    }

    #[test]
    fn recovers_by_success_and_by_time_and_arrives() {
        let mut reputation = Reputation::full(0);
        reputation.failed(0);
        reputation.succeeded(0);
        assert_eq!(reputation.at(0), 562_500);
        assert_eq!(reputation.at(RECOVERY_STEP_MS - 1), 562_500);
        assert!(reputation.at(RECOVERY_STEP_MS) > 562_500);
        assert_eq!(reputation.at(RECOVERY_STEPS_MAX * RECOVERY_STEP_MS), REPUTATION_FULL_PPM);
        for _ in 0..RECOVERY_STEPS_MAX {
            reputation.succeeded(0);
        }
        assert_eq!(reputation.at(0), REPUTATION_FULL_PPM);
    }

    #[test]
    fn a_clock_that_steps_back_changes_nothing() {
        let mut reputation = Reputation::full(1_000_000);
        reputation.failed(1_000_000);
        assert_eq!(reputation.at(0), 500_000);
    }
}
