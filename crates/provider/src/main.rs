//! `ogong-provider`.

use clap::Parser;
use ogong_provider::{cli::Cli, commands};
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let telemetry = cli.telemetry.clone();
    ogong_daemon::main(&telemetry, |shutdown| commands::run(cli, shutdown))
}
