//! Keeps one engine process alive: spawn on a free loopback port, wait for health, restart with backoff, stop.
//!
//! The child's stdin is a pipe that nobody writes to; `--exit-on-stdin-close` makes the child end when the parent does,
//! however the parent ends. The child prints its address on stdout and logs to stderr, which goes to the log file.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::client::EngineClient;
use crate::error::Error;

/// The engine's program name.
pub const PROGRAM: &str = "ogong-text-server";
/// The line the engine prints on stdout once it listens begins so.
pub const LISTENING: &str = "listening on http://";

/// Pause before the first restart; doubles up to [`BACKOFF_MAX`].
const BACKOFF_MIN: Duration = Duration::from_millis(500);
const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// An engine that lived this long starts its backoff afresh.
const STEADY: Duration = Duration::from_secs(60);
/// How long the child has between SIGTERM and SIGKILL.
const STOP_GRACE: Duration = Duration::from_secs(10);
const HEALTH_PERIOD: Duration = Duration::from_millis(100);
/// Bytes of the log's end that an error quotes.
const LOG_TAIL_BYTES: u64 = 2_000;

/// How to run an engine.
#[derive(Clone, Debug)]
pub struct SupervisorConfig {
    /// The program; `None` looks beside the running one, then on PATH. Daemons fill it from `OGONG_TEXT_SERVER`.
    pub program: Option<PathBuf>,
    /// The model's first (or only) file.
    pub model: PathBuf,
    /// The name the engine gives the model.
    pub alias: Option<String>,
    /// Requests served at once.
    pub parallel: Option<u32>,
    /// Tokens of one slot.
    pub n_ctx: Option<u32>,
    /// Threads; engines that share a machine each get their share.
    pub threads: Option<u32>,
    /// Whether committed replies are wanted.
    pub commit: bool,
    /// Whether only plain requests come: nothing is committed or scored, and the engine starts faster and takes less memory.
    pub plain: bool,
    /// Where the engine's log goes; appended to.
    pub log_file: PathBuf,
    /// How long loading may take.
    pub start_timeout: Duration,
    /// Further arguments, appended as they are.
    pub extra_args: Vec<String>,
    /// Out of reach of the terminal's Ctrl-C, which then ends an answer and not the engine.
    pub own_group: bool,
}

impl SupervisorConfig {
    /// Serve `model` with the engine's own defaults, logging to `log_file`.
    pub fn new(model: impl Into<PathBuf>, log_file: impl Into<PathBuf>) -> Self {
        Self {
            program: None,
            model: model.into(),
            alias: None,
            parallel: None,
            n_ctx: None,
            threads: None,
            commit: true,
            plain: false,
            log_file: log_file.into(),
            start_timeout: Duration::from_secs(300),
            extra_args: Vec::new(),
            own_group: false,
        }
    }

    fn command(&self, program: &Path, port: u16) -> Command {
        let mut command = Command::new(program);
        command.args(["--host", "127.0.0.1", "--exit-on-stdin-close", "--port"]).arg(port.to_string());
        command.arg("--model").arg(&self.model);
        if let Some(alias) = &self.alias {
            command.arg("--alias").arg(alias);
        }
        for (flag, value) in [("--parallel", self.parallel), ("--n-ctx", self.n_ctx), ("--threads", self.threads)] {
            if let Some(value) = value {
                command.arg(flag).arg(value.to_string());
            }
        }
        if self.commit {
            command.arg("--commit");
        }
        if self.plain {
            command.arg("--plain");
        }
        command.args(&self.extra_args);
        #[cfg(unix)]
        if self.own_group {
            command.process_group(0);
        }
        command
    }
}

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

/// A child and the pipe whose end tells it that we are gone. Waiting on a child closes a stdin that it still owns.
struct Running {
    child: Child,
    _stdin: Option<ChildStdin>,
}

impl Running {
    async fn stop(&mut self) {
        stop_child(&mut self.child).await;
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

/// The program of that name that lies beside this one, or one directory up as for tests; else whatever PATH has.
pub fn beside(program: &str) -> PathBuf {
    let own = std::env::current_exe().ok();
    let near = own
        .iter()
        .flat_map(|exe| exe.ancestors().skip(1).take(2))
        .map(|dir| dir.join(program))
        .find(|path| path.is_file());
    near.unwrap_or_else(|| PathBuf::from(program))
}

async fn spawn(config: &SupervisorConfig, program: &Path, port: u16) -> Result<(Running, String), Error> {
    let log_error = |source| Error::Log { path: config.log_file.clone(), source };
    if let Some(dir) = config.log_file.parent() {
        std::fs::create_dir_all(dir).map_err(log_error)?;
    }
    let log = OpenOptions::new().create(true).append(true).open(&config.log_file).map_err(log_error)?;
    let mut child = config
        .command(program, port)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::from(log))
        .kill_on_drop(true)
        .spawn()
        .map_err(|source| Error::Spawn { program: program.to_owned(), source })?;
    let stdin = child.stdin.take();
    let Some(stdout) = child.stdout.take() else { return Err(exited(config, &mut child).await) };
    let mut lines = BufReader::new(stdout).lines();
    let address = timeout(config.start_timeout, async {
        while let Ok(Some(line)) = lines.next_line().await {
            if let Some(address) = line.strip_prefix(LISTENING) {
                return Some(address.trim().to_owned());
            }
        }
        None
    })
    .await;
    match address {
        Ok(Some(address)) => Ok((Running { child, _stdin: stdin }, address)),
        Ok(None) => Err(exited(config, &mut child).await),
        Err(_) => Err(not_ready(config)),
    }
}

async fn wait_ready(config: &SupervisorConfig, client: &EngineClient, child: &mut Child) -> Result<(), Error> {
    let deadline = Instant::now() + config.start_timeout;
    loop {
        if matches!(child.try_wait(), Ok(Some(_))) {
            return Err(exited(config, child).await);
        }
        if matches!(client.health().await, Ok(true)) {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(not_ready(config));
        }
        sleep(HEALTH_PERIOD).await;
    }
}

fn not_ready(config: &SupervisorConfig) -> Error {
    Error::NotReady { seconds: config.start_timeout.as_secs(), log: config.log_file.clone() }
}

async fn exited(config: &SupervisorConfig, child: &mut Child) -> Error {
    let status = match timeout(STOP_GRACE, child.wait()).await {
        Ok(Ok(status)) => status.to_string(),
        _ => "no exit status".to_owned(),
    };
    let tail = log_tail(&config.log_file).unwrap_or_default();
    let tail = tail.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("its log is empty").to_owned();
    Error::Exited { status, tail, log: config.log_file.clone() }
}

fn log_tail(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LOG_TAIL_BYTES)))?;
    let mut tail = Vec::new();
    file.take(LOG_TAIL_BYTES).read_to_end(&mut tail)?;
    Ok(String::from_utf8_lossy(&tail).into_owned())
}

async fn stop_child(child: &mut Child) {
    if let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()) {
        // The child may have ended by itself; then there is nobody to signal.
        let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
    }
    if timeout(STOP_GRACE, child.wait()).await.is_err() {
        warn!("engine did not stop in time and was killed");
        if let Err(error) = child.kill().await {
            warn!(%error, "engine could not be killed");
        }
    }
}
