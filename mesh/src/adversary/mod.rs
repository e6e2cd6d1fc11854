//! Providers that lie. One lie a file; each is otherwise fully honest and valid.
//!
//! A liar is an honest `ogong-provider` in front of a [`LyingEngine`]: the provider signs, stores, pushes and opens as every provider does, and
//! believes what its engine tells it. So nothing but the lie itself differs from honest service.
//!
//! ```text
//!   validators ◀─ records ─ ogong-provider ─ upstream ─▶ LyingEngine ─ Lie ─▶ ogong-text-server (whatever the liar really runs)
//! ```

pub mod requantised;

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
    EngineClient, Supervisor,
    client::CommitHeaders,
    supervisor::SupervisorConfig,
    wire::{
        Capabilities, HEADER_ISSUED_MS, HEADER_MAX_TOKENS, HEADER_N_CTX, HEADER_REPLY_ID, OrderLimits, ScoreRequest,
    },
};
use std::{path::PathBuf, sync::Arc};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::Tools;

/// One lie. What it leaves alone stays honest.
pub trait Lie: Send + Sync + 'static {
    /// Its name in reports.
    fn name(&self) -> &'static str;

    /// The body the real engine gets instead of the consumer's.
    fn body(&self, honest: Bytes) -> Bytes {
        honest
    }

    /// The trajectory the provider commits to instead of what the engine made.
    fn trajectory(&self, made: Trajectory) -> impl Future<Output = Result<Trajectory>> + Send {
        async { Ok(made) }
    }
}

/// An engine that passes everything on to a real one and lies in between.
pub struct LyingEngine {
    /// Its address, for `--upstream`.
    pub url: String,
    engine: Supervisor,
    server: JoinHandle<()>,
}

struct Front<L> {
    lie: L,
    client: EngineClient,
    /// What it claims to be.
    claimed: Capabilities,
}

/// What a liar really runs, and what it says it runs.
#[derive(Debug, Clone)]
pub struct Cast {
    /// Weight format of the file that answers.
    pub runs: String,
    /// Capabilities of the honest engine, shown instead of its own.
    pub claims: Capabilities,
    /// Log of the engine.
    pub log: PathBuf,
    /// Threads of the engine.
    pub threads: u32,
}

impl LyingEngine {
    /// Starts the real engine and the front that lies.
    ///
    /// # Errors
    /// When the engine does not come up.
    pub async fn start<L: Lie>(tools: &Tools, cast: Cast, lie: L) -> Result<Self> {
        let engine = engine(tools, &cast.runs, cast.log, cast.threads).await?;
        let front = Arc::new(Front { lie, client: engine.client().clone(), claimed: cast.claims });
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, routes(front)).await;
        });
        Ok(Self { url, engine, server })
    }

    /// Stops front and engine.
    pub async fn stop(self) {
        self.server.abort();
        self.engine.stop().await;
    }
}

/// A text engine in commit mode on one of the demo's files.
///
/// # Errors
/// When it does not come up.
pub async fn engine(tools: &Tools, format: &str, log: PathBuf, threads: u32) -> Result<Supervisor> {
    let mut spawn = SupervisorConfig::new(tools.model(format)?, log);
    spawn.program = Some(tools.bin("ogong-text-server")?);
    spawn.commit = true;
    (spawn.threads, spawn.parallel, spawn.n_ctx) = (Some(threads), Some(4), Some(2048));
    Ok(Supervisor::start(spawn).await?)
}

/// What an honest provider's engine says of itself: every liar claims the same.
///
/// # Errors
/// When an engine on the catalogue's file does not come up.
pub async fn honest_capabilities(mesh: &crate::Mesh) -> Result<Capabilities> {
    let engine = engine(
        &mesh.tools,
        &mesh.config.catalogue_format,
        mesh.dir().join("capabilities.log"),
        mesh.config.engine_threads,
    )
    .await?;
    let capabilities = engine.client().capabilities().await;
    engine.stop().await;
    Ok(capabilities?)
}

fn routes<L: Lie>(front: Arc<Front<L>>) -> Router {
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
    match front.client.score(&request).await {
        Ok(reply) => Json(reply).into_response(),
        Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    }
}

async fn answer<L: Lie>(State(front): State<Arc<Front<L>>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let Some(commit) = commit_headers(&headers) else { return StatusCode::BAD_REQUEST.into_response() };
    match front.client.forward(uri.path(), front.lie.body(body), Some(commit)).await {
        Ok(response) => {
            let kind = response.headers().get(header::CONTENT_TYPE).cloned();
            let mut answer = (response.status(), Body::from_stream(response.bytes_stream())).into_response();
            if let Some(kind) = kind {
                answer.headers_mut().insert(header::CONTENT_TYPE, kind);
            }
            answer
        }
        Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
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
    let lied = async {
        let mut made = front.client.trajectory(reply_id).await?;
        // Every liar claims the class of the engine it claims to be.
        made.header.class = front.claimed.class.class_hash();
        front.lie.trajectory(made).await
    };
    match lied.await {
        Ok(trajectory) => trajectory.to_bytes().into_response(),
        Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    }
}
