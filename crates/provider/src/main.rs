//! `ogong-provider`.

use clap::Parser;
use ogong_daemon::Interrupt;
use ogong_provider::{cli::Cli, commands};
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut telemetry = cli.telemetry.clone();
    telemetry.quiet = cli.command.is_quiet();
    let interrupt = if cli.command.is_interactive() { Interrupt::OfTheTask } else { Interrupt::Ends };
    ogong_daemon::main_with(&telemetry, interrupt, |shutdown| commands::run(cli, shutdown))
}
