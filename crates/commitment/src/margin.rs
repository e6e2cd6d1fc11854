//! The margin (SPEC 4.7): what a verifier, with its own logits and the same coins, holds a claimed token to. It is what
//! sees a cheap writer behind a real prefill: sketches and digests are the real model's then, the tokens are not.
//!
//! Cuts are slackened, because the verifier's numbers differ a little: a token counts as a rival only if it survives
//! every cut tightened by the slack. A claimed token that fails a cut loosened by it scores its *lift*: the smallest rise of
//! its logprob that would bring it in. There is no cliff: a near-tie that a cold or narrow cut makes look like certainty
//! costs an honest provider what it is, a small difference of logprobs.

use crate::digest::Scan;
use crate::error::Error;
use crate::params::SamplingParams;
use crate::sampler::{Candidate, Counts, coin, penalty, real};
use ogong_base::params::{
    DIGEST_ENTRIES_MAX, DIGEST_ENTRIES_MIN, DIGEST_MASS, MARGIN_CAP, MARGIN_MASS_SLACK, MARGIN_MIN_P_SLACK,
    MARGIN_RANK_SLACK, MARGIN_STEPS_PER_NAT,
};

/// Margin of one claimed token in nat, 0 to 10, over a full row of the verifier's raw logits.
///
/// # Errors
/// When a logit is not finite or the token is outside the vocabulary.
pub fn margin(
    logits: &[f32],
    claimed: u32,
    params: &SamplingParams,
    counts: &Counts,
    seed: &[u8; 32],
    t: u32,
) -> Result<f64, Error> {
    margin_of(&Scan::new(logits)?, logits, claimed, params, counts, seed, t)
}

/// The same where the row was scanned before, as for a window that is reported too.
///
/// # Errors
/// When the token is outside the vocabulary.
pub fn margin_of(
    scan: &Scan,
    logits: &[f32],
    claimed: u32,
    params: &SamplingParams,
    counts: &Counts,
    seed: &[u8; 32],
    t: u32,
) -> Result<f64, Error> {
    let logit = usize::try_from(claimed).ok().and_then(|id| logits.get(id));
    let logit = *logit.ok_or(Error::TokenId { id: claimed, n_vocab: logits.len() })?;
    let mine = Rival::new(scan, claimed, logit, params, counts);
    let rivals: Vec<Rival> = scan.top.iter().map(|(id, l)| Rival::new(scan, *id, *l, params, counts)).collect();
    if params.temperature == 0 {
        let best = rivals.iter().fold(f64::NEG_INFINITY, |best, r| best.max(r.candidate.lp));
        return Ok(capped(best - mine.candidate.lp));
    }
    let temperature = real(params.temperature);
    let cuts = Cuts::new(scan, &rivals, params, temperature);
    let lift = cuts.lift(&mine);
    let score = |c: &Candidate| c.lp + temperature * coin(seed, t, c.id);
    let mut mass = 0.0;
    let mut best = f64::NEG_INFINITY;
    for rival in &rivals {
        if cuts.must_survive(rival, mass) {
            best = best.max(score(&rival.candidate));
        }
        mass += libm::exp(rival.raw);
    }
    Ok(capped((best - score(&mine.candidate)).max(lift)))
}

/// A margin as it is reported: 1/1024 nat, half to even.
pub fn margin_steps(margin: f64) -> u16 {
    let steps = (capped(margin) * f64::from(MARGIN_STEPS_PER_NAT)).round_ties_even();
    steps as u16
}

/// 0 to the cap; what is no number counts as the cap.
fn capped(margin: f64) -> f64 {
    if margin <= MARGIN_CAP { margin.max(0.0) } else { MARGIN_CAP }
}

/// A token with its raw logprob beside the one after penalties.
struct Rival {
    raw: f64,
    candidate: Candidate,
}

impl Rival {
    fn new(scan: &Scan, id: u32, logit: f32, params: &SamplingParams, counts: &Counts) -> Self {
        let raw = scan.logprob(logit);
        Self { raw, candidate: Candidate { id, lp: raw - penalty(params, counts, id) } }
    }

    /// The token as a verifier whose numbers are off by the slack might see it.
    fn lowered(&self) -> Candidate {
        Candidate { id: self.candidate.id, lp: self.candidate.lp - MARGIN_RANK_SLACK }
    }
}

/// Where the verifier sees each cut of the digest and of the sampler.
struct Cuts {
    temperature: f64,
    /// Raw logprob of the 64th token; none when the vocabulary has no more.
    raw_last: Option<f64>,
    /// Raw logprob of the 8th token: the digest keeps as many whatever their mass.
    raw_min: f64,
    /// Logprob of the top_k-th token; none when top_k cuts nothing.
    lp_last: Option<f64>,
    /// What the softmax runs over, best first, with the weights exp(z − z_max).
    survivors: Vec<(Candidate, f64)>,
    sum: f64,
    top_p: Option<f64>,
    min_p: Option<f64>,
}

impl Cuts {
    /// `rivals`: the 64 tokens of largest raw logprob, descending.
    fn new(scan: &Scan, rivals: &[Rival], params: &SamplingParams, temperature: f64) -> Self {
        let raw_at = |rank: usize| rivals.get(rank - 1).map(|r| r.raw);
        let top_k = usize::try_from(params.top_k).unwrap_or(usize::MAX);
        let mut all: Vec<Candidate> = rivals.iter().map(|r| r.candidate).collect();
        all.sort_by(Candidate::order);
        let lp_last = all.get(top_k.saturating_sub(1)).filter(|_| top_k < all.len()).map(|c| c.lp);
        let mut kept: Vec<Candidate> = digest_part(rivals).iter().map(|r| r.candidate).collect();
        kept.sort_by(Candidate::order);
        kept.truncate(top_k);
        let best = kept.first().map_or(0.0, |c| c.lp);
        let weight = |c: Candidate| (c, libm::exp((c.lp - best) / temperature));
        let survivors: Vec<(Candidate, f64)> = kept.into_iter().map(weight).collect();
        Self {
            temperature,
            raw_last: raw_at(DIGEST_ENTRIES_MAX).filter(|_| scan.n_vocab > DIGEST_ENTRIES_MAX),
            raw_min: raw_at(DIGEST_ENTRIES_MIN).unwrap_or(f64::NEG_INFINITY),
            lp_last,
            sum: survivors.iter().map(|(_, w)| w).sum(),
            survivors,
            top_p: Some(real(params.top_p)).filter(|p| *p < 1.0),
            min_p: Some(real(params.min_p)).filter(|p| *p > 0.0),
        }
    }

    /// Every cut tightened; `mass`: raw probability of the tokens before it.
    fn must_survive(&self, rival: &Rival, mass: f64) -> bool {
        let lp = rival.candidate.lp;
        self.raw_last.is_none_or(|last| rival.raw >= last + MARGIN_RANK_SLACK)
            && (mass < DIGEST_MASS - MARGIN_MASS_SLACK || rival.raw >= self.raw_min + MARGIN_RANK_SLACK)
            && self.lp_last.is_none_or(|last| lp >= last + MARGIN_RANK_SLACK)
            && self.top_p.is_none_or(|p| self.mass_before(&rival.lowered()) < p - MARGIN_MASS_SLACK)
            && self.min_p.is_none_or(|p| self.relative(lp - MARGIN_RANK_SLACK) >= p * libm::exp(MARGIN_MIN_P_SLACK))
    }

    /// The smallest rise of a token's logprob, in nat, that passes every loosened cut; 0 when it passes as it is. The
    /// digest's mass cut keeps all then, as 0.999 + 0.15 is over 1.
    fn lift(&self, mine: &Rival) -> f64 {
        let lp = mine.candidate.lp;
        let best = self.survivors.first().map_or(lp, |(c, _)| c.lp);
        let raw_rank = self.raw_last.map_or(0.0, |last| last - MARGIN_RANK_SLACK - mine.raw);
        let rank = self.lp_last.map_or(0.0, |last| last - MARGIN_RANK_SLACK - lp);
        let mass = self.top_p.map_or(0.0, |p| self.entry(p + MARGIN_MASS_SLACK) - lp);
        let min_p = self.min_p.map_or(0.0, |p| best + self.temperature * (libm::log(p) - MARGIN_MIN_P_SLACK) - lp);
        raw_rank.max(rank).max(mass).max(min_p).max(0.0)
    }

    /// The logprob from which on a token has less than `limit` of the tempered mass before it; none is too low where no
    /// mass reaches the limit.
    fn entry(&self, limit: f64) -> f64 {
        if limit >= 1.0 {
            return f64::NEG_INFINITY;
        }
        let mut mass = 0.0;
        for (candidate, weight) in &self.survivors {
            mass += weight / self.sum;
            // Behind this one stands too much: whoever wants in stands at least beside it.
            if mass >= limit {
                return candidate.lp;
            }
        }
        f64::NEG_INFINITY
    }

    /// Tempered probability of the survivors that stand before a token.
    fn mass_before(&self, token: &Candidate) -> f64 {
        let before = self.survivors.iter().take_while(|(c, _)| Candidate::order(c, token).is_lt());
        before.map(|(_, weight)| weight).sum::<f64>() / self.sum
    }

    /// Tempered probability relative to the best token's.
    fn relative(&self, lp: f64) -> f64 {
        let best = self.survivors.first().map_or(lp, |(c, _)| c.lp);
        libm::exp((lp - best) / self.temperature)
    }
}

/// The part of the 64 that the verifier's own digest would keep.
fn digest_part(rivals: &[Rival]) -> &[Rival] {
    let mut mass = 0.0;
    for (i, rival) in rivals.iter().enumerate() {
        mass += libm::exp(rival.raw);
        let n = i + 1;
        if n >= DIGEST_ENTRIES_MIN && mass >= DIGEST_MASS {
            return rivals.get(..n).unwrap_or(rivals);
        }
    }
    rivals
}

#[cfg(test)]
#[path = "margin_tests.rs"]
mod tests;
