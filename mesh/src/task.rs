//! A role as a task of this process: the same flags, read by the same parser, run by the same function as in its binary.

use crate::process::Spec;
use anyhow::{Context, Result, bail};
use clap::Parser;
use futures::FutureExt;
use ogong_daemon::Shutdown;
use std::{ffi::OsString, future::Future, pin::Pin, time::Duration};
use tokio::{task::JoinHandle, time::timeout};

/// How long a role may take to end when asked to.
const END_WAIT: Duration = Duration::from_secs(15);
/// What the book's variables begin with; each is a flag too, hidden where the book names only the variable.
const VARIABLE: &str = "OGONG_";

type Running = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

/// A running task; stopped when dropped.
#[derive(Debug)]
pub struct Task {
    name: String,
    shutdown: Shutdown,
    running: JoinHandle<Result<()>>,
}

impl Task {
    /// Starts it. Must run inside a tokio runtime.
    ///
    /// # Errors
    /// When there is no such role or it refuses its flags.
    pub fn start(spec: Spec) -> Result<Self> {
        let shutdown = Shutdown::new();
        let role = role(&spec, shutdown.clone()).with_context(|| format!("{} refused its flags", spec.name))?;
        Ok(Self { name: spec.name, shutdown, running: tokio::spawn(role) })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it still runs.
    ///
    /// # Errors
    /// When it has ended, with its error.
    pub fn alive(&mut self) -> Result<()> {
        match (&mut self.running).now_or_never() {
            None => Ok(()),
            Some(ended) => {
                ended.context("it panicked")?.with_context(|| format!("{} ended", self.name))?;
                bail!("{} ended", self.name)
            }
        }
    }

    /// Asks it to end, and waits.
    pub async fn stop(mut self) {
        self.shutdown.trigger();
        let _ = timeout(END_WAIT, &mut self.running).await;
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.shutdown.trigger();
        self.running.abort();
    }
}

/// What the binary of that name does with these flags.
fn role(spec: &Spec, shutdown: Shutdown) -> Result<Running> {
    let program = spec.program.file_name().and_then(|name| name.to_str()).context("a program without a name")?;
    let line = || command_line(program, spec);
    Ok(match program {
        "ogong-routerd" => Box::pin(ogong_router::Args::try_parse_from(line())?.run(shutdown)),
        "ogong-gatewayd" => Box::pin(ogong_gateway::Args::try_parse_from(line())?.run(shutdown)),
        "ogong-validatord" => Box::pin(ogong_validator::Cli::try_parse_from(line())?.run(shutdown)),
        "ogong-verifierd" => Box::pin(ogong_verifier::Cli::try_parse_from(line())?.run(shutdown)),
        "ogong-provider" => {
            let cli = ogong_provider::cli::Cli::try_parse_from(line())?;
            Box::pin(ogong_provider::commands::run(cli, shutdown))
        }
        other => bail!("{other} is no role that runs in one process"),
    })
}

/// All roles share this process's environment, so what a spec says by variable is said by flag.
fn command_line(program: &str, spec: &Spec) -> Vec<OsString> {
    let flags = spec.env.iter().filter_map(|(name, value)| {
        let flag = name.strip_prefix(VARIABLE)?.to_lowercase().replace('_', "-");
        Some([OsString::from(format!("--{flag}")), value.clone()])
    });
    std::iter::once(OsString::from(program)).chain(spec.args.iter().cloned()).chain(flags.flatten()).collect()
}
