//! Plain requests: everything that OpenAI's and llama-server's clients may ask for, become jobs.

use std::sync::Arc;

use llama_cpp_4::chat::ChatParams;
use llama_cpp_4::common_sampler::CommonSampler;
use llama_cpp_4::model::Special;
use ogong_openai::Endpoint;
use serde_json::Value;

use crate::chat::{self, Constrained};
use crate::error::RequestError;
use crate::fields;
use crate::infill;
use crate::memory::Reuse;
use crate::model::Model;
use crate::prompt::{self, Body};
use crate::request::{Framing, Generate, How, Prepared};
use crate::sampling::{Constraint, Sampling};
use crate::vision::{Prompt, is_image};

/// Answers of one request at most, over all its prompts.
pub const ANSWERS_MAX: usize = 64;
/// Answers to one prompt at most.
const N_MAX: i64 = 16;
/// Alternatives reported for one token at most.
const TOP_LOGPROBS_MAX: i64 = 20;
/// Stop strings at most.
const STOPS_MAX: usize = 64;

/// How a plain answer is made.
pub struct Plain {
    /// Chooses the tokens.
    pub chain: CommonSampler,
    /// Strings that end the answer.
    pub stops: Vec<Vec<u8>>,
    /// Special tokens whose text is shown, because the chat's reader needs it.
    pub preserved: Vec<u32>,
    /// Alternatives to report for each token; nothing is reported without.
    pub logprobs: Option<usize>,
    /// Whether the prompt's beginning may come from memory.
    pub cache: bool,
    /// Whether the answer must come out the same each time.
    pub repeatable: bool,
}

impl Plain {
    /// How much of the prompt's beginning may come from memory.
    pub fn reuse(&self) -> Reuse {
        match (self.cache, self.repeatable) {
            (false, _) => Reuse::Nothing,
            (true, true) => Reuse::Same,
            (true, false) => Reuse::Any,
        }
    }
}

impl std::fmt::Debug for Plain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plain").field("logprobs", &self.logprobs).finish_non_exhaustive()
    }
}

/// Prompts and what holds for the answers to all of them.
struct Asked {
    endpoint: Endpoint,
    prompts: Vec<Prompt>,
    constraint: Constraint,
    reader: Option<Arc<ChatParams>>,
    stops: Vec<String>,
    preserved: Vec<u32>,
    begun: String,
}

impl Asked {
    fn completion(prompts: Vec<Prompt>, body: &Body) -> Result<Self, RequestError> {
        let grammar = Constrained::from_body(body)?.grammar()?;
        Ok(Self {
            endpoint: Endpoint::Completions,
            prompts,
            constraint: Constraint { grammar, ..Constraint::default() },
            reader: None,
            stops: Vec::new(),
            preserved: Vec::new(),
            begun: String::new(),
        })
    }
}

/// Prepares a request for `/v1/chat/completions` or `/v1/completions`.
///
/// # Errors
/// When the request cannot be served.
pub fn prepare(model: &Model, n_ctx: u32, bytes: &[u8]) -> Result<Prepared, RequestError> {
    let body = prompt::parse_body(bytes)?;
    refuse_unsupported(&body)?;
    let asked = match prompt::endpoint_of(&body)? {
        Endpoint::Chat => {
            let rendered = chat::render(model, &body)?;
            Asked {
                endpoint: Endpoint::Chat,
                prompts: vec![rendered.prompt],
                constraint: rendered.constraint,
                reader: rendered.reader,
                stops: rendered.stops,
                preserved: rendered.preserved,
                begun: rendered.begun,
            }
        }
        Endpoint::Completions => Asked::completion(completion_prompts(model, n_ctx, &body)?, &body)?,
    };
    prepared(model, n_ctx, &body, asked)
}

/// Prepares a request for `/infill`.
///
/// # Errors
/// When the request cannot be served, or the model has no tokens for it.
pub fn prepare_infill(model: &Model, n_ctx: u32, bytes: &[u8]) -> Result<Prepared, RequestError> {
    let body = prompt::parse_body(bytes)?;
    refuse_unsupported(&body)?;
    let asked = Asked::completion(vec![infill::prompt(model, n_ctx, &body)?.into()], &body)?;
    prepared(model, n_ctx, &body, asked)
}

fn prepared(model: &Model, n_ctx: u32, body: &Body, asked: Asked) -> Result<Prepared, RequestError> {
    let sampling = Sampling::from_body(model, n_ctx, body)?;
    let answers = usize::try_from(fields::integer(body, "n", 1..=N_MAX)?.unwrap_or(1)).unwrap_or(1);
    if answers * asked.prompts.len() > ANSWERS_MAX {
        let why = format!("n times the prompts must be at most {ANSWERS_MAX}");
        return Err(RequestError::member("n", why));
    }
    let wanted = tokens_wanted(body)?;
    let logprobs = logprobs(body, asked.endpoint)?;
    let cache = fields::truth(body, "cache_prompt")?.unwrap_or(true);
    let mut stops: Vec<Vec<u8>> = asked.stops.iter().map(|stop| stop.clone().into_bytes()).collect();
    stops.extend(fields::strings(body, "stop", STOPS_MAX)?.into_iter().map(String::into_bytes));
    let mut framing = Framing::from_body(body, asked.endpoint)?;
    framing.reader = asked.reader.map(|params| (params, asked.begun));
    framing.per_prompt = answers;
    let mut jobs = Vec::with_capacity(answers * asked.prompts.len());
    for prompt in asked.prompts {
        let limit = wanted.min(room(&prompt, n_ctx)?);
        for nth in 0..answers {
            let nth = u32::try_from(nth).unwrap_or(0);
            let chain = sampling.chain(model, &asked.constraint, &prompt.tokens(), nth)?;
            let plain = Plain {
                chain,
                stops: stops.clone(),
                preserved: asked.preserved.clone(),
                logprobs,
                cache,
                repeatable: sampling.is_seeded(),
            };
            let how = How::Plain(Box::new(plain));
            jobs.push(Generate { prompt: prompt.clone(), limit, stream: framing.stream, how });
        }
    }
    Ok(Prepared { jobs, framing })
}

/// Tokens that the context has room for after the prompt.
///
/// # Errors
/// When the prompt is empty, ends with an image, or leaves none.
pub fn room(prompt: &Prompt, n_ctx: u32) -> Result<u32, RequestError> {
    match prompt.ids.last() {
        None => return Err(RequestError::member("prompt", "the prompt has no tokens")),
        Some(id) if is_image(*id) => return Err(RequestError::member("prompt", "text must follow the last image")),
        Some(_) => {}
    }
    let cells = prompt.cells();
    let room = (n_ctx as usize).saturating_sub(cells);
    if room == 0 {
        return Err(RequestError::PromptTooLong { n_prompt: cells, n_ctx });
    }
    Ok(u32::try_from(room).unwrap_or(u32::MAX))
}

/// The client's own limit; negative is none.
fn tokens_wanted(body: &Body) -> Result<u32, RequestError> {
    for member in ["max_completion_tokens", "max_tokens", "n_predict"] {
        if let Some(wanted) = fields::integer(body, member, -2..=i64::from(u32::MAX))? {
            if wanted == 0 {
                return Err(RequestError::member(member, "must be at least 1, or -1 for no limit"));
            }
            return Ok(u32::try_from(wanted).unwrap_or(u32::MAX));
        }
    }
    Ok(u32::MAX)
}

fn logprobs(body: &Body, endpoint: Endpoint) -> Result<Option<usize>, RequestError> {
    let count = |value: i64| usize::try_from(value).unwrap_or(0);
    if let Some(value) = fields::integer(body, "n_probs", 0..=TOP_LOGPROBS_MAX)?.filter(|value| *value > 0) {
        return Ok(Some(count(value)));
    }
    if endpoint == Endpoint::Completions && !matches!(body.get("logprobs"), Some(Value::Bool(_))) {
        return Ok(fields::integer(body, "logprobs", 0..=TOP_LOGPROBS_MAX)?.map(count));
    }
    let top = fields::integer(body, "top_logprobs", 0..=TOP_LOGPROBS_MAX)?;
    match (fields::truth(body, "logprobs")?.unwrap_or(false), top) {
        (true, top) => Ok(Some(count(top.unwrap_or(0)))),
        (false, None | Some(0)) => Ok(None),
        (false, Some(_)) => Err(RequestError::member("top_logprobs", "needs logprobs to be true")),
    }
}

/// A string, token ids, or an array of either; with `suffix`, what is to be filled in between.
fn completion_prompts(model: &Model, n_ctx: u32, body: &Body) -> Result<Vec<Prompt>, RequestError> {
    if fields::text(body, "suffix")?.is_some_and(|suffix| !suffix.is_empty()) {
        return Ok(vec![infill::completion(model, n_ctx, body)?.into()]);
    }
    let one = |value: &Value| match (value, model.projector()) {
        (Value::Object(parts), None) if parts.contains_key("multimodal_data") => Err(RequestError::NoImages),
        (Value::Object(_), Some(projector)) => projector.native(value, model.adds_bos_to("")),
        _ => prompt::completion_ids(model, value).map(Prompt::from),
    };
    match body.get("prompt") {
        Some(Value::Array(items)) if items.iter().any(|item| !item.is_number()) => {
            if items.len() > ANSWERS_MAX {
                return Err(RequestError::member("prompt", format!("must hold at most {ANSWERS_MAX} prompts")));
            }
            items.iter().map(one).collect()
        }
        Some(value) => Ok(vec![one(value)?]),
        None => Err(RequestError::member("prompt", "missing")),
    }
}

/// Refuses what this engine would otherwise silently ignore.
fn refuse_unsupported(body: &Body) -> Result<(), RequestError> {
    let idle = |member: &str, idle: &[Value]| match fields::present(body, member) {
        None => Ok(()),
        Some(value) if idle.contains(value) => Ok(()),
        Some(_) => Err(RequestError::member(member, "is not supported by this engine")),
    };
    idle("best_of", &[serde_json::json!(1)])?;
    idle("echo", &[serde_json::json!(false)])?;
    idle("functions", &[serde_json::json!([])])?;
    idle("modalities", &[serde_json::json!(["text"])])?;
    idle("audio", &[])?;
    idle("lora", &[serde_json::json!([])])
}

/// Renders a chat to the text that the model would get and its length, for `/apply-template`. Images count as `usage` counts
/// them.
///
/// # Errors
/// When it cannot be rendered.
pub fn rendered(model: &Model, bytes: &[u8]) -> Result<(String, usize), RequestError> {
    let rendered = chat::render(model, &prompt::parse_body(bytes)?)?;
    Ok((rendered.text, rendered.prompt.cells()))
}

/// Tokenises text for `/tokenize`.
///
/// # Errors
/// When a member is wrong.
pub fn tokenize(model: &Model, body: &Body) -> Result<Vec<u32>, RequestError> {
    let content = fields::text(body, "content")?.unwrap_or_default();
    let add_special = fields::truth(body, "add_special")?.unwrap_or(false);
    let special =
        if fields::truth(body, "parse_special")?.unwrap_or(true) { Special::Tokenize } else { Special::Plaintext };
    model.tokenize(content, add_special, special).map_err(|error| RequestError::member("content", error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(text: &str) -> Body {
        prompt::parse_body(text.as_bytes()).expect("an object")
    }

    #[test]
    fn what_would_be_ignored_is_refused() {
        for good in [r#"{"echo":false,"best_of":1}"#, r#"{"echo":null}"#, "{}"] {
            assert!(refuse_unsupported(&body(good)).is_ok(), "{good}");
        }
        for bad in [r#"{"best_of":2}"#, r#"{"echo":true}"#, r#"{"functions":[{}]}"#, r#"{"modalities":["audio"]}"#] {
            assert!(refuse_unsupported(&body(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn logprobs_differ_by_endpoint() {
        let of = |text, endpoint| logprobs(&body(text), endpoint);
        assert_eq!(of(r#"{"logprobs":true,"top_logprobs":3}"#, Endpoint::Chat), Ok(Some(3)));
        assert_eq!(of(r#"{"logprobs":true}"#, Endpoint::Chat), Ok(Some(0)));
        assert_eq!(of(r#"{"logprobs":false}"#, Endpoint::Chat), Ok(None));
        assert!(of(r#"{"top_logprobs":3}"#, Endpoint::Chat).is_err());
        assert!(of(r#"{"logprobs":true,"top_logprobs":21}"#, Endpoint::Chat).is_err());
        assert_eq!(of(r#"{"logprobs":5}"#, Endpoint::Completions), Ok(Some(5)));
        assert_eq!(of(r#"{"logprobs":null}"#, Endpoint::Completions), Ok(None));
        assert_eq!(of(r#"{"n_probs":2}"#, Endpoint::Completions), Ok(Some(2)));
    }

    #[test]
    fn the_first_limit_named_counts() {
        assert_eq!(tokens_wanted(&body(r#"{"max_completion_tokens":3,"max_tokens":9}"#)), Ok(3));
        assert_eq!(tokens_wanted(&body(r#"{"n_predict":-1}"#)), Ok(u32::MAX));
        assert_eq!(tokens_wanted(&body("{}")), Ok(u32::MAX));
        assert!(tokens_wanted(&body(r#"{"max_tokens":0}"#)).is_err());
    }
}
