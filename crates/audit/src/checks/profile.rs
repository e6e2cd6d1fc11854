//! SPEC 5.5, 6: what means hide: the worst position's KS, and the margins, which see a cheap writer behind a real prefill.

use ogong_base::params::{MARGIN_STEPS_PER_NAT, PPM};
use ogong_commitment::drift::{to_ppm, window_ks};

use super::leaves::Opened;
use crate::report::Report;

/// Worst position's KS distance in millionths; `u64::MAX` if it is no number.
pub(crate) fn worst_ks_position(opened: &[Opened], report: &Report) -> u64 {
    let windows = opened.iter().zip(&report.windows);
    windows.map(|(ours, theirs)| to_ppm(window_ks(&ours.leaf.digests, &theirs.tops).worst)).max().unwrap_or(u64::MAX)
}

/// Mean margin over all answer tokens, millionths of a nat, rounded up; `u64::MAX` without any.
pub(crate) fn margin_mean(report: &Report) -> u64 {
    let sum: u64 = report.margins.iter().map(|margin| u64::from(*margin)).sum();
    let count = u64::try_from(report.margins.len()).unwrap_or(u64::MAX);
    match count.checked_mul(u64::from(MARGIN_STEPS_PER_NAT)) {
        Some(steps) if steps > 0 => sum.saturating_mul(PPM).div_ceil(steps),
        _ => u64::MAX,
    }
}

/// Worst single margin, millionths of a nat, rounded up; `u64::MAX` without any.
pub(crate) fn worst_margin(report: &Report) -> u64 {
    let worst = report.margins.iter().max();
    worst.map_or(u64::MAX, |steps| (u64::from(*steps) * PPM).div_ceil(u64::from(MARGIN_STEPS_PER_NAT)))
}
