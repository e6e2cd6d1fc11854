//! Text to tokens and back, and chats to text, as llama-server offers them.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use serde_json::{Value, json};

use super::error::Refusal;
use super::{App, read_body};
use crate::error::{Error, RequestError};
use crate::{Engine, fields, plain, prompt};

/// `POST /tokenize`.
pub async fn tokenize(State(app): State<App>, body: Body) -> Result<Json<Value>, Refusal> {
    blocking(&app, body, |engine, bytes| {
        let body = prompt::parse_body(bytes)?;
        let tokens = plain::tokenize(engine.model(), &body)?;
        if !fields::truth(&body, "with_pieces")?.unwrap_or(false) {
            return Ok(json!({"tokens": tokens}));
        }
        let piece = |id: u32| {
            let bytes = engine.model().written(id);
            match std::str::from_utf8(&bytes) {
                Ok(text) => json!({"id": id, "piece": text}),
                Err(_) => json!({"id": id, "piece": bytes}),
            }
        };
        Ok(json!({"tokens": tokens.into_iter().map(piece).collect::<Value>()}))
    })
    .await
}

/// `POST /detokenize`.
pub async fn detokenize(State(app): State<App>, body: Body) -> Result<Json<Value>, Refusal> {
    blocking(&app, body, |engine, bytes| {
        let body = prompt::parse_body(bytes)?;
        let model = engine.model();
        let wrong = || RequestError::member("tokens", format!("must be ids below {}", model.n_vocab));
        let ids = fields::array(&body, "tokens")?.unwrap_or_default();
        let mut text = Vec::new();
        for id in ids {
            let id = id.as_u64().and_then(|id| u32::try_from(id).ok()).filter(|id| *id < model.n_vocab);
            text.extend(model.written(id.ok_or_else(wrong)?));
        }
        Ok(json!({"content": String::from_utf8_lossy(&text)}))
    })
    .await
}

/// `POST /apply-template`.
pub async fn apply_template(State(app): State<App>, body: Body) -> Result<Json<Value>, Refusal> {
    let rendered = |engine: &Engine, bytes: &[u8]| {
        let (text, tokens) = plain::rendered(engine.model(), bytes)?;
        Ok(json!({"prompt": text, "n_tokens": tokens}))
    };
    blocking(&app, body, rendered).await
}

/// Does `work` on the body where it may take its time.
async fn blocking(
    app: &App,
    body: Body,
    work: impl FnOnce(&Engine, &[u8]) -> Result<Value, RequestError> + Send + 'static,
) -> Result<Json<Value>, Refusal> {
    let engine = app.engine()?.clone();
    let bytes = read_body(body).await?;
    let working = tokio::task::spawn_blocking(move || work(&engine, &bytes));
    Ok(Json(working.await.map_err(|_| Refusal::from(Error::Stopped))??))
}
