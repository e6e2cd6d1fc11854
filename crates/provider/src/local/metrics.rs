//! What local mode counts, at `/metrics` in Prometheus' text form: its own requests and memory, and what each loaded engine counts of its tokens,
//! queue, times and cache, under the model's name. An engine's series begin when it is loaded and end when it is not.

use super::{exposition::Exposition, pool::Loaded, relay, server::App};
use axum::{extract::State, response::IntoResponse};
use futures::future::join_all;
use http::{StatusCode, header};
use ogong_daemon::metrics;
use std::{sync::Arc, time::Duration};

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
/// How long an engine may take to tell; one that is busy or gone is left out.
const ENGINE: Duration = Duration::from_secs(2);

/// A request was answered.
pub fn request(path: &str, status: StatusCode) {
    let path = KNOWN.iter().find(|known| **known == path).unwrap_or(&"other");
    let labels = [("path", *path), ("status", status.as_str())];
    metrics::counter_of("ogong_local_requests_total", "Requests answered, by path and status.", &labels).increment();
}

/// `GET /metrics`.
pub async fn text(State(app): State<Arc<App>>) -> impl IntoResponse {
    let mut engines = Exposition::default();
    if let Some(pool) = app.shelf.pool() {
        let loaded = pool.loaded();
        metrics::gauge("ogong_local_models_loaded", "Models loaded now.").set(loaded.len() as u64);
        metrics::gauge("ogong_local_requests_waiting", "Requests that wait for a model's memory.")
            .set(pool.waiting() as u64);
        metrics::gauge("ogong_local_requests_active", "Requests that use an engine now.")
            .set(loaded.iter().map(|model| model.users as u64).sum());
        metrics::gauge("ogong_local_engine_bytes", "Planned bytes of loaded models and their caches.")
            .set(loaded.iter().map(|model| model.plan.needed_bytes).sum());
        metrics::gauge("ogong_local_engine_restarts", "Restarts of the engines that are loaded now.")
            .set(loaded.iter().map(|model| model.restarts).sum());
        for (model, text) in join_all(loaded.iter().map(of_engine)).await.into_iter().flatten() {
            engines.add("model", model, &text);
        }
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], format!("{}{engines}", metrics::render()))
}

async fn of_engine(loaded: &Loaded) -> Option<(&str, String)> {
    let asking = async { relay::whole(loaded.client.get("/metrics").await.ok()?).await.ok() };
    let bytes = tokio::time::timeout(ENGINE, asking).await.ok().flatten()?;
    Some((&loaded.entry.id, String::from_utf8_lossy(&bytes).into_owned()))
}
