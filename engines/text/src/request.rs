//! Raw request bodies become jobs here, once, at the edge: committed ones (SPEC 2, 3.3) and scores (SPEC 5.4); plain ones in
//! [`crate::plain`].

use std::sync::Arc;

use bytes::Bytes;
use llama_cpp_4::chat::ChatParams;
use ogong_base::hash::ReplyId;
use ogong_base::params::{ANSWER_TOKENS_MAX, WINDOW_TOKENS};
use ogong_commitment::order;
use ogong_commitment::params::{Refusal, SamplingParams};
use ogong_engine::wire::{OrderLimits, ScoreMode, ScoreRequest};
use ogong_openai::Endpoint;

use crate::error::RequestError;
use crate::fields;
use crate::memory::Reuse;
use crate::model::Model;
use crate::plain::{Plain, room};
use crate::prompt::{self, Body};
use crate::vision::Prompt;

/// What to generate.
#[derive(Debug)]
pub struct Generate {
    /// The prompt, of at least one token.
    pub prompt: Prompt,
    /// Answer tokens at most: the request's limit, or what the context has room for (SPEC 3.2).
    pub limit: u32,
    /// Whether text is wanted as it comes.
    pub stream: bool,
    /// How tokens are chosen.
    pub how: How,
}

impl Generate {
    /// How much of the prompt's beginning may come from memory.
    pub fn reuse(&self) -> Reuse {
        match &self.how {
            How::Committed(_) => Reuse::Nothing,
            How::Plain(plain) => plain.reuse(),
        }
    }
}

/// How the tokens of an answer are chosen.
#[derive(Debug)]
pub enum How {
    /// As anybody can check: by the canonical sampler (SPEC 4), committed.
    Committed(Box<Commit>),
    /// As the client asks: by llama.cpp's own chain.
    Plain(Box<Plain>),
}

/// What makes a reply a committed one.
#[derive(Clone, Debug)]
pub struct Commit {
    /// Its name.
    pub reply_id: ReplyId,
    /// The frozen body, kept for replay.
    pub body: Bytes,
    /// Canonical sampling parameters, as they are committed.
    pub params: SamplingParams,
    /// What the coins come from.
    pub seed: [u8; 32],
}

/// A request that passed every check, and how its answer is to be framed.
#[derive(Debug)]
pub struct Prepared {
    /// The jobs, one for each answer, in the order of the answers' indices.
    pub jobs: Vec<Generate>,
    /// How to frame the answers.
    pub framing: Framing,
}

/// How answers are framed.
#[derive(Clone, Debug)]
pub struct Framing {
    /// Chat or completion.
    pub endpoint: Endpoint,
    /// The model's name as the client wrote it.
    pub model: Option<String>,
    /// Whether text is wanted as it comes.
    pub stream: bool,
    /// Whether the stream ends with a usage chunk.
    pub include_usage: bool,
    /// Answers to each prompt.
    pub per_prompt: usize,
    /// Whether the answer is committed.
    pub committed: bool,
    /// Reads thinking and tool calls out of a chat's answer; with what of the answer the prompt already holds.
    pub reader: Option<(Arc<ChatParams>, String)>,
}

impl Framing {
    /// The framing members of a body.
    ///
    /// # Errors
    /// When one is of the wrong kind.
    pub fn from_body(body: &Body, endpoint: Endpoint) -> Result<Self, RequestError> {
        let include_usage = match fields::object(body, "stream_options")? {
            None => false,
            Some(options) => fields::truth(options, "include_usage")?.unwrap_or(false),
        };
        Ok(Self {
            endpoint,
            model: fields::text(body, "model")?.map(str::to_owned),
            stream: fields::truth(body, "stream")?.unwrap_or(false),
            include_usage,
            per_prompt: 1,
            committed: false,
            reader: None,
        })
    }
}

/// What to score.
#[derive(Clone, Debug)]
pub struct Score {
    /// Prompt tokens.
    pub prompt: Vec<u32>,
    /// The answer's tokens, at least one.
    pub ids: Vec<u32>,
    /// Canonical sampling parameters.
    pub params: SamplingParams,
    /// What the coins came from.
    pub seed: [u8; 32],
    /// Windows to report in full.
    pub windows: Vec<u32>,
    /// How to run.
    pub mode: ScoreMode,
}

/// Prepares a committed request; the engine's `n_ctx` must hold the order's.
///
/// # Errors
/// When the request cannot be served, or the canonical sampler refuses it (SPEC 3.3).
pub fn committed(
    model: &Model,
    n_ctx: u32,
    bytes: Bytes,
    reply_id: ReplyId,
    limits: OrderLimits,
) -> Result<Prepared, RequestError> {
    if limits.n_ctx > n_ctx {
        return Err(RequestError::ContextTooLong { order: limits.n_ctx, engine: n_ctx });
    }
    let body = prompt::parse_body(&bytes)?;
    let params = SamplingParams::from_body(&bytes, limits.max_tokens).map_err(refused)?;
    let prompt = Prompt::from(prompt::prompt_ids(model, &body, Some(limits.issued_ms))?);
    let mut framing = Framing::from_body(&body, prompt::endpoint_of(&body)?)?;
    framing.committed = true;
    let limit = params.max_tokens.min(room(&prompt, limits.n_ctx)?);
    let commit = Commit { reply_id, body: bytes, params, seed: order::seed(reply_id) };
    let job = Generate { prompt, limit, stream: framing.stream, how: How::Committed(Box::new(commit)) };
    Ok(Prepared { jobs: vec![job], framing })
}

/// Prepares a score.
///
/// # Errors
/// When the request is malformed or does not fit the context.
pub fn scored(model: &Model, n_ctx: u32, exact: bool, request: &ScoreRequest) -> Result<Score, RequestError> {
    if request.n_ctx > n_ctx {
        return Err(RequestError::ContextTooLong { order: request.n_ctx, engine: n_ctx });
    }
    if request.mode == ScoreMode::Exact && !exact {
        return Err(RequestError::NotExact { weight_format: model.weight_format().to_owned() });
    }
    let bytes = request.body_bytes().map_err(|error| RequestError::member("body", error.to_string()))?;
    let ids = request.id_list().map_err(|error| RequestError::member("ids", error.to_string()))?;
    if ids.is_empty() || ids.len() > ANSWER_TOKENS_MAX {
        return Err(RequestError::member("ids", format!("must hold 1 to {ANSWER_TOKENS_MAX} ids, has {}", ids.len())));
    }
    if let Some(id) = ids.iter().find(|id| **id >= model.n_vocab) {
        return Err(RequestError::member("ids", format!("id {id} is not below the vocabulary of {}", model.n_vocab)));
    }
    let windows = u32::try_from(ids.len().div_ceil(WINDOW_TOKENS)).unwrap_or(u32::MAX);
    if let Some(window) = request.windows.iter().find(|window| **window >= windows) {
        return Err(RequestError::member("windows", format!("window {window} of an answer of {windows}")));
    }
    if request.windows.len() > windows as usize {
        return Err(RequestError::member("windows", "a window is named twice"));
    }
    let body = prompt::parse_body(&bytes)?;
    let params = SamplingParams::from_body(&bytes, request.max_tokens).map_err(refused)?;
    let prompt = prompt::prompt_ids(model, &body, Some(request.issued_ms))?;
    if prompt.len() + ids.len() > request.n_ctx as usize {
        return Err(RequestError::PromptTooLong { n_prompt: prompt.len() + ids.len(), n_ctx: request.n_ctx });
    }
    Ok(Score {
        prompt,
        ids,
        params,
        seed: order::seed(request.reply_id),
        windows: request.windows.clone(),
        mode: request.mode,
    })
}

fn refused(refusal: Refusal) -> RequestError {
    RequestError::member(refusal.member().unwrap_or("request"), refusal.to_string())
}
