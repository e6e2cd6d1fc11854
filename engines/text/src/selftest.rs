//! The self-test of exact mode (SPEC 4.8): tokens decoded one by one, then again in batches of one window, must agree bit
//! for bit in hidden states and logits. Only then is the class `exact`.
//!
//! With more than one thread ggml splits the attention of a lone row over the threads once 512 cells are in use, which
//! changes the order of its sums, so the test is then also made beyond that length.

use ogong_base::params::{PROMPT_CHUNK, WINDOW_TOKENS};

use crate::cancel::Cancel;
use crate::error::Error;
use crate::model::Model;
use crate::raw::Context;
use crate::score::rows;

/// Tokens decoded one by one: one whole window and part of another.
const TOKENS: usize = WINDOW_TOKENS + 8;
/// A short prompt.
const SHORT: usize = 24;
/// A prompt that fills the cells from which ggml may choose another kernel.
const LONG: usize = PROMPT_CHUNK + 16;

/// Whether the context shows hidden states, without which nothing is committed or scored.
///
/// # Errors
/// When decoding fails.
pub fn shows_hidden(context: &mut Context<'_>, sequence: u32) -> Result<bool, Error> {
    context.decode(rows(&[0], 0, sequence, true), true)?;
    let shown = context.hidden(0).is_ok() && context.hidden(1).is_err();
    context.truncate(sequence, 0)?;
    Ok(shown)
}

/// Whether the context reproduces itself, using `sequence`, which is left empty.
///
/// # Errors
/// When decoding fails or loading is given up.
pub fn is_exact(
    context: &mut Context<'_>,
    model: &Model,
    sequence: u32,
    threads: i32,
    cancel: &Cancel,
) -> Result<bool, Error> {
    let room = usize::try_from(context.n_ctx_sequence()).unwrap_or(usize::MAX);
    let lengths: &[usize] = if threads > 1 { &[SHORT, LONG] } else { &[SHORT] };
    for length in lengths {
        if length + TOKENS <= room && !reproduces(context, model, sequence, *length, cancel)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn reproduces(
    context: &mut Context<'_>,
    model: &Model,
    sequence: u32,
    length: usize,
    cancel: &Cancel,
) -> Result<bool, Error> {
    let prompt = text_of_ids(model, length);
    let outcome = compare(context, sequence, &prompt, cancel);
    context.truncate(sequence, 0)?;
    outcome
}

fn compare(context: &mut Context<'_>, sequence: u32, prompt: &[u32], cancel: &Cancel) -> Result<bool, Error> {
    let before = prompt.len() - 1;
    for (chunk, tokens) in prompt[..before].chunks(PROMPT_CHUNK).enumerate() {
        context.decode(rows(tokens, chunk * PROMPT_CHUNK, sequence, false), false)?;
    }
    let mut fed = Vec::with_capacity(TOKENS);
    let mut alone = Vec::with_capacity(TOKENS);
    let mut token = prompt[before];
    for position in before..before + TOKENS {
        cancel.check()?;
        context.decode(rows(&[token], position, sequence, true), true)?;
        fed.push(token);
        alone.push(Outputs::of(context, 0)?);
        token = largest(context.logits(0));
    }
    // A recurrent state cannot be cut; such a model serves, only not in exact mode.
    if context.truncate(sequence, u32::try_from(before).unwrap_or(u32::MAX)).is_err() {
        return Ok(false);
    }
    for (window, tokens) in fed.chunks(WINDOW_TOKENS).enumerate() {
        context.decode(rows(tokens, before + window * WINDOW_TOKENS, sequence, true), true)?;
        for row in 0..tokens.len() {
            if alone.get(window * WINDOW_TOKENS + row) != Some(&Outputs::of(context, row)?) {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// The bits of one row's outputs.
#[derive(PartialEq, Eq)]
struct Outputs {
    hidden: Vec<u32>,
    logits: Vec<u32>,
}

impl Outputs {
    fn of(context: &Context<'_>, row: usize) -> Result<Self, Error> {
        let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect();
        Ok(Self { hidden: bits(context.hidden(row)?), logits: bits(context.logits(row)) })
    }
}

fn largest(logits: &[f32]) -> u32 {
    let best = logits.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
    best.and_then(|(id, _)| u32::try_from(id).ok()).unwrap_or_default()
}

/// Some ids that end no answer: what they say does not matter, only that attention has varied work.
fn text_of_ids(model: &Model, length: usize) -> Vec<u32> {
    (0u32..).map(|i| i.wrapping_mul(7919) % model.n_vocab).filter(|id| !model.is_end(*id)).take(length).collect()
}
