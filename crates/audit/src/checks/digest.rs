//! SPEC 5.5, 5: KS distance of the digests, mean of a window's positions, worst window.

use ogong_commitment::drift::{to_ppm, window_ks};

use super::leaves::Opened;
use crate::report::Report;

/// Worst window's mean distance in millionths; `u64::MAX` if it is no number.
pub(crate) fn worst_ks(opened: &[Opened], report: &Report) -> u64 {
    let windows = opened.iter().zip(&report.windows);
    windows.map(|(ours, theirs)| to_ppm(window_ks(&ours.leaf.digests, &theirs.tops).mean)).max().unwrap_or(u64::MAX)
}
