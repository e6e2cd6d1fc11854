//! ρ: what checking costs beside generating, on one engine, same tokens, nothing else running on it.

use crate::{Mesh, adversary::engine};
use anyhow::{Result, ensure};
use bytes::Bytes;
use ogong_base::hash::ReplyId;
use ogong_commitment::leaf::window_count;
use ogong_engine::{
    client::CommitHeaders,
    wire::{OrderLimits, ScoreMode, ScoreRequest},
};
use serde_json::json;
use std::time::Instant;

/// Generates once and scores the same tokens once; parts per million.
///
/// # Errors
/// When the engine does not come up or refuses.
pub async fn measure(mesh: &Mesh, prompt: &str, tokens: u32) -> Result<u64> {
    let engine = engine(
        &mesh.tools,
        &mesh.config.catalogue_format,
        mesh.dir().join("rho-engine.log"),
        mesh.config.engine_threads,
    )
    .await?;
    let client = engine.client().clone();
    let limits = OrderLimits { issued_ms: 0, max_tokens: tokens, n_ctx: 2048 };
    let reply_id = ReplyId::from_bytes([7; 32]);
    let body = json!({ "model": "any", "messages": [{ "role": "user", "content": prompt }] }).to_string();
    let begun = Instant::now();
    let response = client
        .forward("/v1/chat/completions", Bytes::from(body.clone()), Some(CommitHeaders { reply_id, limits }))
        .await?;
    ensure!(response.status().is_success(), "the engine refused: {}", response.text().await.unwrap_or_default());
    response.bytes().await?;
    let generated = begun.elapsed();
    let trajectory = client.trajectory(reply_id).await?;
    let last = window_count(trajectory.header.n_tokens).saturating_sub(1);
    let mut windows = vec![0, last];
    windows.dedup();
    let request = ScoreRequest::new(reply_id, body.as_bytes(), &trajectory.ids, windows, ScoreMode::Tolerance, limits);
    let begun = Instant::now();
    client.score(&request).await?;
    let scored = begun.elapsed();
    engine.stop().await;
    Ok((scored.as_secs_f64() / generated.as_secs_f64() * 1e6) as u64)
}
