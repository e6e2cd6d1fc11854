//! The frame of a binary's `main`: runtime, logs, signals, and how its result becomes an exit code.

use crate::{Error, Shutdown, TelemetryFlags, report_error, telemetry};
use std::{future::Future, process::ExitCode, time::Duration};

/// How long tasks that still run may take once the main one has ended.
const TASKS_WAIT: Duration = Duration::from_secs(3);

/// Runs a binary: builds the runtime, installs logs, signal handlers and the TLS provider, runs `run`, reports its error.
///
/// `run` returns when its work is done, or soon after the [`Shutdown`] it is given is triggered.
pub fn main<F, R>(telemetry: &TelemetryFlags, run: F) -> ExitCode
where
    F: FnOnce(Shutdown) -> R,
    R: Future<Output = Result<(), anyhow::Error>>,
{
    main_with(telemetry, Interrupt::Ends, run)
}

/// What Ctrl-C means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interrupt {
    /// It ends the process, as SIGTERM does.
    Ends,
    /// It is the task's own matter; SIGTERM ends the process.
    OfTheTask,
}

/// As [`main`], where Ctrl-C may mean something else.
pub fn main_with<F, R>(telemetry: &TelemetryFlags, interrupt: Interrupt, run: F) -> ExitCode
where
    F: FnOnce(Shutdown) -> R,
    R: Future<Output = Result<(), anyhow::Error>>,
{
    telemetry::init(telemetry.log_json, telemetry.quiet);
    // Only the first in a process counts; libraries that want another bring their own.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(source) => return report_error(&Error::Process { what: "the runtime", source }.into()),
    };
    let outcome = runtime.block_on(async { run(Shutdown::on_signals_with(interrupt)?).await });
    runtime.shutdown_timeout(TASKS_WAIT);
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report_error(&error),
    }
}
