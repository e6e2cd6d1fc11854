//! The digest (SPEC 3.6): the most likely tokens of the raw distribution with their logprobs in 1/1024 nat, until their
//! mass reaches 0.999. It is what the canonical sampler draws from and what KS and TV compare.

use crate::{error::Error, float};
use ogong_base::params::{
    DIGEST_ENTRIES_MAX, DIGEST_ENTRIES_MIN, DIGEST_MASS, DIGEST_MASS_MAX, DIGEST_MASS_MIN, DIGEST_STEPS_PER_NAT,
};
use ogong_base::{Decode, DecodeError, Encode, Reader, Writer};
use std::cmp::Ordering;
use thiserror::Error;

/// Logits looked at together when the scan for the largest skips.
const CHUNK: usize = 64;

/// Why a peer's digest cannot be one.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum DigestFault {
    /// Fewer than 8 entries.
    #[error("digest has {0} entries, at least {DIGEST_ENTRIES_MIN} expected")]
    TooFew(usize),
    /// More than 64 entries.
    #[error("digest has {0} entries, at most {DIGEST_ENTRIES_MAX} expected")]
    TooMany(usize),
    /// Entries out of order, or one id twice in a row.
    #[error("digest entry {0} is out of order")]
    Unordered(usize),
    /// An id twice.
    #[error("digest holds token {0} twice")]
    Duplicate(u32),
    /// An id that the model does not have.
    #[error("digest holds token {id}, the vocabulary ends at {n_vocab}")]
    OutOfVocabulary {
        /// The id.
        id: u32,
        /// Tokens of the vocabulary.
        n_vocab: u32,
    },
    /// More than all the probability there is.
    #[error("digest mass {0} is over {DIGEST_MASS_MAX}")]
    MassOver(f64),
    /// Cut too early.
    #[error("digest mass {0} is under {DIGEST_MASS_MIN} with fewer than {DIGEST_ENTRIES_MAX} entries")]
    MassUnder(f64),
}

/// `(id, q)` with q = logprob in 1/1024 nat, by q descending, then id ascending.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Digest {
    /// The entries.
    pub entries: Vec<(u32, i16)>,
}

impl Digest {
    /// Digest of a full row of raw logits, `[n_vocab]`, f32.
    ///
    /// # Errors
    /// When the vocabulary is too small or a logit is NaN or +∞.
    pub fn from_logits(logits: &[f32]) -> Result<Self, Error> {
        Ok(Scan::new(logits)?.top64().cut())
    }

    /// The shortest prefix of at least 8 entries whose mass reaches 0.999, all of it if none does.
    pub fn cut(&self) -> Self {
        let mut mass = 0.0;
        for (i, (_, q)) in self.entries.iter().enumerate() {
            mass += probability(*q);
            let n = i + 1;
            if n >= DIGEST_ENTRIES_MIN && mass >= DIGEST_MASS {
                return Self { entries: self.entries.iter().take(n).copied().collect() };
            }
        }
        self.clone()
    }

    /// Σ exp(q/1024), f64, in order.
    pub fn mass(&self) -> f64 {
        self.entries.iter().fold(0.0, |mass, (_, q)| mass + probability(*q))
    }

    /// Refuses what no honest engine makes.
    ///
    /// # Errors
    /// Names the rule that is broken.
    pub fn check(&self, n_vocab: u32) -> Result<(), DigestFault> {
        let n = self.entries.len();
        if n < DIGEST_ENTRIES_MIN {
            return Err(DigestFault::TooFew(n));
        }
        if n > DIGEST_ENTRIES_MAX {
            return Err(DigestFault::TooMany(n));
        }
        if let Some((id, _)) = self.entries.iter().find(|(id, _)| *id >= n_vocab) {
            return Err(DigestFault::OutOfVocabulary { id: *id, n_vocab });
        }
        let mut ids: Vec<u32> = self.entries.iter().map(|(id, _)| *id).collect();
        ids.sort_unstable();
        if let Some([id, _]) = ids.array_windows().find(|[a, b]| a == b) {
            return Err(DigestFault::Duplicate(*id));
        }
        if let Some(i) = self.entries.array_windows().position(|[a, b]| by_q_then_id(a, b) != Ordering::Less) {
            return Err(DigestFault::Unordered(i + 1));
        }
        let mass = self.mass();
        if !(mass <= DIGEST_MASS_MAX) {
            return Err(DigestFault::MassOver(mass));
        }
        if n < DIGEST_ENTRIES_MAX && !(mass >= DIGEST_MASS_MIN) {
            return Err(DigestFault::MassUnder(mass));
        }
        Ok(())
    }
}

impl Encode for Digest {
    fn encode(&self, w: &mut Writer) {
        w.u8(u8::try_from(self.entries.len()).expect("invariant: a digest has at most 64 entries"));
        let mut above = 0i32;
        for (id, q) in &self.entries {
            let gap = u32::try_from(above - i32::from(*q)).expect("invariant: logprobs descend from 0");
            w.varint(*id).varint(gap);
            above = i32::from(*q);
        }
    }
}

impl Decode for Digest {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let n = usize::from(r.u8()?);
        if n > DIGEST_ENTRIES_MAX {
            return Err(DecodeError::TooLong { what: "digest", got: n, max: DIGEST_ENTRIES_MAX });
        }
        let mut q = 0i16;
        let mut entry = || {
            let (id, gap) = (r.varint()?, r.varint()?);
            let lower = i32::from(q).checked_sub_unsigned(gap).and_then(|lower| i16::try_from(lower).ok());
            q = lower.ok_or_else(|| DecodeError::invalid("digest gap", gap))?;
            Ok((id, q))
        };
        Ok(Self { entries: (0..n).map(|_| entry()).collect::<Result<_, DecodeError>>()? })
    }
}

/// exp(q/1024).
pub fn probability(q: i16) -> f64 {
    libm::exp(f64::from(q) / f64::from(DIGEST_STEPS_PER_NAT))
}

/// The uncut digest of a full row of raw logits: what a verifier reports.
///
/// # Errors
/// As [`Digest::from_logits`].
pub fn top64(logits: &[f32]) -> Result<Digest, Error> {
    Ok(Scan::new(logits)?.top64())
}

/// Cuts an uncut digest, see [`Digest::cut`].
pub fn cut(top64: &Digest) -> Digest {
    top64.cut()
}

/// One pass over a full row of logits: its log-sum-exp and its 64 largest. Digest and margin both start from it.
#[derive(Debug, Clone, PartialEq)]
pub struct Scan {
    /// max + ln Σ exp(logit − max).
    pub lse: f64,
    /// The 64 largest logits, descending, ties by lower id.
    pub top: Vec<(u32, f32)>,
    /// Tokens of the vocabulary.
    pub n_vocab: usize,
}

impl Scan {
    /// Scans a row of raw logits, `[n_vocab]`, f32.
    ///
    /// # Errors
    /// When the vocabulary is too small or a logit is NaN or +∞; −∞ is a token masked out.
    pub fn new(logits: &[f32]) -> Result<Self, Error> {
        if logits.len() < DIGEST_ENTRIES_MIN || u32::try_from(logits.len()).is_err() {
            return Err(Error::Vocabulary(logits.len()));
        }
        let peaks: Vec<f32> = logits.chunks(CHUNK).map(float::peak).collect();
        let max = float::peak(&peaks);
        let sum = float::exp_sum(logits, f64::from(max));
        if !max.is_finite() || !sum.is_finite() {
            let index = logits.iter().position(|l| l.is_nan() || *l == f32::INFINITY).unwrap_or(0);
            return Err(Error::NonFinite { what: "logit", index });
        }
        let lse = f64::from(max) + libm::log(sum);
        Ok(Self { lse, top: largest(logits, &peaks), n_vocab: logits.len() })
    }

    /// The uncut digest: the 64 largest with their logprobs.
    pub fn top64(&self) -> Digest {
        let mut entries: Vec<(u32, i16)> = self.top.iter().map(|(id, logit)| (*id, self.quantised(*logit))).collect();
        entries.sort_unstable_by(by_q_then_id);
        Digest { entries }
    }

    /// Logprob of a logit, nat.
    pub fn logprob(&self, logit: f32) -> f64 {
        f64::from(logit) - self.lse
    }

    fn quantised(&self, logit: f32) -> i16 {
        let steps = (self.logprob(logit) * f64::from(DIGEST_STEPS_PER_NAT)).round_ties_even();
        // A float cast saturates, which is the rule at the low end.
        steps as i16
    }
}

fn by_q_then_id(a: &(u32, i16), b: &(u32, i16)) -> Ordering {
    b.1.cmp(&a.1).then(a.0.cmp(&b.0))
}

/// The 64 largest, descending, ties by lower id. The 64th largest chunk peak bounds the 64th largest logit from below, so
/// only chunks whose peak reaches it are looked into.
fn largest(logits: &[f32], peaks: &[f32]) -> Vec<(u32, f32)> {
    let floor = match peaks.len().checked_sub(DIGEST_ENTRIES_MAX) {
        None => f32::NEG_INFINITY,
        Some(nth) => *peaks.to_vec().select_nth_unstable_by(nth, f32::total_cmp).1,
    };
    let mut found = Vec::with_capacity(4 * DIGEST_ENTRIES_MAX);
    for (start, (chunk, peak)) in logits.chunks(CHUNK).zip(peaks).enumerate() {
        if *peak >= floor {
            let ids = (start * CHUNK) as u32..;
            found.extend(ids.zip(chunk).filter(|(_, logit)| **logit >= floor).map(|(id, logit)| (id, *logit)));
        }
    }
    let descending = |a: &(u32, f32), b: &(u32, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
    // −0 and +0 are equal logits: the lower id wins, whatever the sign.
    found.iter_mut().for_each(|(_, logit)| *logit += 0.0);
    if found.len() > DIGEST_ENTRIES_MAX {
        found.select_nth_unstable_by(DIGEST_ENTRIES_MAX - 1, descending);
        found.truncate(DIGEST_ENTRIES_MAX);
    }
    found.sort_unstable_by(descending);
    found
}

#[cfg(test)]
#[path = "digest_tests.rs"]
mod tests;
