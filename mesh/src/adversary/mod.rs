//! Nodes that lie. One lie a file; each is otherwise fully honest and valid.
//!
//! Most liars are an honest `ogong-provider` in front of a [`LyingEngine`]: the provider signs, stores, pushes and opens as every provider does,
//! and believes what its engine tells it. So nothing but the lie itself differs from honest service. Lies that no engine can tell
//! (openings that are withheld, records of no or another reply) are told by a provider of our own making ([`crooked`]).
//!
//! ```text
//!   validators ◀─ records ─ ogong-provider ─ upstream ─▶ LyingEngine ─ Lie ─▶ ogong-text-server (whatever the liar really runs)
//! ```
//!
//! [`court`] audits a lie in this process, on real engines' numbers, with any check switched off.

pub mod cast;
pub mod court;
mod court_ground;
pub mod crooked;
pub mod empty_commitment;
pub mod forged_digest;
mod front;
pub mod lying_verifier;
pub mod opening_refused;
pub mod prefill_spoof;
pub mod replayed_record;
pub mod requantised;
mod rewrite;
pub mod system_prompt;
pub mod token_substituted;

use anyhow::Result;
use bytes::Bytes;
use front::Front;
use ogong_audit::Check;
use ogong_commitment::builder::Trajectory;
use ogong_engine::{
    EngineClient, Supervisor,
    client::CommitHeaders,
    supervisor::SupervisorConfig,
    wire::{Capabilities, ScoreReply},
};
use std::{path::PathBuf, sync::Arc};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::Tools;

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
        let front = Arc::new(Front::new(lie, client, claimed));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, front::routes(front)).await;
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
