//! One engine process: from its start to its end, and what its log says when that comes early.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdin};
use tokio::time::{Instant, sleep, timeout};
use tracing::warn;

use super::SupervisorConfig;
use crate::client::EngineClient;
use crate::error::Error;

/// The line the engine prints on stdout once it listens begins so.
pub const LISTENING: &str = "listening on http://";
/// How long the child has between SIGTERM and SIGKILL.
const STOP_GRACE: Duration = Duration::from_secs(10);
const HEALTH_PERIOD: Duration = Duration::from_millis(100);
/// Bytes of the log's end that an error quotes.
const LOG_TAIL_BYTES: u64 = 2_000;

/// A child and the pipe whose end tells it that we are gone. Waiting on a child closes a stdin that it still owns.
pub struct Running {
    /// The process.
    pub child: Child,
    _stdin: Option<ChildStdin>,
}

impl Running {
    /// SIGTERM, then SIGKILL after [`STOP_GRACE`].
    pub async fn stop(&mut self) {
        stop_child(&mut self.child).await;
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

/// Starts the program; returns it with the address that it printed.
///
/// # Errors
/// When it cannot be started, ends, or prints no address in time.
pub async fn spawn(config: &SupervisorConfig, program: &Path, port: u16) -> Result<(Running, String), Error> {
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

/// Waits until the engine has loaded.
///
/// # Errors
/// When it ends or is not ready in time.
pub async fn wait_ready(config: &SupervisorConfig, client: &EngineClient, child: &mut Child) -> Result<(), Error> {
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
