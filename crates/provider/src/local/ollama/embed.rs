//! `/api/embed` and `/api/embeddings`.

use crate::{
    local::{
        fail::OllamaRefusal,
        pool::Wish,
        relay,
        server::{App, Read, body},
        shelf,
    },
    refusal::Refusal,
};
use axum::{Json, extract::State};
use bytes::Bytes;
use ogong_openai::{
    ErrorKind,
    ollama::{Embed, embed as translate},
};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

/// `POST /api/embed`.
///
/// # Errors
/// In Ollama's shape.
pub async fn embed(State(app): State<Arc<App>>, read: Read) -> Result<Json<Value>, OllamaRefusal> {
    let begun = Instant::now();
    let (model, embeddings, tokens, load) = embedded(&app, &body(read)?).await?;
    let nanos = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    Ok(Json(translate::answer(&model, embeddings, tokens, nanos(begun.elapsed()), nanos(load))))
}

/// `POST /api/embeddings`, the older form: one text, one vector.
///
/// # Errors
/// In Ollama's shape.
pub async fn embeddings(State(app): State<Arc<App>>, read: Read) -> Result<Json<Value>, OllamaRefusal> {
    let (_, embeddings, _, _) = embedded(&app, &body(read)?).await?;
    Ok(Json(json!({"embedding": embeddings.into_iter().next().unwrap_or_else(|| json!([]))})))
}

async fn embedded(app: &App, bytes: &Bytes) -> Result<(String, Vec<Value>, u64, Duration), Refusal> {
    let embed = Embed::read(bytes)?;
    if embed.input.is_empty() && shelf::is_unload(embed.keep_alive) {
        app.shelf.unload(&embed.model)?;
        return Ok((embed.model, Vec::new(), 0, Duration::ZERO));
    }
    let wish = Wish { n_ctx: embed.options.n_ctx, keep_alive: embed.keep_alive, pinned: false };
    let ready = app.shelf.ready(Some(&embed.model), wish).await?;
    if embed.input.is_empty() {
        return Ok((embed.model, Vec::new(), 0, ready.lease.load));
    }
    let response = relay::ask(&ready, "/v1/embeddings", &embed.engine_body()).await?;
    let answer = relay::whole(response).await?;
    let wrong = || Refusal::new(ErrorKind::Upstream, "engine", "the engine's answer holds no embeddings");
    let (embeddings, tokens) = translate::embeddings(&answer).ok_or_else(wrong)?;
    Ok((embed.model, embeddings, tokens, ready.lease.load))
}
