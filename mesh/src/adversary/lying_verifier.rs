//! The lie: a verifier reports other hidden states than its engine has, so that an honest provider looks guilty.
//!
//! Its first word is doubted (SPEC 5.6): a second verifier of another owner disagrees, a third decides, and the liar is the one
//! that is outvoted. The provider is paid.

use super::Lie;
use anyhow::Result;
use ogong_commitment::sketch::Sketch;
use ogong_engine::wire::{ScoreReply, WindowScore};

/// Sign bit of an IEEE binary16.
const SIGN: u16 = 0x8000;

/// Turns every reported state around.
#[derive(Debug, Clone, Copy)]
pub struct LyingVerifier;

impl Lie for LyingVerifier {
    fn name(&self) -> &'static str {
        "lying_verifier"
    }

    fn score(&self, mut made: ScoreReply) -> Result<ScoreReply> {
        for window in &mut made.windows {
            let (sketches, tops) = window.unpack()?;
            let turned: Vec<Sketch> =
                sketches.iter().map(|sketch| Sketch(sketch.0.map(|value| value ^ SIGN))).collect();
            *window = WindowScore::new(window.window, &turned, &tops);
        }
        Ok(made)
    }
}
