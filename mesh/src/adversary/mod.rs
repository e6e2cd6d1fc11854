//! Nodes that lie. One lie a file; each is otherwise fully honest and valid.
//!
//! Most liars are an honest `ogong-provider` in front of a [`LyingEngine`]: the provider signs, stores, pushes and opens as every provider does,
//! and believes what its engine tells it. So nothing but the lie itself differs from honest service. Lies that no engine can tell
//! (openings that are withheld, records of no or another reply) are told by a provider of its own (see [`cast`]).
//!
//! ```text
//!   validators ◀─ records ─ ogong-provider ─ upstream ─▶ LyingEngine ─ Lie ─▶ ogong-text-server (whatever the liar really runs)
//! ```
//!
//! [`court`] audits a lie in this process, on real engines' numbers, with any check switched off.

pub mod cast;
pub mod court;
pub mod empty_commitment;
pub mod forged_digest;
pub mod lying_verifier;
pub mod opening_refused;
pub mod prefill_spoof;
pub mod replayed_record;
pub mod requantised;
mod rewrite;
pub mod system_prompt;
pub mod token_substituted;

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
use ogong_audit::Check;
use ogong_base::{codec::Encode, hash::ReplyId};
use ogong_commitment::builder::Trajectory;
use ogong_engine::{
    EngineClient, Supervisor,
    client::CommitHeaders,
    supervisor::SupervisorConfig,
    wire::{
        Capabilities, HEADER_ISSUED_MS, HEADER_MAX_TOKENS, HEADER_N_CTX, HEADER_REPLY_ID, OrderLimits, ScoreReply,
        ScoreRequest,
    },
};
use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::Tools;

/// Requests a front remembers at most, so that a long run stays small.
const REMEMBERED_MAX: usize = 1_024;

/// What an audit makes of a lie.
#[derive(Debug, Clone, Copy)]
pub struct Expected {
    /// The checks that catch it: one, or where chance decides which of a few comes first, those.
    pub caught_by: &'static [Check],
    /// The checks that would catch it if those were off. With these off too it passes.
    pub backed_by: &'static [Check],
}

impl Expected {
    /// Caught by one check and, without it, by whatever of `backed_by` comes first.
    pub const fn of(caught_by: &'static [Check], backed_by: &'static [Check]) -> Self {
        Self { caught_by, backed_by }
    }
}

/// One committed request as a liar's front got it.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The engine behind the front.
    pub engine: EngineClient,
    /// `/v1/chat/completions` or `/v1/completions`.
    pub path: String,
    /// The consumer's body.
    pub body: Bytes,
    /// The reply and the order's limits.
    pub commit: CommitHeaders,
}

/// One lie. What it leaves alone stays honest.
pub trait Lie: Send + Sync + 'static {
    /// Its name in reports.
    fn name(&self) -> &'static str;

    /// The body the real engine gets instead of the consumer's.
    fn body(&self, honest: Bytes) -> Bytes {
        honest
    }

    /// Whether the committed text is another than the engine wrote. Then the consumer is shown the committed one.
    fn changes_text(&self) -> bool {
        false
    }

    /// The trajectory the provider commits to instead of what the engine made.
    fn trajectory(&self, asked: &Asked, made: Trajectory) -> impl Future<Output = Result<Trajectory>> + Send {
        let _ = asked;
        async { Ok(made) }
    }

    /// The numbers a verifier on this engine reports instead of the engine's.
    fn score(&self, made: ScoreReply) -> Result<ScoreReply> {
        Ok(made)
    }
}

/// An engine that passes everything on to a real one and lies in between.
pub struct LyingEngine {
    /// Its address, for `--upstream`.
    pub url: String,
    engine: Option<Supervisor>,
    server: JoinHandle<()>,
}

struct Front<L> {
    lie: L,
    client: EngineClient,
    /// What it claims to be.
    claimed: Capabilities,
    asked: Mutex<HashMap<ReplyId, Asked>>,
    /// Commitments that were made before the answer was sent.
    committed: Mutex<HashMap<ReplyId, Trajectory>>,
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
        let front = Self::before(engine.client().clone(), cast.claims, lie).await?;
        Ok(Self { engine: Some(engine), ..front })
    }

    /// Starts a front before an engine that runs already and is stopped by whoever started it.
    ///
    /// # Errors
    /// When the system has no port.
    pub async fn before<L: Lie>(client: EngineClient, claimed: Capabilities, lie: L) -> Result<Self> {
        let front = Arc::new(Front { lie, client, claimed, asked: Mutex::default(), committed: Mutex::default() });
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, routes(front)).await;
        });
        Ok(Self { url, engine: None, server })
    }

    /// The front together with the engine it stands before: both stop together.
    #[must_use]
    pub fn with(self, engine: Supervisor) -> Self {
        Self { engine: Some(engine), ..self }
    }

    /// Stops front and engine.
    pub async fn stop(self) {
        self.server.abort();
        if let Some(engine) = self.engine {
            engine.stop().await;
        }
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
    let outcome = if front.lie.changes_text() { rewritten(&front, &asked).await } else { relayed(&front, &asked).await };
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
    if let Some(trajectory) = front.committed.lock().unwrap_or_else(PoisonError::into_inner).remove(&reply_id) {
        return trajectory.to_bytes().into_response();
    }
    let asked = front.asked.lock().unwrap_or_else(PoisonError::into_inner).remove(&reply_id);
    let Some(asked) = asked else { return StatusCode::NOT_FOUND.into_response() };
    match front.commit(&asked).await {
        Ok(trajectory) => trajectory.to_bytes().into_response(),
        Err(error) => (StatusCode::BAD_GATEWAY, format!("{error:#}")).into_response(),
    }
}
