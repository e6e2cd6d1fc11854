//! The consumer API: `/v1/chat/completions`, `/v1/completions` under an order; the proof of a reply; `/health`, `/v1/models`.

use crate::{
    gate::SignedOrder,
    refusal::Refusal,
    service::{Admitted, Service},
    stream::{self, Outgoing},
};
use axum::{
    Json, Router,
    body::Body,
    extract::{DefaultBodyLimit, Path, State, rejection::BytesRejection},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use bytes::Bytes;
use futures::StreamExt;
use http::{HeaderMap, HeaderName, StatusCode, Uri, header};
use ogong_base::{codec::Encode, hash::ReplyId, params::BODY_BYTES_MAX};
use ogong_openai::ErrorKind;
use serde_json::json;
use std::{convert::Infallible, sync::Arc};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tracing::{debug, warn};

/// Names the reply in every answer.
pub const REPLY_ID_HEADER: HeaderName = HeaderName::from_static("x-ogong-reply-id");
/// Pieces of an answer that wait for a slow reader; more slows the engine down.
const PIECES_MAX: usize = 64;

/// The routes.
pub fn routes(service: Arc<Service>) -> Router {
    Router::new()
        .route("/v1/chat/completions", post(answer))
        .route("/v1/completions", post(answer))
        .route("/v1/replies/{reply_id}/proof", get(proof))
        .route("/v1/models", get(models))
        .route("/health", get(health))
        .fallback(|uri: Uri| async move {
            Refusal::new(ErrorKind::NotFound, "path", format!("there is no {}", uri.path()))
                .hint("consumers call /v1/chat/completions")
        })
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(service)
}

async fn answer(
    State(service): State<Arc<Service>>,
    uri: Uri,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let body = body.map_err(|error| too_large(&error))?;
    let signed = SignedOrder::of_headers(&headers)?;
    let admitted = service.admit(signed, body).await?;
    let response = service.ask(uri.path(), &admitted).await?;
    let status = response.status();
    if !status.is_success() {
        return Ok(passed_on(status, response).await);
    }
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if kind.starts_with("text/event-stream") {
        return Ok(streamed(service, admitted, response));
    }
    plain(&service, &admitted, response).await
}

fn too_large(error: &BytesRejection) -> Refusal {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        Refusal::new(ErrorKind::TooLarge, "body", format!("the body is over {BODY_BYTES_MAX} bytes"))
    } else {
        Refusal::invalid("body", error.body_text())
    }
}

/// The engine's own refusal, already in OpenAI's shape.
async fn passed_on(status: StatusCode, response: reqwest::Response) -> Response {
    let body = response.bytes().await.unwrap_or_default();
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

async fn plain(service: &Service, admitted: &Admitted, response: reqwest::Response) -> Result<Response, Refusal> {
    let lost = |_| {
        Refusal::new(ErrorKind::Upstream, "engine_failed", "the engine ended during the answer")
            .hint("nothing is paid for it; send the request again")
    };
    let body = response.bytes().await.map_err(lost)?;
    service.finish(admitted).await?;
    let headers =
        [(header::CONTENT_TYPE, "application/json".to_owned()), (REPLY_ID_HEADER, admitted.signed.reply_id.to_hex())];
    Ok((headers, body).into_response())
}

fn streamed(service: Arc<Service>, admitted: Admitted, response: reqwest::Response) -> Response {
    let (sender, receiver) = mpsc::channel::<Result<Bytes, Infallible>>(PIECES_MAX);
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream".to_owned()),
        (header::CACHE_CONTROL, "no-cache".to_owned()),
        (REPLY_ID_HEADER, admitted.signed.reply_id.to_hex()),
    ];
    tokio::spawn(async move {
        if relay(&service, &admitted, response, &sender).await.is_none() {
            // Dropping the engine's response stops the generation: there is no record and nothing to pay.
            debug!(reply_id = %admitted.signed.reply_id, "consumer hung up");
        }
    });
    (headers, Body::from_stream(ReceiverStream::new(receiver))).into_response()
}

/// Relays until the end; `None` when the consumer has gone.
async fn relay(
    service: &Service,
    admitted: &Admitted,
    response: reqwest::Response,
    sender: &mpsc::Sender<Result<Bytes, Infallible>>,
) -> Option<()> {
    let mut outgoing = Outgoing::default();
    let mut pieces = response.bytes_stream();
    loop {
        let piece = tokio::select! {
            () = sender.closed() => return None,
            piece = pieces.next() => piece,
        };
        match piece {
            Some(Ok(piece)) => {
                let out = outgoing.push(&piece);
                if !out.is_empty() {
                    sender.send(Ok(out)).await.ok()?;
                }
            }
            Some(Err(error)) => {
                warn!(reply_id = %admitted.signed.reply_id, %error, "engine's stream broke");
                break;
            }
            None => break,
        }
    }
    let end = if outgoing.is_whole() {
        match service.finish(admitted).await {
            Ok(stored) => outgoing.close(&stored.proof()),
            Err(refusal) => stream::broken(&refusal.to_string()),
        }
    } else {
        stream::broken("the engine ended during the answer")
    };
    sender.send(Ok(end)).await.ok()
}

async fn proof(
    State(service): State<Arc<Service>>,
    Path(reply_id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let reply_id = ReplyId::from_hex(&reply_id).map_err(|error| Refusal::invalid("reply_id", error.to_string()))?;
    let signed = SignedOrder::of_headers(&headers)?;
    if signed.reply_id != reply_id {
        return Err(Refusal::new(ErrorKind::Authentication, "order", "the order shown is for another reply"));
    }
    let stored = service.replies.get(&reply_id).map_err(|error| {
        warn!(%error, "reply could not be read");
        Refusal::new(ErrorKind::Internal, "store", "the reply could not be read")
    })?;
    let stored = stored
        .ok_or_else(|| Refusal::new(ErrorKind::NotFound, "reply_id", format!("no reply {reply_id} is stored here")))?;
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], stored.proof().to_bytes()).into_response())
}

async fn models(State(service): State<Arc<Service>>) -> Json<serde_json::Value> {
    let id = service.terms.model_id.to_string();
    Json(
        json!({ "object": "list", "data": [{ "id": id, "object": "model", "owned_by": service.terms.model_id.maker() }] }),
    )
}

async fn health(State(service): State<Arc<Service>>) -> Response {
    let up = matches!(service.engine.health().await, Ok(true));
    let status = if up { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let text = if up { "ok" } else { "engine down" };
    (status, Json(json!({ "status": text, "free_slots": service.slots.available_permits() }))).into_response()
}
