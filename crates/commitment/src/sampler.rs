//! The canonical sampler (SPEC §4): the next token is a function of the committed digest, the canonical parameters and
//! coins that nobody who gains from them chose. So anyone replays a window without weights, and one differing token
//! rejects.

use crate::{digest::Digest, leaf::WindowLeaf, params::SamplingParams};
use ogong_base::params::{DIGEST_STEPS_PER_NAT, PARAM_STEPS, WINDOW_TOKENS};
use ogong_base::{domain, tagged};
use std::{cmp::Ordering, collections::HashMap};
use thiserror::Error;

pub use crate::margin::{margin, margin_of, margin_steps};

/// How often each token was generated so far; what the penalties count.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counts(HashMap<u32, u32>);

impl Counts {
    /// Counts of a sequence of generated ids.
    pub fn of(ids: &[u32]) -> Self {
        let mut counts = Self::default();
        ids.iter().for_each(|id| counts.add(*id));
        counts
    }

    /// Counts one more token.
    pub fn add(&mut self, id: u32) {
        *self.0.entry(id).or_default() += 1;
    }

    /// Times a token was generated.
    pub fn count(&self, id: u32) -> u32 {
        self.0.get(&id).copied().unwrap_or(0)
    }
}

/// A window does not come out of its own digests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("token {t} is {claimed}, the replay gives {replayed:?}")]
pub struct ReplayFault {
    /// Index in the answer.
    pub t: u32,
    /// What the leaf says.
    pub claimed: u32,
    /// What the sampler gives; none when it has no candidate.
    pub replayed: Option<u32>,
}

/// A token the sampler may choose.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Candidate {
    pub id: u32,
    /// Logprob after penalties, nat.
    pub lp: f64,
}

impl Candidate {
    /// By logprob descending, then id ascending.
    pub fn order(a: &Self, b: &Self) -> Ordering {
        b.lp.total_cmp(&a.lp).then(a.id.cmp(&b.id))
    }
}

/// Gumbel coin of token `id` at answer index `t`: −ln(−ln u), u from the first 52 bits of a tagged hash (SPEC 4.3).
pub fn coin(seed: &[u8; 32], t: u32, id: u32) -> f64 {
    let hash = tagged(domain::COIN, &[seed, &t.to_le_bytes(), &id.to_le_bytes()]);
    let head = hash.first_chunk::<8>().expect("invariant: a hash has 32 bytes");
    let bits = u64::from_be_bytes(*head) >> 12;
    let u = (bits as f64 + 0.5) / (1u64 << 52) as f64;
    -libm::log(-libm::log(u))
}

/// The next token of a reply; `None` when the digest is empty (SPEC 4.1–4.4).
pub fn choose(digest: &Digest, params: &SamplingParams, counts: &Counts, seed: &[u8; 32], t: u32) -> Option<u32> {
    let candidates = digest.entries.iter().map(|(id, q)| {
        let lp = f64::from(*q) / f64::from(DIGEST_STEPS_PER_NAT);
        Candidate { id: *id, lp: lp - penalty(params, counts, *id) }
    });
    let candidates: Vec<Candidate> = candidates.collect();
    if params.temperature == 0 {
        return candidates.iter().min_by(|a, b| Candidate::order(a, b)).map(|best| best.id);
    }
    let temperature = real(params.temperature);
    let scored = survivors(candidates, params, temperature);
    let scored = scored.iter().map(|c| Candidate { id: c.id, lp: c.lp + temperature * coin(seed, t, c.id) });
    scored.min_by(Candidate::order).map(|best| best.id)
}

/// Replays an opened window: every token must be the sampler's, with no tolerance (SPEC 4.6).
///
/// `ids` are all tokens of the answer, of which the window's own penalties need the earlier ones.
///
/// # Errors
/// Names the first token that differs.
pub fn replay(leaf: &WindowLeaf, params: &SamplingParams, seed: &[u8; 32], ids: &[u32]) -> Result<(), ReplayFault> {
    let start = usize::try_from(leaf.index).unwrap_or(usize::MAX).saturating_mul(WINDOW_TOKENS);
    let mut counts = Counts::of(ids.get(..start).unwrap_or(ids));
    let first = leaf.index.saturating_mul(WINDOW_TOKENS as u32);
    for (t, (claimed, digest)) in (first..).zip(leaf.ids.iter().zip(&leaf.digests)) {
        let replayed = choose(digest, params, &counts, seed, t);
        if replayed != Some(*claimed) {
            return Err(ReplayFault { t, claimed: *claimed, replayed });
        }
        counts.add(*claimed);
    }
    Ok(())
}

/// `presence·[count>0] + frequency·count`, nat.
pub(crate) fn penalty(params: &SamplingParams, counts: &Counts, id: u32) -> f64 {
    match counts.count(id) {
        0 => 0.0,
        n => real(params.presence) + real(params.frequency) * f64::from(n),
    }
}

/// A parameter's value from its steps of 1/10⁴.
pub(crate) fn real(steps: i32) -> f64 {
    f64::from(steps) / f64::from(PARAM_STEPS)
}

/// What is left after top_k, top_p and min_p (SPEC 4.2), best first.
fn survivors(mut candidates: Vec<Candidate>, params: &SamplingParams, temperature: f64) -> Vec<Candidate> {
    let z = |c: &Candidate| c.lp / temperature;
    // z and lp can order differently only where a division rounds two logprobs to one z; then the id decides.
    candidates.sort_by(|a, b| z(b).total_cmp(&z(a)).then(a.id.cmp(&b.id)));
    candidates.truncate(usize::try_from(params.top_k).unwrap_or(usize::MAX));
    let Some(z_max) = candidates.first().map(z) else { return candidates };
    let weights: Vec<f64> = candidates.iter().map(|c| libm::exp(z(c) - z_max)).collect();
    let sum = weights.iter().fold(0.0, |sum, w| sum + w);
    let (top_p, min_p) = (real(params.top_p), real(params.min_p));
    let p_max = weights.first().map_or(0.0, |w| w / sum);
    let mut mass = 0.0;
    let mut kept = Vec::with_capacity(candidates.len());
    for (candidate, weight) in candidates.into_iter().zip(weights) {
        if mass >= top_p {
            break;
        }
        let p = weight / sum;
        mass += p;
        if p >= min_p * p_max {
            kept.push(candidate);
        }
    }
    kept
}

#[cfg(test)]
#[path = "sampler_tests.rs"]
mod tests;
