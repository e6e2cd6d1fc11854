//! `rpc-server`: a worker's process.

use std::process::ExitCode;

use clap::Parser as _;
use ogong_text::worker::{Cli, run};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let telemetry = cli.telemetry.clone();
    ogong_daemon::main(&telemetry, |shutdown| async move {
        let serving = tokio::task::spawn_blocking(move || run(&cli));
        tokio::select! {
            outcome = serving => outcome?,
            // llama.cpp's loop knows no end; the process takes it along.
            () = shutdown.cancelled() => std::process::exit(0),
        }
    })
}
