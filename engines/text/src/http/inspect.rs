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
use ogong_openai::answer::ModelList;

use super::error::Refusal;
use super::{App, read_body};
use crate::error::{Error, RequestError};
use crate::store::Committed;

/// `GET /health`: 200 once the model is loaded, 503 before.
pub async fn health(State(app): State<App>) -> Result<Json<serde_json::Value>, Refusal> {
    app.engine().map(|_| Json(serde_json::json!({"status": "ok"})))
}

/// `GET /v1/models`.
pub async fn models(State(app): State<App>) -> Result<Json<ModelList>, Refusal> {
    let model = app.engine()?.capabilities().model.clone();
    Ok(Json(ModelList::new([(model, "ogong".to_owned())], app.created)))
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
