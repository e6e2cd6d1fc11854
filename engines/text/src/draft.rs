//! Drafting with a small model of the same vocabulary: it runs ahead greedily for as long as it is sure of itself.

use std::path::Path;

use llama_cpp_4::model::{LlamaModel, Special};
use llama_cpp_4::token::LlamaToken;

use crate::error::Error;
use crate::model::Model;
use crate::placement::Placement;
use crate::raw::{self, Context, ContextConfig, Row};

/// A drafted token's probability at least: below it, the draft ends.
const SURE: f64 = 0.6;

/// A loaded drafter.
#[derive(Debug)]
pub struct DraftModel {
    llama: LlamaModel,
    _parts: raw::ModelParts,
}

impl DraftModel {
    /// Loads the drafter at `path` for `target`.
    ///
    /// # Errors
    /// When it cannot be loaded, or speaks another vocabulary.
    pub fn load(path: &Path, target: &Model) -> Result<Self, Error> {
        let (llama, parts) = raw::load_model(path, &Placement::default())?;
        if !same_vocabulary(&llama, target) {
            return Err(Error::Config(format!(
                "draft model {} has another vocabulary than the model; hint: take a small model of the same family",
                path.display()
            )));
        }
        if llama.is_recurrent() || llama.is_hybrid() {
            return Err(Error::Config(format!("draft model {} cannot take tokens back", path.display())));
        }
        Ok(Self { llama, _parts: parts })
    }

    /// The wrapped model.
    pub fn llama(&self) -> &LlamaModel {
        &self.llama
    }
}

/// Whether every token is written the same.
fn same_vocabulary(draft: &LlamaModel, target: &Model) -> bool {
    let mut piece = Vec::new();
    u32::try_from(draft.n_vocab()) == Ok(target.n_vocab)
        && (0..target.n_vocab).all(|id| {
            piece.clear();
            let token = LlamaToken(i32::try_from(id).unwrap_or(i32::MAX));
            // An error means that the token has no text.
            let _ = draft.token_to_raw_bytes_into(token, Special::Plaintext, &mut piece);
            piece == target.piece(id)
        })
}

/// Runs a drafter ahead, one sequence for each slot.
pub struct Drafter<'model> {
    context: Context<'model>,
    held: Vec<Vec<u32>>,
    chunk: usize,
    n_ctx: usize,
}

impl<'model> Drafter<'model> {
    /// A drafter for as many slots as `config` has sequences.
    ///
    /// # Errors
    /// When its context cannot be made.
    pub fn new(model: &'model DraftModel, config: &ContextConfig) -> Result<Self, Error> {
        let config = ContextConfig { tap: false, expert_cache_bytes: 0, ..*config };
        let context = Context::new(model.llama(), &config)?;
        let size = |value: u32| usize::try_from(value).unwrap_or(usize::MAX);
        let n_ctx = size(context.n_ctx_sequence());
        Ok(Self { context, held: vec![Vec::new(); size(config.sequences)], chunk: size(config.rows), n_ctx })
    }

    /// What may follow `history`, all tokens of prompt and answer of `slot` so far: at most `room` tokens.
    ///
    /// # Errors
    /// When decoding fails.
    pub fn draft(&mut self, slot: usize, history: &[u32], room: usize) -> Result<Vec<u32>, Error> {
        let Some(held) = self.held.get_mut(slot) else { return Ok(Vec::new()) };
        if history.is_empty() || room == 0 || history.len() + room > self.n_ctx {
            return Ok(Vec::new());
        }
        let common = held.iter().zip(history).take_while(|(held, said)| held == said).count().min(history.len() - 1);
        let sequence = u32::try_from(slot).unwrap_or(u32::MAX);
        held.truncate(common);
        self.context.truncate(sequence, position(common))?;
        let mut row = 0;
        for chunk in history.get(common..).unwrap_or_default().chunks(self.chunk.max(1)) {
            row = feed(&mut self.context, sequence, held, chunk)?;
        }
        let mut draft = Vec::new();
        loop {
            let Some(id) = likeliest(self.context.logits(row)) else { return Ok(draft) };
            draft.push(id);
            if draft.len() >= room {
                return Ok(draft);
            }
            row = feed(&mut self.context, sequence, held, &[id])?;
        }
    }
}

/// Feeds tokens and returns the row of the last one's outputs.
fn feed(context: &mut Context<'_>, sequence: u32, held: &mut Vec<u32>, tokens: &[u32]) -> Result<usize, Error> {
    let start = position(held.len());
    let last = tokens.len().saturating_sub(1);
    let rows = (start..).zip(tokens.iter().enumerate()).map(|(position, (at, token))| Row {
        token: *token,
        position,
        sequence,
        output: at == last,
    });
    context.decode(rows, false)?;
    held.extend_from_slice(tokens);
    Ok(last)
}

/// The likeliest token, if the model is sure enough of it.
fn likeliest(logits: &[f32]) -> Option<u32> {
    let (id, largest) = logits.iter().copied().enumerate().max_by(|a, b| a.1.total_cmp(&b.1))?;
    let sum: f64 = logits.iter().map(|logit| f64::from(logit - largest).exp()).sum();
    if 1.0 / sum >= SURE { u32::try_from(id).ok() } else { None }
}

fn position(tokens: usize) -> u32 {
    u32::try_from(tokens).unwrap_or(u32::MAX)
}
