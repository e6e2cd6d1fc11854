//! The front of a lying engine: every endpoint of a real one, with the lie in between.

use super::{Asked, Lie, rewrite};
use anyhow::Result;
use axum::{
    Json, Router,
    body::Body,
    extract::{Path, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, Uri, header};
use ogong_base::{codec::Encode, hash::ReplyId};
use ogong_commitment::builder::Trajectory;
use ogong_engine::{
    EngineClient,
    client::CommitHeaders,
    wire::{
        Capabilities, HEADER_ISSUED_MS, HEADER_MAX_TOKENS, HEADER_N_CTX, HEADER_REPLY_ID, OrderLimits, ScoreRequest,
    },
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// Requests a front remembers at most, so that a long run stays small.
const REMEMBERED_MAX: usize = 1_024;

/// What all requests share.
pub struct Front<L> {
    lie: L,
    client: EngineClient,
    /// What it claims to be.
    claimed: Capabilities,
    asked: Mutex<HashMap<ReplyId, Asked>>,
    /// Commitments that were made before the answer was sent.
    committed: Mutex<HashMap<ReplyId, Trajectory>>,
}

/// The engine's endpoints.
pub fn routes<L: Lie>(front: Arc<Front<L>>) -> Router {
    Router::new()
        .route("/health", get(health::<L>))
        .route("/v1/capabilities", get(capabilities::<L>))
        .route("/v1/chat/completions", post(answer::<L>))
        .route("/v1/completions", post(answer::<L>))
        .route("/v1/score", post(score::<L>))
        .route("/v1/trajectory/{reply_id}", get(trajectory::<L>))
        .with_state(front)
}

async fn health<L: Lie>(State(front): State<Arc<Front<L>>>) -> StatusCode {
    if matches!(front.client.health().await, Ok(true)) { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

async fn capabilities<L: Lie>(State(front): State<Arc<Front<L>>>) -> Json<Capabilities> {
    Json(front.claimed.clone())
}

async fn score<L: Lie>(State(front): State<Arc<Front<L>>>, Json(request): Json<ScoreRequest>) -> Response {
    let told = async { front.lie.score(front.client.score(&request).await?) };
    match told.await {
        Ok(reply) => Json(reply).into_response(),
        Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    }
}

async fn answer<L: Lie>(State(front): State<Arc<Front<L>>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let Some(commit) = commit_headers(&headers) else { return StatusCode::BAD_REQUEST.into_response() };
    let asked = Asked { engine: front.client.clone(), path: uri.path().to_owned(), body, commit };
    front.remember(&asked);
    let outcome =
        if front.lie.changes_text() { rewritten(&front, &asked).await } else { relayed(&front, &asked).await };
    outcome.unwrap_or_else(|error| (StatusCode::BAD_GATEWAY, format!("{error:#}")).into_response())
}

/// The real engine's answer as it comes.
async fn relayed<L: Lie>(front: &Front<L>, asked: &Asked) -> Result<Response> {
    let body = front.lie.body(asked.body.clone());
    let response = front.client.forward(&asked.path, body, Some(asked.commit)).await?;
    let kind = response.headers().get(header::CONTENT_TYPE).cloned();
    let mut answer = (response.status(), Body::from_stream(response.bytes_stream())).into_response();
    if let Some(kind) = kind {
        answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    }
    Ok(answer)
}

/// The real engine's answer with the committed text in place of its own.
async fn rewritten<L: Lie>(front: &Front<L>, asked: &Asked) -> Result<Response> {
    let body = rewrite::plain(&front.lie.body(asked.body.clone()))?;
    let response = front.client.forward(&asked.path, body, Some(asked.commit)).await?;
    if !response.status().is_success() {
        return Ok((response.status(), response.bytes().await?).into_response());
    }
    let answer = response.bytes().await?;
    let trajectory = front.commit(asked).await?;
    let answer = rewrite::answer(asked, &answer, &trajectory.raw_text)?;
    front.committed.lock().unwrap_or_else(PoisonError::into_inner).insert(asked.commit.reply_id, trajectory);
    Ok(answer)
}

impl<L: Lie> Front<L> {
    /// A front before an engine that lies about what it is and does.
    pub fn new(lie: L, client: EngineClient, claimed: Capabilities) -> Self {
        Self { lie, client, claimed, asked: Mutex::default(), committed: Mutex::default() }
    }

    fn remember(&self, asked: &Asked) {
        let mut all = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() < REMEMBERED_MAX {
            all.insert(asked.commit.reply_id, asked.clone());
        }
    }

    async fn commit(&self, asked: &Asked) -> Result<Trajectory> {
        let mut made = self.client.trajectory(asked.commit.reply_id).await?;
        // Every liar claims the class of the engine it claims to be.
        made.header.class = self.claimed.class.class_hash();
        self.lie.trajectory(asked, made).await
    }
}

fn commit_headers(headers: &HeaderMap) -> Option<CommitHeaders> {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    Some(CommitHeaders {
        reply_id: text(HEADER_REPLY_ID)?.parse().ok()?,
        limits: OrderLimits {
            issued_ms: text(HEADER_ISSUED_MS)?.parse().ok()?,
            max_tokens: text(HEADER_MAX_TOKENS)?.parse().ok()?,
            n_ctx: text(HEADER_N_CTX)?.parse().ok()?,
        },
    })
}

async fn trajectory<L: Lie>(State(front): State<Arc<Front<L>>>, Path(reply_id): Path<ReplyId>) -> Response {
    let asked = front.asked.lock().unwrap_or_else(PoisonError::into_inner).remove(&reply_id);
    if let Some(trajectory) = front.committed.lock().unwrap_or_else(PoisonError::into_inner).remove(&reply_id) {
        return trajectory.to_bytes().into_response();
    }
    let Some(asked) = asked else { return StatusCode::NOT_FOUND.into_response() };
    match front.commit(&asked).await {
        Ok(trajectory) => trajectory.to_bytes().into_response(),
        Err(error) => (StatusCode::BAD_GATEWAY, format!("{error:#}")).into_response(),
    }
}
