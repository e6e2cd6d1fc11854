//! The provider's second duty: a child `ogong-verifierd` that scores peers' replies on this provider's own engine.
//!
//! It is a process of its own with keys of its own; its stake owner is the provider's, so it is never drawn for this provider's replies (SPEC 5.3).

use ogong_base::{hash::ChainKey, model_id::ModelId};
use ogong_daemon::Shutdown;
use ogong_engine::supervisor::beside;
use std::{
    fs::OpenOptions,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};
use tokio::{process::Command, time::sleep};
use tracing::{info, warn};

/// The program.
pub const PROGRAM: &str = "ogong-verifierd";
/// First pause before it is started again.
const PAUSE_MIN: Duration = Duration::from_millis(500);
/// Longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// How to run it.
#[derive(Debug, Clone)]
pub struct Verifier {
    /// This provider's engine.
    pub engine_url: String,
    /// Where it listens.
    pub bind: SocketAddr,
    /// The model it can score.
    pub model_id: ModelId,
    /// Solana RPC endpoint.
    pub rpc_url: String,
    /// The on-chain program.
    pub program_id: ChainKey,
    /// Whose stake stands behind.
    pub stake_owner: ChainKey,
    /// The provider's home; the verifier's is a directory in it.
    pub home: PathBuf,
}

impl Verifier {
    /// Keeps the child running until `shutdown`.
    pub async fn run(self, shutdown: Shutdown) {
        let mut pause = PAUSE_MIN;
        while !shutdown.is_triggered() {
            let mut child = match self.spawn() {
                Ok(child) => child,
                Err(error) => {
                    warn!(%error, program = PROGRAM, "verifier could not be started; this provider does not verify for others now");
                    let _ = shutdown.unless(sleep(pause)).await;
                    pause = (pause * 2).min(PAUSE_MAX);
                    continue;
                }
            };
            // Waiting on a child closes a stdin that it still owns, and the child would take that for our end.
            let _stdin = child.stdin.take();
            info!(bind = %self.bind, "verifier started");
            match shutdown.unless(child.wait()).await {
                Some(status) => warn!(?status, log = %self.log().display(), "verifier ended; starting it again"),
                None => {
                    let _ = child.kill().await;
                    return;
                }
            }
            let _ = shutdown.unless(sleep(pause)).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    fn spawn(&self) -> std::io::Result<tokio::process::Child> {
        // Beside an engine of somebody else's this is the first log there is.
        std::fs::create_dir_all(log_dir(&self.home))?;
        let log = OpenOptions::new().create(true).append(true).open(self.log())?;
        let mut command = Command::new(beside(PROGRAM));
        command.args(["--ref-url", &self.engine_url, "--model-id", &self.model_id.to_string()]);
        command.args(["--bind", &self.bind.to_string(), "--rpc-url", &self.rpc_url]);
        command.args(["--stake-owner", &self.stake_owner.to_string()]);
        command.arg("--data-dir").arg(data_dir(&self.home)).env("OGONG_PROGRAM_ID", self.program_id.to_string());
        // The pipe's end tells the child that this process is gone, however it went.
        command
            .arg("--exit-on-stdin-close")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
    }

    fn log(&self) -> PathBuf {
        log_dir(&self.home).join("verifier.log")
    }
}

/// Where the verifier of a provider's home keeps its keys.
pub fn data_dir(home: &Path) -> PathBuf {
    home.join("verifier")
}

/// Where children's logs go.
pub fn log_dir(home: &Path) -> PathBuf {
    home.join("logs")
}
