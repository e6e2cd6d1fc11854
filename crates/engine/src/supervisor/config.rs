//! How an engine is run.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::process::Command;

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

    pub(super) fn command(&self, program: &Path, port: u16) -> Command {
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
