//! `/v1/embeddings`, as OpenAI has it; with `truncate` for inputs that are too long.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use base64::Engine as _;
use llama_cpp_4::model::{AddBos, Special};
use serde_json::{Value, json};

use super::error::Refusal;
use super::{App, read_body};
use crate::embed::normalised;
use crate::error::{Error, RequestError};
use crate::model::{Model, ids};
use crate::prompt::{self, Body as Members};
use crate::{Engine, fields};

/// Inputs of a request at most, as OpenAI has it.
const INPUTS_MAX: usize = 2048;

/// How to answer.
struct Asked {
    inputs: Vec<Vec<u32>>,
    dimensions: Option<usize>,
    base64: bool,
    model: Option<String>,
}

/// `POST /v1/embeddings`.
pub async fn embeddings(State(app): State<App>, body: Body) -> Result<Json<Value>, Refusal> {
    let engine = app.engine()?.clone();
    let bytes = read_body(body).await?;
    let preparing = tokio::task::spawn_blocking({
        let engine = engine.clone();
        move || {
            let mut asked = Asked::from_body(&engine, &prompt::parse_body(&bytes)?)?;
            let inputs = std::mem::take(&mut asked.inputs);
            let n_tokens: usize = inputs.iter().map(Vec::len).sum();
            Ok::<_, Error>((asked, n_tokens, engine.embed(inputs)?))
        }
    });
    let (asked, n_tokens, vectors) = preparing.await.map_err(|_| Error::Stopped)??;
    app.check_model(asked.model.as_deref())?;
    let vectors = vectors.await.map_err(|_| Error::Stopped)??;
    let data: Vec<Value> = vectors
        .into_iter()
        .enumerate()
        .map(|(index, vector)| json!({"object": "embedding", "index": index, "embedding": asked.shaped(vector)}))
        .collect();
    let usage = json!({"prompt_tokens": n_tokens, "total_tokens": n_tokens});
    let model = asked.model.unwrap_or_else(|| engine.capabilities().model.clone());
    Ok(Json(json!({"object": "list", "data": data, "model": model, "usage": usage})))
}

impl Asked {
    fn from_body(engine: &Engine, body: &Members) -> Result<Self, RequestError> {
        let model = engine.model();
        let truncate = fields::truth(body, "truncate")?.unwrap_or(false);
        let tokens_max = engine.embedding_tokens_max();
        let mut inputs = inputs(model, body)?;
        for (index, input) in inputs.iter_mut().enumerate() {
            if input.is_empty() {
                return Err(RequestError::member(&format!("input[{index}]"), "has no tokens"));
            }
            if input.len() > tokens_max as usize {
                if !truncate {
                    return Err(RequestError::PromptTooLong { n_prompt: input.len(), n_ctx: tokens_max });
                }
                // What ends every input of such a model must end a shortened one too.
                let end = input.last().copied().filter(|last| ends_input(model, *last));
                input.truncate(tokens_max as usize);
                if let (Some(place), Some(end)) = (input.last_mut(), end) {
                    *place = end;
                }
            }
        }
        let width = i64::try_from(model.n_embd).unwrap_or(i64::MAX);
        let dimensions = fields::integer(body, "dimensions", 1..=width)?.and_then(|n| usize::try_from(n).ok());
        let base64 = match fields::text(body, "encoding_format")? {
            None | Some("float") => false,
            Some("base64") => true,
            Some(_) => return Err(RequestError::member("encoding_format", "must be float or base64")),
        };
        Ok(Self { inputs, dimensions, base64, model: fields::text(body, "model")?.map(str::to_owned) })
    }

    fn shaped(&self, mut vector: Vec<f32>) -> Value {
        if let Some(dimensions) = self.dimensions {
            vector.truncate(dimensions);
            vector = normalised(vector);
        }
        if self.base64 {
            let bytes: Vec<u8> = vector.iter().flat_map(|value| value.to_le_bytes()).collect();
            return base64::engine::general_purpose::STANDARD.encode(bytes).into();
        }
        json!(vector)
    }
}

fn ends_input(model: &Model, id: u32) -> bool {
    let llama = model.llama();
    [llama.token_sep(), llama.token_eos()].iter().any(|token| u32::try_from(token.0) == Ok(id))
}

/// A text, token ids, or an array of either.
fn inputs(model: &Model, body: &Members) -> Result<Vec<Vec<u32>>, RequestError> {
    let wrong = |why: String| RequestError::member("input", why);
    let one = |value: &Value| match value {
        Value::String(text) => {
            let tokens = model.llama().str_to_token_with_special(text, AddBos::Always, Special::Plaintext);
            Ok(ids(tokens.map_err(|error| wrong(error.to_string()))?))
        }
        other => {
            prompt::completion_ids(model, other).map_err(|_| wrong("must be text or token ids, or an array".into()))
        }
    };
    let value = fields::present(body, "input").or_else(|| fields::present(body, "content"));
    match value.ok_or_else(|| wrong("missing".into()))? {
        Value::Array(items) if items.is_empty() || items.len() > INPUTS_MAX && !items.iter().all(Value::is_number) => {
            Err(wrong(format!("must hold 1 to {INPUTS_MAX} inputs")))
        }
        Value::Array(items) if !items.iter().all(Value::is_number) => items.iter().map(one).collect(),
        value => Ok(vec![one(value)?]),
    }
}
