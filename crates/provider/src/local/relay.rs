//! Asking an engine and reading its stream, for every dialect that is written from it.

use super::shelf::Ready;
use crate::refusal::Refusal;
use bytes::Bytes;
use futures::{Stream, StreamExt};
use http::StatusCode;
use ogong_openai::{
    ErrorBody, ErrorKind, Piece, piece,
    sse::{EventReader, Payload},
};
use serde_json::Value;
use tokio::time::Instant;

/// Longest event of an engine's stream: a chunk with many log probabilities.
const EVENT_BYTES_MAX: usize = 8 << 20;
/// Longest whole answer.
pub const ANSWER_BYTES_MAX: usize = 64 << 20;

/// Sends a body to the engine; a refusal of the engine's becomes ours.
///
/// # Errors
/// When the engine cannot be reached or refuses.
pub async fn ask(ready: &Ready, path: &str, body: &Value) -> Result<reqwest::Response, Refusal> {
    let response = send(ready, path, body.to_string().into()).await?;
    if response.status().is_success() {
        return Ok(response);
    }
    let status = response.status();
    let body = whole(response).await.unwrap_or_default();
    Err(refused(status, &body))
}

/// Sends bytes to the engine and gives what it answers, whatever the status.
///
/// # Errors
/// When the engine cannot be reached.
pub async fn send(ready: &Ready, path: &str, body: Bytes) -> Result<reqwest::Response, Refusal> {
    ready.lease.client().forward(path, body, None).await.map_err(|error| {
        tracing::warn!(%error, "engine could not be asked");
        if ready.entry.is_none() {
            return upstream_unreachable();
        }
        Refusal::new(ErrorKind::Unavailable, "engine_unreachable", "the engine ended and is being started again")
            .hint("send the request again in a moment")
    })
}

/// Nobody answers at `--upstream`.
pub fn upstream_unreachable() -> Refusal {
    Refusal::new(ErrorKind::Upstream, "upstream_unreachable", "the server that --upstream names cannot be reached")
        .hint("is it running?")
}

/// The engine's own refusal under the status it chose.
pub fn refused(status: StatusCode, body: &[u8]) -> Refusal {
    let kind = match status.as_u16() {
        401 | 403 => ErrorKind::Authentication,
        404 => ErrorKind::NotFound,
        413 => ErrorKind::TooLarge,
        429 => ErrorKind::RateLimited,
        501 => ErrorKind::InvalidRequest,
        400..=499 => ErrorKind::InvalidRequest,
        503 => ErrorKind::Unavailable,
        _ => ErrorKind::Upstream,
    };
    match ErrorBody::from_json(body) {
        Some(body) => {
            let detail = body.error;
            let refusal = Refusal::new(kind, detail.code.as_deref().unwrap_or("engine"), detail.message);
            match detail.param {
                Some(param) => refusal.param(&param),
                None => refusal,
            }
        }
        None => {
            let text: String = String::from_utf8_lossy(body).chars().take(200).collect();
            Refusal::new(kind, "engine", format!("the engine answered {status}: {text}"))
        }
    }
}

/// Reads a whole answer within the bound.
///
/// # Errors
/// When the engine hangs up or sends too much.
pub async fn whole(mut response: reqwest::Response) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(|_| cut_off())? {
        bytes.extend_from_slice(&piece);
        if bytes.len() > ANSWER_BYTES_MAX {
            return Err(Refusal::new(ErrorKind::Upstream, "engine", "the engine's answer is too long"));
        }
    }
    Ok(bytes)
}

/// The engine ended during an answer.
pub fn cut_off() -> Refusal {
    Refusal::new(
        ErrorKind::Unavailable,
        "engine_failed",
        "the engine ended during the answer and is being started again",
    )
    .hint("send the request again")
}

/// The pieces of an engine's stream. It ends after `[DONE]`, or with one refusal.
pub fn pieces(response: reqwest::Response) -> impl Stream<Item = Result<Piece, Refusal>> {
    struct State {
        bytes: futures::stream::BoxStream<'static, reqwest::Result<Bytes>>,
        reader: EventReader,
        ready: std::collections::VecDeque<Payload>,
        over: bool,
    }
    let state = State {
        bytes: response.bytes_stream().boxed(),
        reader: EventReader::new(EVENT_BYTES_MAX),
        ready: Default::default(),
        over: false,
    };
    futures::stream::unfold(state, |mut state| async move {
        loop {
            if state.over {
                return None;
            }
            match state.ready.pop_front() {
                Some(Payload::Done) => return None,
                Some(Payload::Data(json)) => {
                    let piece = Piece::read(&json).map_err(|error| failed(&error));
                    state.over = piece.is_err();
                    return Some((piece, state));
                }
                Some(_) => continue,
                None => {}
            }
            let more = match state.bytes.next().await {
                Some(Ok(bytes)) => state.reader.push(&bytes).map_err(|_| cut_off()),
                // Without [DONE] the answer is not whole.
                Some(Err(_)) | None => Err(cut_off()),
            };
            match more {
                Ok(events) => state.ready.extend(events.into_iter().map(|event| event.payload)),
                Err(refusal) => {
                    state.over = true;
                    return Some((Err(refusal), state));
                }
            }
        }
    })
}

fn failed(error: &piece::Error) -> Refusal {
    Refusal::new(ErrorKind::Upstream, "engine_failed", error.to_string())
}

/// The prompt that the model's chat template makes of a chat.
///
/// # Errors
/// When the engine refuses.
pub async fn rendered(ready: &Ready, chat: &Value) -> Result<String, Refusal> {
    Ok(templated(ready, chat).await?.0)
}

/// Tokens of a chat's prompt, its images among them where the engine counts them.
///
/// # Errors
/// When the engine refuses.
pub async fn counted(ready: &Ready, chat: &Value) -> Result<u64, Refusal> {
    let (prompt, counted) = templated(ready, chat).await?;
    match counted {
        Some(counted) => Ok(counted),
        None => Ok(tokens(ready, &prompt).await?.len() as u64),
    }
}

/// A chat's prompt and, from an engine that says so, its tokens.
async fn templated(ready: &Ready, chat: &Value) -> Result<(String, Option<u64>), Refusal> {
    let answer = whole(ask(ready, "/apply-template", chat).await?).await?;
    let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
    let prompt = answer.get("prompt").and_then(Value::as_str).ok_or_else(|| missing("prompt"))?;
    Ok((prompt.to_owned(), answer.get("n_tokens").and_then(Value::as_u64)))
}

/// A prompt's tokens.
///
/// # Errors
/// When the engine refuses.
pub async fn tokens(ready: &Ready, prompt: &str) -> Result<Vec<u32>, Refusal> {
    let question = serde_json::json!({"content": prompt, "add_special": true, "parse_special": true});
    let answer = whole(ask(ready, "/tokenize", &question).await?).await?;
    let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
    let tokens = answer.get("tokens").and_then(Value::as_array).ok_or_else(|| missing("tokens"))?;
    let token = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
    tokens.iter().map(token).collect::<Option<_>>().ok_or_else(|| missing("tokens"))
}

/// The text of tokens.
///
/// # Errors
/// When the engine refuses.
pub async fn text(ready: &Ready, tokens: &[u32]) -> Result<String, Refusal> {
    let answer = whole(ask(ready, "/detokenize", &serde_json::json!({"tokens": tokens})).await?).await?;
    let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
    answer.get("content").and_then(Value::as_str).map(str::to_owned).ok_or_else(|| missing("content"))
}

fn missing(what: &str) -> Refusal {
    Refusal::new(ErrorKind::Upstream, "engine", format!("the engine's answer holds no {what}"))
}

/// Whether the model takes images.
pub async fn sees(ready: &Ready) -> bool {
    let Ok(response) = ready.lease.client().get("/props").await else { return false };
    let props: Value = serde_json::from_slice(&whole(response).await.unwrap_or_default()).unwrap_or_default();
    props.pointer("/modalities/vision").and_then(Value::as_bool).unwrap_or(false)
}

/// A name that no other answer has: 24 hexadecimal digits.
pub fn name() -> String {
    let mut random = [0_u8; 12];
    // Without randomness the name is not unique, which harms only who asks for a stored response.
    let _ = getrandom::fill(&mut random);
    hex::encode(random)
}

/// When things happened to a request.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    begun: Instant,
    asked: Instant,
    first: Option<Instant>,
}

impl Clock {
    /// Starts with the request's arrival.
    pub fn start() -> Self {
        let now = Instant::now();
        Self { begun: now, asked: now, first: None }
    }

    /// The engine is asked now.
    pub fn asked(&mut self) {
        self.asked = Instant::now();
    }

    /// A piece is here; the first that says something is the first token. The engine's first piece only names the role.
    pub fn piece(&mut self, piece: &Piece) {
        if !(piece.text.is_empty() && piece.thinking.is_empty() && piece.calls.is_empty()) {
            self.first.get_or_insert_with(Instant::now);
        }
    }

    /// What was measured.
    pub fn measured(&self, load: std::time::Duration) -> ogong_openai::ollama::lines::Measured {
        let first = self.first.unwrap_or(self.asked).saturating_duration_since(self.asked);
        ogong_openai::ollama::lines::Measured { total: self.begun.elapsed(), load, first }
    }
}

/// Unix microseconds, for the times in answers.
pub fn now_micros() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}
