//! `ogong-gatewayd`: the OpenAI-compatible consumer front door.

use clap::Parser;
use ogong_gateway::Args;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Args::parse();
    let telemetry = cli.telemetry.clone();
    ogong_daemon::main(&telemetry, |shutdown| cli.run(shutdown))
}
