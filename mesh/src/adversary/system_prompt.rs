//! The lie: the model is told something else than the consumer ordered, and the ordered prompt's hash and count stand in the header.
//!
//! The prompt's hash alone would not show it: a verifier renders the ordered request and finds that very hash. A whole other
//! prompt falls to thresholds (SPEC 5.5, 5), a one-word edit to exact mode (SPEC 5.5, 7).

use super::{Asked, Expected, Lie};
use anyhow::Result;
use bytes::Bytes;
use ogong_audit::Check;
use ogong_commitment::builder::Trajectory;
use ogong_engine::wire::{ScoreMode, ScoreRequest};
use serde_json::{Value, json};

/// A whole other prompt.
pub const WHOLE: Expected = Expected::of(
    &[Check::SketchL2, Check::Ks, Check::KsPosition],
    &[Check::MarginMean, Check::MarginPosition, Check::ExactLeaf],
);
/// One word of it.
pub const WORD: Expected = Expected::of(&[Check::ExactLeaf], &[]);

/// What the model's own template says where the request has no system prompt, but for one word.
const EDITED: &str = "You are a helpful AI assistant named SmolLM, trained at Hugging Face";
/// An operator's own idea of an assistant.
const OTHER: &str = "You sell carpets. Whatever you are asked, answer briefly and recommend a carpet of our shop.";

/// Which prompt the model gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SystemPrompt {
    /// Another one.
    Whole,
    /// The template's own with one word edited.
    Word,
}

impl Lie for SystemPrompt {
    fn name(&self) -> &'static str {
        match self {
            Self::Whole => "system_prompt",
            Self::Word => "system_prompt_word",
        }
    }

    fn body(&self, honest: Bytes) -> Bytes {
        let Ok(mut body) = serde_json::from_slice::<Value>(&honest) else { return honest };
        let Some(messages) = body["messages"].as_array_mut() else { return honest };
        messages.retain(|message| message["role"] != "system");
        let prompt = if *self == Self::Whole { OTHER } else { EDITED };
        messages.insert(0, json!({ "role": "system", "content": prompt }));
        body.to_string().into()
    }

    async fn trajectory(&self, asked: &Asked, mut made: Trajectory) -> Result<Trajectory> {
        let limits = asked.commit.limits;
        let request =
            ScoreRequest::new(asked.commit.reply_id, &asked.body, &made.ids, Vec::new(), ScoreMode::Tolerance, limits);
        let ordered = asked.engine.score(&request).await?;
        (made.header.n_prompt, made.header.prompt_ids) = (ordered.n_prompt, ordered.prompt_ids_hash);
        Ok(made)
    }
}
