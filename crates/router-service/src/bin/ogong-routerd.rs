//! `ogong-routerd`: the marketplace match engine.

use clap::Parser;
use ogong_router::Args;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Args::parse();
    let telemetry = cli.telemetry.clone();
    ogong_daemon::main(&telemetry, |shutdown| cli.run(shutdown))
}
