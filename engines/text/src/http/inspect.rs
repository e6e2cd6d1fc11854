//! What the engine says of itself, scores, and the committed replies it still holds.

use std::net::SocketAddr;

use axum::Json;
use axum::body::Body;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use ogong_base::codec::Encode;
use ogong_base::hash::ReplyId;
use ogong_engine::wire::{Capabilities, ScoreReply, ScoreRequest};
use ogong_openai::ErrorKind;
use serde_json::{Value, json};

use super::error::Refusal;
use super::{App, read_body};
use crate::error::{Error, RequestError};
use crate::store::Committed;

/// `GET /health`: 200 once the model is loaded, 503 before.
pub async fn health(State(app): State<App>) -> Result<Json<serde_json::Value>, Refusal> {
    app.engine().map(|_| Json(serde_json::json!({"status": "ok"})))
}

/// `GET /v1/models`: the one model, with what its file says of itself.
pub async fn models(State(app): State<App>) -> Result<Json<Value>, Refusal> {
    let engine = app.engine()?;
    let model = engine.model();
    let meta = json!({
        "n_vocab": model.n_vocab, "n_ctx_train": model.n_ctx_train, "n_embd": model.n_embd,
        "n_params": model.llama().n_params(), "size": model.llama().model_size(),
    });
    let one = json!({
        "id": engine.capabilities().model, "object": "model", "created": app.created, "owned_by": "ogong", "meta": meta,
    });
    Ok(Json(json!({"object": "list", "data": [one]})))
}

/// `GET /props`: what a client may want to know of model and engine.
pub async fn props(State(app): State<App>) -> Result<Json<Value>, Refusal> {
    let engine = app.engine()?;
    let (model, capabilities) = (engine.model(), engine.capabilities());
    let caps: Value =
        model.templates().caps_json().ok().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    let written = |id: llama_cpp_4::token::LlamaToken| {
        u32::try_from(id.0).map(|id| String::from_utf8_lossy(&model.written(id)).into_owned()).unwrap_or_default()
    };
    Ok(Json(json!({
        "model_alias": capabilities.model,
        "model_path": model.path().display().to_string(),
        "total_slots": capabilities.slots,
        "default_generation_settings": {"n_ctx": capabilities.n_ctx},
        "chat_template": model.templates().source(None).unwrap_or_default(),
        "chat_template_caps": caps,
        "supports_thinking": model.templates().supports_enable_thinking(),
        "modalities": {"vision": model.projector().is_some(), "audio": false},
        "bos_token": written(model.llama().token_bos()),
        "eos_token": written(model.llama().token_eos()),
        "build_info": capabilities.engine,
    })))
}

/// `GET /metrics`: counters in Prometheus' text format.
pub async fn metrics(State(app): State<App>) -> Result<Response, Refusal> {
    let content_type = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    Ok((content_type, app.engine()?.metrics()).into_response())
}

/// `GET /v1/capabilities`.
pub async fn capabilities(State(app): State<App>) -> Result<Json<Capabilities>, Refusal> {
    Ok(Json(app.engine()?.capabilities().clone()))
}

/// `POST /v1/score`.
pub async fn score(
    State(app): State<App>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<ScoreReply>, Refusal> {
    app.authorize(peer, &headers)?;
    let engine = app.engine()?.clone();
    let bytes = read_body(body).await?;
    let request: ScoreRequest =
        serde_json::from_slice(&bytes).map_err(|error| RequestError::Json(error.to_string()))?;
    let beginning = tokio::task::spawn_blocking(move || engine.begin_score(&request));
    let receiver = beginning.await.map_err(|_| Error::Stopped)??;
    let reply = receiver.await.map_err(|_| Error::Stopped)??;
    Ok(Json(reply))
}

/// `GET /v1/trajectory/{reply_id}`: what was committed, as its canonical bytes.
pub async fn trajectory(
    State(app): State<App>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Path(reply_id): Path<String>,
) -> Result<Response, Refusal> {
    app.authorize(peer, &headers)?;
    let committed = find(&app, &reply_id)?;
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], committed.trajectory.to_bytes()).into_response())
}

/// `GET /v1/replay/{reply_id}`: the request body it answered.
pub async fn replay(
    State(app): State<App>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Path(reply_id): Path<String>,
) -> Result<Response, Refusal> {
    app.authorize(peer, &headers)?;
    let committed = find(&app, &reply_id)?;
    Ok(([(header::CONTENT_TYPE, "application/json")], committed.body).into_response())
}

fn find(app: &App, reply_id: &str) -> Result<Committed, Refusal> {
    let reply_id = ReplyId::from_hex(reply_id).map_err(|error| RequestError::member("reply_id", error.to_string()))?;
    app.engine()?.committed(reply_id).ok_or_else(|| {
        let message = format!(
            "reply {reply_id} is not here; hint: the engine keeps the last {} replies",
            crate::store::REPLIES_MAX
        );
        Refusal::new(ErrorKind::NotFound, "no_such_reply", message)
    })
}
