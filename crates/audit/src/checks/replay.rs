//! SPEC 5.5, 4: the committed numbers give the committed tokens, without tolerance and without weights (SPEC 4.6).

use ogong_commitment::params::SamplingParams;
use ogong_commitment::sampler;

use super::leaves::Opened;
use crate::Reason;

/// Replays one window.
pub(crate) fn check(opened: &Opened, ids: &[u32], params: &SamplingParams, seed: &[u8; 32]) -> Result<(), Reason> {
    sampler::replay(&opened.leaf, params, seed, ids).map_err(|_| Reason::Replay)
}
