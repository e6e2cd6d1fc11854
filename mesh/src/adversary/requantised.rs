//! The lie: the ordered model's weights at a coarser quantisation, under the ordered model's root and class.
//!
//! Q4_0 and Q5_0 fall to thresholds (SPEC 5.5, 5), the shipped Q4_1 against the Q8_0 that was made from it to exact mode alone
//! (SPEC 5.5, 7): its numbers are the same but for the rounding of the second quantisation.

use super::{Cast, Expected, Lie, LyingEngine, honest_capabilities};
use crate::Mesh;
use anyhow::Result;
use ogong_audit::Check;

/// Q4_0 and Q5_0 in place of Q8_0.
pub const COARSE: Expected = Expected::of(
    &[Check::SketchL2],
    &[Check::Ks, Check::KsPosition, Check::MarginMean, Check::MarginPosition, Check::ExactLeaf],
);
/// Q4_1 in place of the Q8_0 made from it.
pub const FINE: Expected = Expected::of(&[Check::ExactLeaf], &[]);

/// Serves a requantised file as if it were the real one.
#[derive(Debug, Clone, Copy)]
pub struct Requantised;

/// An engine on the Q4_0 file that says of itself what the ordered model's would: the cheat of demo and stages.
///
/// # Errors
/// When an engine does not come up.
pub async fn start(mesh: &Mesh) -> Result<LyingEngine> {
    let cast = Cast {
        runs: "Q4_0".to_owned(),
        claims: honest_capabilities(mesh).await?,
        log: mesh.dir().join("cheat-engine.log"),
        threads: mesh.config.engine_threads,
    };
    LyingEngine::start(&mesh.tools, cast, Requantised).await
}

impl Lie for Requantised {
    fn name(&self) -> &'static str {
        "requantised"
    }
}
