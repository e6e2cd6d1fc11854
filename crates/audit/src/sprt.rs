//! The sequential test that ejects a provider (SPEC 5.8).
//!
//! A plain sequential probability ratio test breaks at the book's defaults (one accept sends it to minus infinity) and lets
//! a long honest past buy cheats. This one restarts at every step with a little weight:
//!
//! ```text
//! R_0 = 0        R_n = (R_{n-1} + 1/(n(n+1))) · lr_n        eject iff R_n + 1/(n+1) >= bound
//! ```
//!
//! For an honest provider `R_n + 1/(n+1)` is a supermartingale that starts at 1, so by Ville's inequality it reaches
//! `bound` in a whole lifetime with probability at most `1/bound`. Two such processes run side by side, each with half of
//! `beta`: one over accepts and rejects, one over mean margins.

use ogong_base::codec::{Decode, DecodeError, Encode, Reader, Writer};
use ogong_base::params::{PPM, VERSION};

use crate::Error;

/// A margin that is expected of honest providers, nat (SPEC 5.8).
pub const MARGIN_HONEST: f64 = 0.01;
/// How strongly a mean margin above that counts (SPEC 5.8).
pub const MARGIN_WEIGHT: f64 = 50.0;

/// Parameters of the test; the book's `--s --eps --beta`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SprtParams {
    s: f64,
    eps: f64,
    beta: f64,
}

impl SprtParams {
    /// `s`: chance that a cheat is rejected; `eps`: chance that an honest reply is; `beta`: chance of ever ejecting an
    /// honest provider.
    ///
    /// # Errors
    /// [`Error::Sprt`] unless `0 <= eps < s <= 1` and `0 < beta < 1`.
    pub fn new(s: f64, eps: f64, beta: f64) -> Result<Self, Error> {
        if !(0.0 <= eps && eps < s && s <= 1.0) {
            return Err(Error::Sprt("0 <= eps < s <= 1 does not hold"));
        }
        if !(0.0 < beta && beta < 1.0) {
            return Err(Error::Sprt("0 < beta < 1 does not hold"));
        }
        Ok(Self { s, eps, beta })
    }

    /// Where each of the two processes ejects: `1 / (beta/2)`.
    fn bound(&self) -> f64 {
        2.0 / self.beta
    }

    /// A rejected honest reply with `eps = 0` is impossible: the ratio is infinite then.
    fn ratio(&self, trial: Trial) -> f64 {
        match trial {
            Trial::Accepted => (1.0 - self.s) / (1.0 - self.eps),
            Trial::Rejected => self.s / self.eps,
        }
    }
}

impl Default for SprtParams {
    /// The book's defaults.
    fn default() -> Self {
        Self { s: 1.0, eps: 0.0, beta: 0.001 }
    }
}

/// What an audit of a provider came to. NotSelected and Inconclusive are no trials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trial {
    /// Accept.
    Accepted,
    /// Confirmed reject.
    Rejected,
}

/// One process: how many steps, and the sum of its restarts' ratios.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Process {
    steps: u64,
    ratio: f64,
}

impl Process {
    /// Takes one step and tells whether the bound is reached.
    fn step(&mut self, lr: f64, bound: f64) -> bool {
        self.steps = self.steps.saturating_add(1);
        let n = self.steps as f64;
        self.ratio = (self.ratio + 1.0 / (n * (n + 1.0))) * lr;
        self.ratio + 1.0 / (n + 1.0) >= bound
    }
}

/// One provider's standing.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Sprt {
    outcomes: Process,
    margins: Process,
    ejected: bool,
}

impl Sprt {
    /// Counts one audit; an ejected provider stays ejected. True if the provider is ejected.
    pub fn observe(&mut self, params: &SprtParams, trial: Trial) -> bool {
        if !self.ejected {
            self.ejected = self.outcomes.step(params.ratio(trial), params.bound());
        }
        self.ejected
    }

    /// Counts one audit's mean margin, millionths of a nat, whatever its length. True if the provider is ejected.
    pub fn observe_margin(&mut self, params: &SprtParams, mean_ppm: u64) -> bool {
        if !self.ejected {
            let mean = mean_ppm.min(PPM) as f64 / PPM as f64;
            let lr = 1.0 + MARGIN_WEIGHT * (mean - MARGIN_HONEST);
            self.ejected = self.margins.step(lr, params.bound());
        }
        self.ejected
    }

    /// True once the provider is out.
    pub fn is_ejected(&self) -> bool {
        self.ejected
    }

    /// Audits counted.
    pub fn audits(&self) -> u64 {
        self.outcomes.steps
    }
}

/// `u8 1 ‖ 2 × (u64 steps ‖ u64 bits of the ratio) ‖ u8 ejected`, for a node's own store: never hashed or signed.
impl Encode for Sprt {
    fn encode(&self, w: &mut Writer) {
        w.u8(VERSION);
        for process in [&self.outcomes, &self.margins] {
            w.u64(process.steps).u64(process.ratio.to_bits());
        }
        w.bool(self.ejected);
    }
}

impl Decode for Sprt {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        crate::signed::version(r, "sprt version")?;
        let mut process = || {
            let (steps, ratio) = (r.u64()?, f64::from_bits(r.u64()?));
            if ratio >= 0.0 { Ok(Process { steps, ratio }) } else { Err(DecodeError::invalid("ratio", ratio)) }
        };
        Ok(Self { outcomes: process()?, margins: process()?, ejected: r.bool()? })
    }
}

const _: () = assert!(MARGIN_WEIGHT >= 0.0 && MARGIN_WEIGHT * MARGIN_HONEST < 1.0, "a ratio must stay above zero");

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: u64 = 0x0a0d_1751;

    /// splitmix64: a fixed generator, so that every run counts the same.
    struct Random(u64);

    impl Random {
        fn unit(&mut self) -> f64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = self.0;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
        }
    }

    /// Audits until ejection, at most `audits_max`.
    fn lifetime(random: &mut Random, params: &SprtParams, reject_rate: f64, audits_max: u32) -> Option<u32> {
        let mut sprt = Sprt::default();
        (1..=audits_max).find(|_| {
            let trial = if random.unit() < reject_rate { Trial::Rejected } else { Trial::Accepted };
            sprt.observe(params, trial)
        })
    }

    #[test]
    fn parameters_outside_their_ranges_are_refused() {
        for (s, eps, beta) in
            [(0.5, 0.5, 0.1), (1.1, 0.0, 0.1), (1.0, -0.1, 0.1), (1.0, 0.0, 0.0), (1.0, 0.0, 1.0), (f64::NAN, 0.0, 0.1)]
        {
            assert!(SprtParams::new(s, eps, beta).is_err(), "{s} {eps} {beta}");
        }
        assert_eq!(SprtParams::new(1.0, 0.0, 0.001), Ok(SprtParams::default()));
    }

    #[test]
    fn one_confirmed_reject_ejects_at_the_defaults_and_accepts_never_do() {
        let params = SprtParams::default();
        let mut sprt = Sprt::default();
        for _ in 0..10_000 {
            assert!(!sprt.observe(&params, Trial::Accepted));
        }
        assert!(sprt.observe(&params, Trial::Rejected));
        assert!(sprt.observe(&params, Trial::Accepted), "ejected for good");
        assert_eq!(sprt.audits(), 10_001);
    }

    #[test]
    fn honest_providers_are_ejected_less_often_than_beta() {
        const LIVES: u32 = 20_000;
        let params = SprtParams::new(0.9, 0.02, 0.02).expect("good parameters");
        let mut random = Random(SEED);
        let ejected = (0..LIVES).filter(|_| lifetime(&mut random, &params, 0.02, 1_000).is_some()).count();
        // This process has beta/2 = 0.01: 200 of 20,000, and three standard deviations of that are 42.
        assert!(ejected <= 242, "{ejected} of {LIVES} honest lifetimes ended, seed {SEED:#x}");
        assert!(ejected > 0, "a test without any ejection shows nothing, seed {SEED:#x}");
    }

    #[test]
    fn honest_margins_eject_less_often_than_beta() {
        const LIVES: u32 = 20_000;
        let params = SprtParams::new(1.0, 0.0, 0.02).expect("good parameters");
        let mut random = Random(SEED);
        let ejected = (0..LIVES).filter(|_| {
            let mut sprt = Sprt::default();
            // The worst honest case: a mean of exactly 0.01 nat, as 0.1 nat in one audit of ten.
            (0..1_000).any(|_| sprt.observe_margin(&params, if random.unit() < 0.1 { 100_000 } else { 0 }))
        });
        let ejected = ejected.count();
        assert!(ejected <= 242, "{ejected} of {LIVES} honest lifetimes ended, seed {SEED:#x}");
    }

    #[test]
    fn a_cheat_is_out_after_a_number_of_audits_that_grows_with_the_logarithm_of_one_over_beta() {
        let mut random = Random(SEED);
        let mut mean = |beta: f64| {
            let params = SprtParams::new(0.9, 0.05, beta).expect("good parameters");
            let total: u32 = (0..2_000).map(|_| lifetime(&mut random, &params, 0.9, 10_000).expect("ejected")).sum();
            f64::from(total) / 2_000.0
        };
        let means = [1e-3, 1e-6, 1e-9, 1e-12].map(&mut mean);
        // One reject weighs ln 18 = 2.89 and one accept ln 0.105 = -2.25, so 2.38 nat an audit: 2.9 audits a factor 1000.
        for pair in means.windows(2) {
            let growth = pair[1] - pair[0];
            assert!((2.0..4.5).contains(&growth), "{means:?}, seed {SEED:#x}");
        }
        assert!(means[0] < 8.0, "{means:?}, seed {SEED:#x}");
    }

    #[test]
    fn a_long_honest_past_buys_no_cheats() {
        let params = SprtParams::new(0.9, 0.02, 0.001).expect("good parameters");
        let mut random = Random(SEED);
        let mut sprt = Sprt::default();
        for _ in 0..100_000 {
            let trial = if random.unit() < 0.005 { Trial::Rejected } else { Trial::Accepted };
            assert!(!sprt.observe(&params, trial));
        }
        let cheats = (1..).find(|_| sprt.observe(&params, Trial::Rejected)).expect("ejected");
        // Restarting at n weighs 1/n², so a past of 100,000 costs ln(10^10)/ln 45 = 6 rejects more than ln(2000)/ln 45 = 2.
        assert!(cheats <= 9, "{cheats} cheats went by, seed {SEED:#x}");
    }

    #[test]
    fn a_spoof_that_margins_alone_see_is_out_within_a_few_audits() {
        let params = SprtParams::default();
        let mut sprt = Sprt::default();
        let audits = (1..).find(|_| sprt.observe_margin(&params, 97_000)).expect("ejected");
        assert!(audits <= 12, "{audits}");
        let mut honest = Sprt::default();
        assert!((0..100_000).all(|_| !honest.observe_margin(&params, 6_000)));
        let mut capped = Sprt::default();
        let mut one = Sprt::default();
        capped.observe_margin(&params, u64::MAX);
        one.observe_margin(&params, PPM);
        assert_eq!(capped, one, "margins are clipped to one nat");
    }

    #[test]
    fn state_survives_the_store() {
        let params = SprtParams::new(0.9, 0.02, 0.001).expect("good parameters");
        let mut sprt = Sprt::default();
        for trial in [Trial::Accepted, Trial::Rejected, Trial::Accepted] {
            sprt.observe(&params, trial);
            sprt.observe_margin(&params, 12_345);
            assert_eq!(Sprt::from_bytes(&sprt.to_bytes()), Ok(sprt));
        }
        let mut ejected = Sprt::default();
        ejected.observe(&SprtParams::default(), Trial::Rejected);
        assert_eq!(Sprt::from_bytes(&ejected.to_bytes()), Ok(ejected), "an infinite ratio too");
        let mut broken = Sprt::default().to_bytes();
        broken[9..17].copy_from_slice(&f64::NAN.to_bits().to_le_bytes());
        assert!(Sprt::from_bytes(&broken).is_err());
    }
}
