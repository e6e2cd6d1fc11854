//! The lie: one token of the answer is replaced after the fact, in ids, leaf and text alike; the numbers stay the engine's.
//!
//! The committed digest does not draw the new token (SPEC 5.5, 4).

use super::{Asked, Expected, Lie};
use anyhow::{Context, Result};
use ogong_audit::Check;
use ogong_base::{hash::sha256, params::WINDOW_TOKENS};
use ogong_commitment::builder::Trajectory;
use ogong_engine::wire::{ScoreMode, ScoreRequest};
use std::ops::Range;

/// What catches it: the replay, and after it everything that the new token changes for its successors.
pub const EXPECTED: Expected = Expected::of(
    &[Check::Replay],
    &[Check::SketchL2, Check::Ks, Check::KsPosition, Check::MarginMean, Check::MarginPosition, Check::ExactLeaf],
);

/// Replaces a token of the first window by its predecessor's.
#[derive(Debug, Clone, Copy)]
pub struct TokenSubstituted;

impl Lie for TokenSubstituted {
    fn name(&self) -> &'static str {
        "token_substituted"
    }

    fn changes_text(&self) -> bool {
        true
    }

    async fn trajectory(&self, asked: &Asked, mut made: Trajectory) -> Result<Trajectory> {
        let victims = made.ids.len().saturating_sub(1).min(WINDOW_TOKENS);
        let at = (1..victims).rev().find(|at| made.ids[*at] != made.ids[at - 1]);
        let at = at.context("the answer is too short to be changed unseen")?;
        let id = made.ids[at - 1];
        let (donor, victim) = (piece(asked, &made, at - 1).await?, piece(asked, &made, at).await?);
        let donated = made.raw_text[donor].to_vec();
        made.raw_text.splice(victim, donated);
        made.ids[at] = id;
        made.leaves[0].ids[at] = id;
        Ok(made)
    }
}

/// Where token `at` stands in the text: the engine hashes the text of ever more tokens, and each is a prefix of the whole.
async fn piece(asked: &Asked, made: &Trajectory, at: usize) -> Result<Range<usize>> {
    Ok(end(asked, made, at).await?..end(asked, made, at + 1).await?)
}

async fn end(asked: &Asked, made: &Trajectory, tokens: usize) -> Result<usize> {
    if tokens == 0 {
        return Ok(0);
    }
    let ids = &made.ids[..tokens];
    let limits = asked.commit.limits;
    let request = ScoreRequest::new(asked.commit.reply_id, &asked.body, ids, Vec::new(), ScoreMode::Tolerance, limits);
    let text = asked.engine.score(&request).await?.raw_text_sha256;
    let found = (0..=made.raw_text.len()).find(|end| sha256(&made.raw_text[..*end]) == *text.as_bytes());
    found.context("the engine spells the ids otherwise")
}
