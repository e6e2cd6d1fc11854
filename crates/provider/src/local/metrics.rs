//! What local mode counts, at `/metrics` in Prometheus' text form.

use super::server::App;
use axum::{extract::State, response::IntoResponse};
use http::{StatusCode, header};
use ogong_daemon::metrics;
use std::sync::Arc;

/// Paths that are counted by name; a client can ask for any other.
const KNOWN: &[&str] = &[
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/embeddings",
    "/v1/responses",
    "/v1/messages",
    "/v1/models",
    "/api/chat",
    "/api/generate",
    "/api/embed",
    "/api/embeddings",
    "/api/tags",
    "/api/show",
    "/api/ps",
    "/api/pull",
    "/api/create",
];

/// A request was answered.
pub fn request(path: &str, status: StatusCode) {
    let path = KNOWN.iter().find(|known| **known == path).unwrap_or(&"other");
    let label = format!("{path} {}", status.as_u16());
    metrics::counter_with("ogong_local_requests_total", "Requests answered, by path and status.", "request", &label)
        .increment();
}

/// `GET /metrics`.
pub async fn text(State(app): State<Arc<App>>) -> impl IntoResponse {
    if let Some(pool) = app.shelf.pool() {
        let loaded = pool.loaded();
        metrics::gauge("ogong_local_models_loaded", "Models loaded now.").set(loaded.len() as u64);
        metrics::gauge("ogong_local_requests_waiting", "Requests that wait for a model's memory.")
            .set(pool.waiting() as u64);
        metrics::gauge("ogong_local_requests_active", "Requests that use an engine now.")
            .set(loaded.iter().map(|model| model.users as u64).sum());
        metrics::gauge("ogong_local_engine_bytes", "Estimated bytes of loaded models and their caches.")
            .set(loaded.iter().map(|model| model.plan.needed_bytes).sum());
        metrics::gauge("ogong_local_engine_restarts", "Restarts of the engines that are loaded now.")
            .set(loaded.iter().map(|model| model.restarts).sum());
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], metrics::render())
}
