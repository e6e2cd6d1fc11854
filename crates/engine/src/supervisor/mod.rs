//! Keeps one engine process alive: spawn on a free loopback port, wait for health, restart with backoff, stop.
//!
//! The child's stdin is a pipe that nobody writes to; `--exit-on-stdin-close` makes the child end when the parent does,
//! however the parent ends. The child prints its address on stdout and logs to stderr, which goes to the log file.

mod child;
mod config;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::process::Child;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

pub use self::child::{LISTENING, beside};
use self::child::{Running, spawn, wait_ready};
pub use self::config::SupervisorConfig;
use crate::client::EngineClient;
use crate::error::Error;

/// The engine's program name.
pub const PROGRAM: &str = "ogong-text-server";

/// Pause before the first restart; doubles up to [`BACKOFF_MAX`].
const BACKOFF_MIN: Duration = Duration::from_millis(500);
const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// An engine that lived this long starts its backoff afresh.
const STEADY: Duration = Duration::from_secs(60);

/// A running engine and the task that keeps it running.
#[derive(Debug)]
pub struct Supervisor {
    client: EngineClient,
    state: Arc<State>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct State {
    stop: CancellationToken,
    ended: CancellationToken,
    ready: AtomicBool,
    restarts: AtomicU64,
    pid: AtomicU64,
}

impl Supervisor {
    /// Starts an engine and waits until it serves.
    ///
    /// # Errors
    /// When it cannot be started, ends while loading, or is not ready in time.
    pub async fn start(config: SupervisorConfig) -> Result<Self, Error> {
        let program = config.program.clone().unwrap_or_else(|| beside(PROGRAM));
        let (mut running, address) = spawn(&config, &program, 0).await?;
        let client = EngineClient::new(&format!("http://{address}"))?;
        if let Err(error) = wait_ready(&config, &client, &mut running.child).await {
            running.stop().await;
            return Err(error);
        }
        let state = Arc::new(State::default());
        state.mark_up(&running.child);
        info!(%address, model = %config.model.display(), "engine started");
        let port = address.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).unwrap_or(0);
        let keeper = Keeper { config, program, port, client: client.clone(), state: Arc::clone(&state) };
        Ok(Self { client, state, task: tokio::spawn(keeper.run(running)) })
    }

    /// A client of the engine; its address stays the same over restarts.
    pub fn client(&self) -> &EngineClient {
        &self.client
    }

    /// Whether the engine serves at this moment.
    pub fn is_ready(&self) -> bool {
        self.state.ready.load(Ordering::Acquire)
    }

    /// How often the engine had to be started again.
    pub fn restarts(&self) -> u64 {
        self.state.restarts.load(Ordering::Relaxed)
    }

    /// Process id of the running engine, if it runs.
    pub fn pid(&self) -> Option<u32> {
        u32::try_from(self.state.pid.load(Ordering::Acquire)).ok().filter(|pid| *pid != 0)
    }

    /// Stops the engine: SIGTERM, then SIGKILL after ten seconds.
    pub async fn stop(self) {
        self.state.stop.cancel();
        if let Err(error) = self.task.await {
            warn!(%error, "engine supervisor ended badly");
        }
    }

    /// Stops a shared engine as [`Supervisor::stop`] does; returns once it is gone.
    pub async fn end(&self) {
        self.state.stop.cancel();
        self.state.ended.cancelled().await;
    }
}

impl State {
    fn mark_up(&self, child: &Child) {
        self.pid.store(child.id().map_or(0, u64::from), Ordering::Release);
        self.ready.store(true, Ordering::Release);
    }

    fn mark_down(&self) {
        self.ready.store(false, Ordering::Release);
        self.pid.store(0, Ordering::Release);
    }
}

struct Keeper {
    config: SupervisorConfig,
    program: PathBuf,
    port: u16,
    client: EngineClient,
    state: Arc<State>,
}

impl Keeper {
    async fn run(self, running: Running) {
        // Whichever way the keeping ends, who waits for it is told.
        let _ended = self.state.ended.clone().drop_guard();
        self.keep(running).await;
    }

    async fn keep(&self, mut running: Running) {
        let mut backoff = BACKOFF_MIN;
        loop {
            let started = Instant::now();
            tokio::select! {
                () = self.state.stop.cancelled() => {
                    self.state.mark_down();
                    running.stop().await;
                    return;
                }
                status = running.child.wait() => {
                    self.state.mark_down();
                    warn!(?status, log = %self.config.log_file.display(), "engine ended; starting it again");
                }
            }
            if started.elapsed() > STEADY {
                backoff = BACKOFF_MIN;
            }
            let Some(next) = self.restart(&mut backoff).await else { return };
            running = next;
        }
    }

    /// Starts the engine again until it serves; `None` when asked to stop meanwhile.
    async fn restart(&self, backoff: &mut Duration) -> Option<Running> {
        loop {
            tokio::select! {
                () = self.state.stop.cancelled() => return None,
                () = sleep(*backoff) => {}
            }
            *backoff = (*backoff * 2).min(BACKOFF_MAX);
            self.state.restarts.fetch_add(1, Ordering::Relaxed);
            let mut running = match spawn(&self.config, &self.program, self.port).await {
                Ok((running, _)) => running,
                Err(error) => {
                    warn!(%error, "engine could not be started again");
                    continue;
                }
            };
            let outcome = tokio::select! {
                () = self.state.stop.cancelled() => None,
                outcome = wait_ready(&self.config, &self.client, &mut running.child) => Some(outcome),
            };
            match outcome {
                Some(Ok(())) => {
                    self.state.mark_up(&running.child);
                    info!("engine started again");
                    return Some(running);
                }
                Some(Err(error)) => warn!(%error, "engine did not come up again"),
                None => {}
            }
            running.stop().await;
        }
    }
}
