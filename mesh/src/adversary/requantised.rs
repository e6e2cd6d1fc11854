//! The lie: the ordered model's weights at a coarser quantisation, under the ordered model's root and class.
//!
//! Caught by the sketch for Q4_0 and Q5_0 (SPEC 5.5, check 5), by exact mode for the rest.

use super::Lie;

/// Serves a requantised file as if it were the real one.
#[derive(Debug, Clone, Copy)]
pub struct Requantised;

impl Lie for Requantised {
    fn name(&self) -> &'static str {
        "requantised"
    }
}
