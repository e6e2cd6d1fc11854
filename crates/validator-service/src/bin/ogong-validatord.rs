//! `ogong-validatord`: validator and audit node.

use clap::Parser;
use ogong_validator::Cli;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let telemetry = cli.node.telemetry.clone();
    ogong_daemon::main(&telemetry, |shutdown| cli.run(shutdown))
}
