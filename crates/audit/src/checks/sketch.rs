//! SPEC 5.5, 5: relative L2 distance of the sketches, worst window.

use ogong_commitment::drift::{to_ppm, window_l2};

use super::leaves::Opened;
use crate::report::Report;

/// Worst window's distance in millionths; `u64::MAX` if it is no number.
pub(crate) fn worst_l2(opened: &[Opened], report: &Report) -> u64 {
    let windows = opened.iter().zip(&report.windows);
    windows.map(|(ours, theirs)| to_ppm(window_l2(&ours.leaf.sketches, &theirs.sketches))).max().unwrap_or(u64::MAX)
}
