//! Raw request bodies become jobs here, once, at the edge: plain requests, committed ones (SPEC 2, 3.3) and scores (SPEC 5.4).

use bytes::Bytes;
use ogong_base::hash::ReplyId;
use ogong_base::params::{ANSWER_TOKENS_MAX, WINDOW_TOKENS};
use ogong_commitment::order;
use ogong_commitment::params::{Refusal, SamplingParams};
use ogong_engine::wire::{OrderLimits, ScoreMode, ScoreRequest};
use ogong_openai::Endpoint;
use serde_json::{Value, json};

use crate::error::RequestError;
use crate::model::Model;
use crate::prompt::{self, Body};

/// Members of a request that shape sampling in plain requests too.
const SAMPLING_MEMBERS: [&str; 9] = [
    "temperature",
    "top_p",
    "min_p",
    "top_k",
    "presence_penalty",
    "frequency_penalty",
    "max_tokens",
    "max_completion_tokens",
    "stop",
];

/// What to generate.
#[derive(Clone, Debug)]
pub struct Generate {
    /// Prompt tokens, at least one.
    pub prompt: Vec<u32>,
    /// Canonical sampling parameters, as they are committed.
    pub params: SamplingParams,
    /// Answer tokens at most: the parameters' limit, or what the context has room for (SPEC 3.2).
    pub limit: u32,
    /// What the coins come from.
    pub seed: [u8; 32],
    /// Whether text is wanted as it comes.
    pub stream: bool,
    /// Set for committed replies.
    pub commit: Option<Commit>,
}

/// What makes a reply a committed one.
#[derive(Clone, Debug)]
pub struct Commit {
    /// Its name.
    pub reply_id: ReplyId,
    /// The frozen body, kept for replay.
    pub body: Bytes,
}

/// A request that passed every check, and how its answer is to be framed.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The job.
    pub job: Generate,
    /// Chat or completion.
    pub endpoint: Endpoint,
    /// The model's name as the client wrote it.
    pub model: Option<String>,
    /// Whether the stream ends with a usage chunk.
    pub include_usage: bool,
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

/// Prepares a plain request, OpenAI semantics: `seed` counts, absent it is drawn.
///
/// # Errors
/// When the request cannot be served.
pub fn plain(model: &Model, n_ctx: u32, bytes: &[u8]) -> Result<Prepared, RequestError> {
    let body = prompt::parse_body(bytes)?;
    refuse_unsupported(&body)?;
    let mut sampling = Body::new();
    for member in SAMPLING_MEMBERS {
        if let Some(value) = body.get(member) {
            sampling.insert(member.into(), value.clone());
        }
    }
    let sampling = Value::Object(sampling).to_string();
    let params = SamplingParams::from_body(sampling.as_bytes(), u32::MAX).map_err(refused)?;
    let prompt = prompt::prompt_ids(model, &body, None)?;
    let seed = plain_seed(&body)?;
    prepared(&body, Generate { prompt, limit: params.max_tokens, params, seed, stream: false, commit: None }, n_ctx)
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
    let prompt = prompt::prompt_ids(model, &body, Some(limits.issued_ms))?;
    let commit = Some(Commit { reply_id, body: bytes });
    prepared(
        &body,
        Generate { prompt, limit: params.max_tokens, params, seed: order::seed(reply_id), stream: false, commit },
        limits.n_ctx,
    )
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

fn prepared(body: &Body, mut job: Generate, n_ctx: u32) -> Result<Prepared, RequestError> {
    let n_prompt = job.prompt.len();
    let room = (n_ctx as usize).saturating_sub(n_prompt);
    if room == 0 {
        return Err(RequestError::PromptTooLong { n_prompt, n_ctx });
    }
    job.limit = job.limit.min(u32::try_from(room).unwrap_or(u32::MAX));
    job.stream = flag(body, "stream")?;
    let include_usage = match body.get("stream_options") {
        None | Some(Value::Null) => false,
        Some(Value::Object(options)) => flag(options, "include_usage")?,
        Some(_) => return Err(RequestError::member("stream_options", "must be an object")),
    };
    let model = match body.get("model") {
        None | Some(Value::Null) => None,
        Some(Value::String(model)) => Some(model.clone()),
        Some(_) => return Err(RequestError::member("model", "must be a string")),
    };
    Ok(Prepared { job, endpoint: prompt::endpoint_of(body)?, model, include_usage })
}

fn flag(body: &Body, member: &str) -> Result<bool, RequestError> {
    match body.get(member) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(value)) => Ok(*value),
        Some(_) => Err(RequestError::member(member, "must be true or false")),
    }
}

/// Refuses what this engine would otherwise silently ignore.
fn refuse_unsupported(body: &Body) -> Result<(), RequestError> {
    let idle = |member: &str, idle: &[Value]| match body.get(member) {
        None | Some(Value::Null) => Ok(()),
        Some(value) if idle.contains(value) => Ok(()),
        Some(_) => Err(RequestError::member(member, "is not supported by this engine")),
    };
    idle("n", &[json!(1)])?;
    idle("best_of", &[json!(1)])?;
    idle("echo", &[json!(false)])?;
    idle("suffix", &[json!("")])?;
    idle("logprobs", &[json!(false)])?;
    idle("top_logprobs", &[json!(0)])?;
    idle("logit_bias", &[json!({})])?;
    idle("tools", &[json!([])])?;
    idle("functions", &[json!([])])?;
    idle("response_format", &[json!({"type": "text"})])
}

fn plain_seed(body: &Body) -> Result<[u8; 32], RequestError> {
    let mut seed = [0; 32];
    match body.get("seed") {
        None | Some(Value::Null) => {
            getrandom::fill(&mut seed).map_err(|error| RequestError::member("seed", error.to_string()))?
        }
        Some(value) => {
            let number = value
                .as_i64()
                .or_else(|| value.as_u64().map(u64::cast_signed))
                .ok_or_else(|| RequestError::member("seed", "must be an integer"))?;
            seed[..8].copy_from_slice(&number.to_le_bytes());
        }
    }
    Ok(seed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(text: &str) -> Body {
        prompt::parse_body(text.as_bytes()).expect("an object")
    }

    #[test]
    fn what_would_be_ignored_is_refused() {
        for good in [r#"{"n":1,"tools":[],"logprobs":false,"response_format":{"type":"text"}}"#, r#"{"n":null}"#, "{}"]
        {
            assert!(refuse_unsupported(&body(good)).is_ok(), "{good}");
        }
        for bad in [
            r#"{"n":2}"#,
            r#"{"logprobs":true}"#,
            r#"{"logit_bias":{"1":2}}"#,
            r#"{"tools":[{}]}"#,
            r#"{"response_format":{"type":"json_object"}}"#,
        ] {
            assert!(refuse_unsupported(&body(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_seed_is_repeated_and_an_absent_one_drawn() {
        assert_eq!(plain_seed(&body(r#"{"seed":7}"#)), plain_seed(&body(r#"{"seed":7}"#)));
        assert_ne!(plain_seed(&body(r#"{"seed":7}"#)), plain_seed(&body(r#"{"seed":8}"#)));
        assert_ne!(plain_seed(&body("{}")), plain_seed(&body("{}")));
        assert!(plain_seed(&body(r#"{"seed":"x"}"#)).is_err());
    }
}
