//! The routes of local mode: OpenAI's, Ollama's and Anthropic's APIs on one port.

use super::{
    access::Access,
    adapters::{self, Adapters},
    anthropic,
    images::Images,
    metrics, ollama, responses,
    shelf::Shelf,
    v1,
};
use crate::refusal::Refusal;
use axum::{
    Json, Router,
    body::Body,
    extract::{DefaultBodyLimit, Request, State, rejection::BytesRejection},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{any, delete, get, head, post},
};
use http::{StatusCode, Uri};
use ogong_openai::ErrorKind;
use serde_json::json;
use std::sync::Arc;

/// Longest request body: images travel in them.
pub const BODY_BYTES_MAX: usize = 64 << 20;

/// What every handler sees.
pub struct App {
    /// The models.
    pub shelf: Shelf,
    /// Who may ask.
    pub access: Access,
    /// When this process began, Unix seconds.
    pub begun: u64,
    /// Servers of other media.
    pub adapters: Adapters,
    /// Fetches the images that requests name by URL.
    pub images: Images,
    /// Responses that may be gone on from.
    pub responses: responses::Store,
}

/// The routes.
pub fn routes(app: Arc<App>) -> Router {
    Router::new()
        .route("/", get(running))
        .route("/health", get(health))
        .route("/metrics", get(metrics::text))
        .route("/v1/chat/completions", post(v1::chat))
        .route("/v1/completions", post(v1::completions))
        .route("/v1/embeddings", post(v1::embeddings))
        .route("/v1/responses", post(responses::create))
        .route("/v1/responses/{id}", get(responses::retrieve).delete(responses::delete))
        .route("/v1/responses/{id}/input_items", get(responses::input_items))
        .route("/v1/messages", post(anthropic::messages))
        .route("/v1/messages/count_tokens", post(anthropic::count_tokens))
        .route("/v1/models", get(v1::models))
        .route("/v1/models/{*model}", get(v1::model))
        .route("/api/version", get(ollama::models::version))
        .route("/api/tags", get(ollama::models::tags))
        .route("/api/ps", get(ollama::models::ps))
        .route("/api/show", post(ollama::models::show))
        .route("/api/chat", post(ollama::answer::chat))
        .route("/api/generate", post(ollama::answer::generate))
        .route("/api/embed", post(ollama::embed::embed))
        .route("/api/embeddings", post(ollama::embed::embeddings))
        .route("/api/pull", post(ollama::pull::pull))
        .route("/api/create", post(ollama::create::create))
        .route("/api/copy", post(ollama::create::copy))
        .route("/api/delete", delete(ollama::create::delete))
        .route("/api/blobs/{digest}", head(ollama::blobs::exists).post(ollama::blobs::put))
        .route("/v1/images/{*rest}", any(adapters::pass_on))
        .route("/v1/audio/{*rest}", any(adapters::pass_on))
        .route("/v1/videos", any(adapters::pass_on))
        .route("/v1/videos/{*rest}", any(adapters::pass_on))
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn(counted))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), admitted))
        .with_state(app)
}

/// A body that came whole, or why it did not.
pub type Read = Result<bytes::Bytes, BytesRejection>;

/// The body's bytes.
///
/// # Errors
/// When it is too long or was cut off.
pub fn body(read: Read) -> Result<bytes::Bytes, Refusal> {
    read.map_err(|error| {
        if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
            Refusal::new(ErrorKind::TooLarge, "body_too_large", format!("the body is over {BODY_BYTES_MAX} bytes"))
        } else {
            Refusal::invalid("body_unreadable", error.body_text())
        }
    })
}

/// What Ollama says at its root; clients look for it.
async fn running() -> &'static str {
    "Ollama is running"
}

async fn health(State(app): State<Arc<App>>) -> Response {
    let (loaded, waiting) = app.shelf.pool().map_or((0, 0), |pool| (pool.loaded().len(), pool.waiting()));
    Json(json!({"status": "ok", "loaded": loaded, "waiting": waiting})).into_response()
}

async fn no_such_path(uri: Uri) -> Refusal {
    Refusal::new(ErrorKind::NotFound, "no_such_path", format!("there is no {}", uri.path()))
        .hint("OpenAI's API is under /v1, Ollama's under /api")
}

async fn no_such_method(method: http::Method, uri: Uri) -> Refusal {
    Refusal::new(ErrorKind::MethodNotAllowed, "no_such_method", format!("{} does not take {method}", uri.path()))
}

async fn admitted(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    if let Some(answer) = app.access.preflight(request.method(), request.headers()) {
        return answer;
    }
    if let Err(refusal) = app.access.check(request.uri().path(), request.headers()) {
        return refusal.into_response();
    }
    let origin = app.access.allowed_origin(request.headers());
    let mut response = next.run(request).await;
    Access::mark(&mut response, origin);
    response
}

async fn counted(request: Request, next: Next) -> Response<Body> {
    let path = request.uri().path().to_owned();
    let response = next.run(request).await;
    metrics::request(&path, response.status());
    response
}
