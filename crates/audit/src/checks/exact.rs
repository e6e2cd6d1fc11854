//! SPEC 5.5, 7: in exact mode the leaf that follows from the verifier's numbers is the committed one, byte for byte.

use ogong_base::codec::Encode;
use ogong_base::params::PPM;
use ogong_commitment::leaf::WindowLeaf;

use super::leaves::Opened;
use crate::report::{Report, WindowReport};

/// Share of the audited windows whose leaf differs, in millionths, rounded up.
pub(crate) fn differing(opened: &[Opened], report: &Report) -> u64 {
    let differing = opened.iter().zip(&report.windows).filter(|(ours, theirs)| !is_equal(ours, theirs)).count();
    let (differing, all) = (u64::try_from(differing), u64::try_from(opened.len()));
    match (differing, all) {
        (Ok(differing), Ok(all)) if all > 0 => (differing * PPM).div_ceil(all),
        _ => u64::MAX,
    }
}

fn is_equal(ours: &Opened, theirs: &WindowReport) -> bool {
    let n = ours.leaf.ids.len();
    if theirs.sketches.len() != n || theirs.tops.len() != n {
        return false;
    }
    let recomputed = WindowLeaf {
        index: ours.window,
        ids: ours.leaf.ids.clone(),
        sketches: theirs.sketches.clone(),
        digests: theirs.tops.iter().map(|top| top.cut()).collect(),
    };
    recomputed.to_bytes() == ours.bytes
}
