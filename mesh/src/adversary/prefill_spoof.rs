//! The lie: a cheap model writes, with the right coins, and the ordered model scores the finished answer in one prefill. Its sketches
//! and digests are committed.
//!
//! All hidden states are right; but the digests do not draw the tokens everywhere (SPEC 5.5, 4).

use super::{Asked, Expected, Lie};
use anyhow::Result;
use ogong_audit::Check;
use ogong_commitment::builder::Trajectory;
use ogong_engine::{
    EngineClient,
    wire::{ScoreMode, ScoreRequest},
};

/// What catches it.
pub const EXPECTED: Expected = Expected::of(&[Check::Replay], &[Check::MarginMean, Check::MarginPosition]);

/// Commits to another engine's numbers.
#[derive(Debug, Clone)]
pub struct PrefillSpoof {
    /// An engine on the ordered model.
    pub real: EngineClient,
}

impl Lie for PrefillSpoof {
    fn name(&self) -> &'static str {
        "prefill_spoof"
    }

    async fn trajectory(&self, asked: &Asked, made: Trajectory) -> Result<Trajectory> {
        recommitted(&self.real, asked, made).await
    }
}

/// The same answer with the numbers of `real`, bit for bit those of an honest run where the engine can do that.
pub async fn recommitted(real: &EngineClient, asked: &Asked, mut made: Trajectory) -> Result<Trajectory> {
    let mode = if real.capabilities().await?.exact { ScoreMode::Exact } else { ScoreMode::Tolerance };
    let windows = made.leaves.iter().map(|leaf| leaf.index).collect();
    let request = ScoreRequest::new(asked.commit.reply_id, &asked.body, &made.ids, windows, mode, asked.commit.limits);
    let score = real.score(&request).await?;
    for (leaf, window) in made.leaves.iter_mut().zip(&score.windows) {
        let (sketches, tops) = window.unpack()?;
        leaf.sketches = sketches;
        leaf.digests = tops.iter().map(|top| top.cut()).collect();
    }
    Ok(made)
}
