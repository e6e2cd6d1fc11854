//! Limits of scores per pair of numeric classes, and which checks are on (SPEC 5.5, 1.6).

use std::collections::BTreeMap;

use ogong_base::hash::ClassHash;
use ogong_base::params::{
    EXTRA_WINDOWS, KS_LIMIT_PPM, KS_POSITION_LIMIT_PPM, L2_LIMIT_PPM, MARGIN_CAP_PPM, MARGIN_MEAN_LIMIT_PPM,
    MARGIN_MEAN_TOKENS_MIN, MARGIN_POSITION_LIMIT_PPM, PPM,
};

use crate::{Check, CheckSet, Error};

/// Limits for one pair of classes, in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Worst window's relative L2 distance.
    pub sketch_l2_ppm: u64,
    /// Worst window's mean KS distance.
    pub ks_ppm: u64,
    /// Worst position's KS distance.
    pub ks_position_ppm: u64,
    /// Mean margin, from [`Limits::margin_mean_tokens_min`] tokens on.
    pub margin_mean_ppm: u64,
    /// Worst single margin.
    pub margin_position_ppm: u64,
    /// Tokens from which on the mean margin is held against its limit.
    pub margin_mean_tokens_min: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sketch_l2_ppm: L2_LIMIT_PPM,
            ks_ppm: KS_LIMIT_PPM,
            ks_position_ppm: KS_POSITION_LIMIT_PPM,
            margin_mean_ppm: MARGIN_MEAN_LIMIT_PPM,
            margin_position_ppm: MARGIN_POSITION_LIMIT_PPM,
            margin_mean_tokens_min: MARGIN_MEAN_TOKENS_MIN,
        }
    }
}

impl Limits {
    /// # Errors
    /// [`Error::Limit`] if a limit is over what the protocol allows at most: the book's 0.10 for both distances, one for
    /// a position's, the cap for margins.
    pub fn check(&self) -> Result<(), Error> {
        let ceilings = [
            (Check::SketchL2, self.sketch_l2_ppm, L2_LIMIT_PPM),
            (Check::Ks, self.ks_ppm, KS_LIMIT_PPM),
            (Check::KsPosition, self.ks_position_ppm, PPM),
            (Check::MarginMean, self.margin_mean_ppm, MARGIN_CAP_PPM),
            (Check::MarginPosition, self.margin_position_ppm, MARGIN_CAP_PPM),
        ];
        for (check, got, max) in ceilings {
            if got > max {
                return Err(Error::Limit { check, got, max });
            }
        }
        Ok(())
    }
}

/// How strictly evidence is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    default: Limits,
    pairs: BTreeMap<(ClassHash, ClassHash), Limits>,
    checks: CheckSet,
    accept_logprobs_only: bool,
    extra_windows_min: u32,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            default: Limits::default(),
            pairs: BTreeMap::new(),
            checks: CheckSet::ALL,
            accept_logprobs_only: false,
            extra_windows_min: u32::try_from(EXTRA_WINDOWS).expect("invariant: a small constant"),
        }
    }
}

impl Profile {
    /// Sets the limits for pairs that have none of their own.
    ///
    /// # Errors
    /// [`Error::Limit`] over a ceiling.
    pub fn with_default(mut self, limits: Limits) -> Result<Self, Error> {
        limits.check()?;
        self.default = limits;
        Ok(self)
    }

    /// Sets the limits for a provider's and a verifier's class.
    ///
    /// # Errors
    /// [`Error::Limit`] over a ceiling.
    pub fn with_pair(mut self, provider: ClassHash, verifier: ClassHash, limits: Limits) -> Result<Self, Error> {
        limits.check()?;
        self.pairs.insert((provider, verifier), limits);
        Ok(self)
    }

    /// Accepts reports that hold logprobs but no hidden states.
    #[must_use]
    pub fn with_logprobs_only(mut self) -> Self {
        self.accept_logprobs_only = true;
        self
    }

    /// Demands at least `count` windows beside the first and the last.
    #[must_use]
    pub fn with_extra_windows_min(mut self, count: u32) -> Self {
        self.extra_windows_min = count;
        self
    }

    /// Switches one check off, for tests that show what it is for. No configuration reaches this.
    #[must_use]
    pub fn without(mut self, check: Check) -> Self {
        self.checks = self.checks.without(check);
        self
    }

    /// The limits for a provider's and a verifier's class.
    pub fn limits(&self, provider: ClassHash, verifier: ClassHash) -> &Limits {
        self.pairs.get(&(provider, verifier)).unwrap_or(&self.default)
    }

    /// True if the check is on.
    pub fn has(&self, check: Check) -> bool {
        self.checks.has(check)
    }

    /// True if reports without hidden states count.
    pub fn accepts_logprobs_only(&self) -> bool {
        self.accept_logprobs_only
    }

    /// Windows beside the first and the last, at least.
    pub fn extra_windows_min(&self) -> u32 {
        self.extra_windows_min
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_books_lines_are_ceilings() {
        let at = Limits::default();
        assert!(Profile::default().with_default(at).is_ok());
        for over in [
            Limits { sketch_l2_ppm: 100_001, ..at },
            Limits { ks_ppm: 100_001, ..at },
            Limits { ks_position_ppm: 1_000_001, ..at },
            Limits { margin_mean_ppm: 10_000_001, ..at },
            Limits { margin_position_ppm: 10_000_001, ..at },
        ] {
            assert!(matches!(Profile::default().with_default(over), Err(Error::Limit { .. })), "{over:?}");
        }
    }

    #[test]
    fn a_pair_has_its_own_limits() {
        let (a, b) = (ClassHash::from_bytes([1; 32]), ClassHash::from_bytes([2; 32]));
        let tight = Limits { ks_ppm: 50_000, ..Limits::default() };
        let profile = Profile::default().with_pair(a, b, tight).expect("within the ceilings");
        assert_eq!(profile.limits(a, b), &tight);
        assert_eq!(profile.limits(b, a), &Limits::default());
    }
}
