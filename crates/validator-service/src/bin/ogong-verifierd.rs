//! `ogong-verifierd`: re-runs committed work to score an audit.

use clap::Parser;
use ogong_verifier::Cli;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let telemetry = cli.telemetry.clone();
    ogong_daemon::main(&telemetry, |shutdown| cli.run(shutdown))
}
