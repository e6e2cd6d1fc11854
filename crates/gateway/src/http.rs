//! The OpenAI-compatible surface: what is routed where, the bounds of a request, and an error body for everything else.

use crate::Gateway;
use crate::refusal::Refusal;
use crate::request::ValidRequest;
use crate::serve::serve;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures::StreamExt;
use http::Request;
use ogong_base::ModelId;
use ogong_base::params::BODY_BYTES_MAX;
use ogong_openai::answer::ModelList;
use ogong_openai::{Endpoint, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

/// A body arrives within.
const BODY_WAIT: Duration = Duration::from_secs(30);

/// The routes.
pub fn router(gateway: Arc<Gateway>) -> Router {
    Router::new()
        .route("/v1/chat/completions", post(chat).fallback(method_not_allowed))
        .route("/v1/completions", post(completions).fallback(method_not_allowed))
        .route("/v1/models", get(models).fallback(method_not_allowed))
        .route("/health", get(health).fallback(method_not_allowed))
        .fallback(not_found)
        .with_state(gateway)
}

async fn chat(State(gateway): State<Arc<Gateway>>, request: Request<Body>) -> Result<Response, Refusal> {
    answer(gateway, Endpoint::Chat, request).await
}

async fn completions(State(gateway): State<Arc<Gateway>>, request: Request<Body>) -> Result<Response, Refusal> {
    answer(gateway, Endpoint::Completions, request).await
}

async fn answer(gateway: Arc<Gateway>, endpoint: Endpoint, request: Request<Body>) -> Result<Response, Refusal> {
    let Ok(slot) = gateway.slots.clone().try_acquire_owned() else {
        return Err(Refusal::new(
            ErrorKind::Unavailable,
            "busy",
            "the gateway serves as many requests as it may",
            "try again in a few seconds",
        ));
    };
    let body = tokio::time::timeout(BODY_WAIT, read_body(request.into_body())).await.map_err(|_| {
        Refusal::new(
            ErrorKind::InvalidRequest,
            "body_timeout",
            "the request body did not arrive in time",
            "send the request again",
        )
    })??;
    let request = ValidRequest::parse(endpoint, &body)?;
    let response = serve(&gateway, request).await?;
    // The slot is taken until the last byte is out or the consumer has gone.
    Ok(response.map(|body| {
        Body::from_stream(body.into_data_stream().map(move |piece| {
            let _held = &slot;
            piece
        }))
    }))
}

/// Reads a body whole, and no further than its bound.
async fn read_body(body: Body) -> Result<Vec<u8>, Refusal> {
    let mut pieces = body.into_data_stream();
    let mut whole = Vec::new();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| {
            Refusal::new(
                ErrorKind::InvalidRequest,
                "invalid_request",
                format!("the request body could not be read: {error}"),
                "send the request again",
            )
        })?;
        if whole.len() + piece.len() > BODY_BYTES_MAX {
            return Err(Refusal::new(
                ErrorKind::TooLarge,
                "request_too_large",
                format!("the request body is over {BODY_BYTES_MAX} bytes"),
                "send less, or smaller media",
            ));
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole)
}

async fn models(State(gateway): State<Arc<Gateway>>) -> Result<Json<ModelList>, Refusal> {
    let models = gateway.market.models().await?;
    let named = models.into_iter().filter_map(|summary| {
        let id: ModelId = summary.model_id.parse().ok()?;
        Some((id.to_string(), id.maker().to_owned()))
    });
    Ok(Json(ModelList::new(named, ogong_daemon::clock::now_ms() / 1_000)))
}

async fn health(State(gateway): State<Arc<Gateway>>) -> Response {
    let router = if gateway.market.is_connected() { "connected" } else { "connecting" };
    Json(serde_json::json!({ "status": "ok", "router": router })).into_response()
}

async fn not_found(request: Request<Body>) -> Refusal {
    let path: String = request.uri().path().chars().take(200).collect();
    Refusal::new(
        ErrorKind::NotFound,
        "unknown_path",
        format!("there is no {path} here"),
        "the gateway serves /v1/chat/completions, /v1/completions and /v1/models",
    )
}

async fn method_not_allowed(request: Request<Body>) -> Refusal {
    let hint = "completions are asked for with POST, models and health with GET";
    Refusal::new(
        ErrorKind::MethodNotAllowed,
        "method_not_allowed",
        format!("{} is not allowed here", request.method()),
        hint,
    )
}
