//! OpenAI's API. The engine speaks it, so requests and answers pass through; what a made model adds goes into the request.

use super::{
    pool::Wish,
    relay,
    server::{App, Read, body},
    shelf::Ready,
};
use crate::refusal::Refusal;
use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures::StreamExt;
use http::{HeaderMap, header};
use ogong_openai::{Endpoint, ErrorKind, answer::Model, answer::ModelList, anthropic};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// `POST /v1/chat/completions`.
///
/// # Errors
/// In OpenAI's shape.
pub async fn chat(State(app): State<Arc<App>>, read: Read) -> Result<Response, Refusal> {
    answer(&app, Endpoint::Chat.path(), &body(read)?).await
}

/// `POST /v1/completions`.
///
/// # Errors
/// In OpenAI's shape.
pub async fn completions(State(app): State<Arc<App>>, read: Read) -> Result<Response, Refusal> {
    answer(&app, Endpoint::Completions.path(), &body(read)?).await
}

/// `POST /v1/embeddings`.
///
/// # Errors
/// In OpenAI's shape.
pub async fn embeddings(State(app): State<Arc<App>>, read: Read) -> Result<Response, Refusal> {
    answer(&app, "/v1/embeddings", &body(read)?).await
}

async fn answer(app: &App, path: &str, bytes: &Bytes) -> Result<Response, Refusal> {
    let mut request = object(bytes)?;
    let name = model_name(&request)?;
    let ready = app.shelf.ready(name.as_deref(), Wish::default()).await?;
    add_made(&mut request, &ready);
    let mut question = Value::Object(request);
    app.images.inline(&ready, &mut question).await?;
    let response = relay::send(&ready, path, question.to_string().into()).await?;
    Ok(passed_on(response, ready))
}

/// The engine's answer as it comes. The lease ends with the body, or with the client that hangs up.
pub fn passed_on(response: reqwest::Response, ready: Ready) -> Response {
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE).cloned();
    let streamed =
        kind.as_ref().and_then(|kind| kind.to_str().ok()).is_some_and(|kind| kind.starts_with("text/event-stream"));
    let ended = relay::cut_off();
    let bytes = response.bytes_stream().map(move |piece| {
        let _lease = &ready;
        match piece {
            Ok(piece) => Ok(piece),
            // A stream that has begun cannot change its status; OpenAI's clients raise what an `error` member says.
            Err(_) if streamed => {
                let event = format!("data: {}\n\n", String::from_utf8_lossy(&ended.body().to_json()));
                Ok(Bytes::from(event))
            }
            Err(error) => Err(error),
        }
    });
    let mut answer = Response::new(Body::from_stream(bytes));
    *answer.status_mut() = status;
    if let Some(kind) = kind {
        answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    }
    if streamed {
        answer.headers_mut().insert(header::CACHE_CONTROL, http::HeaderValue::from_static("no-cache"));
    }
    answer
}

/// A request's JSON object.
///
/// # Errors
/// When it is something else.
pub fn object(bytes: &[u8]) -> Result<Map<String, Value>, Refusal> {
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(Refusal::invalid("invalid_json", "request body must be a JSON object")),
        Err(error) => Err(Refusal::invalid("invalid_json", format!("request body is not valid JSON: {error}"))),
    }
}

/// The request's model.
///
/// # Errors
/// When it is no string.
pub fn model_name(request: &Map<String, Value>) -> Result<Option<String>, Refusal> {
    match request.get("model") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(name)) => Ok(Some(name.clone())),
        Some(_) => Err(Refusal::invalid("invalid_value", "model must be a string").param("model")),
    }
}

/// Adds what the model was made with, where the request does not say otherwise.
pub fn add_made(request: &mut Map<String, Value>, ready: &Ready) {
    for (name, value) in ready.options().engine {
        let said = name == "max_tokens" && request.contains_key("max_completion_tokens");
        if !said {
            request.entry(name).or_insert(value);
        }
    }
    let Some(Value::Array(messages)) = request.get_mut("messages") else { return };
    let has_system = messages
        .first()
        .and_then(|message| message.get("role"))
        .is_some_and(|role| role == "system" || role == "developer");
    let at = usize::from(has_system);
    messages.splice(at..at, ready.messages().iter().cloned());
    if let (false, Some(system)) = (has_system, ready.system()) {
        messages.insert(0, json!({"role": "system", "content": system}));
    }
}

/// `GET /v1/models`.
///
/// # Errors
/// When the library cannot be read.
pub async fn models(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Response, Refusal> {
    if app.shelf.pool().is_none() {
        let ready = app.shelf.ready(None, Wish::default()).await?;
        let response = ready.lease.client().get("/v1/models").await.map_err(crate::Error::from)?;
        return Ok(passed_on(response, ready));
    }
    let models = list(&app)?;
    // The path is Anthropic's too; its clients name their version.
    if headers.contains_key("anthropic-version") {
        return Ok(Json(anthropic::models(&models)).into_response());
    }
    Ok(Json(models).into_response())
}

/// `GET /v1/models/{model}`.
///
/// # Errors
/// When there is no such model.
pub async fn model(State(app): State<Arc<App>>, Path(name): Path<String>) -> Result<Json<Model>, Refusal> {
    let found = app.shelf.find(Some(&name))?.map(|entry| entry.id);
    let listed = list(&app)?.data.into_iter().find(|model| Some(&model.id) == found.as_ref());
    let missing = || Refusal::new(ErrorKind::NotFound, "model_not_found", format!("there is no model {name:?}"));
    listed.map(Json).ok_or_else(|| missing().hint("see /v1/models"))
}

fn list(app: &App) -> Result<ModelList, Refusal> {
    let entries = app.shelf.list()?;
    Ok(ModelList::new(entries.into_iter().map(|entry| (entry.id, "library".to_owned())), app.begun))
}
