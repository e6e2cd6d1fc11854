//! `ogong-text-server`: the text engine's process.

use std::process::ExitCode;

use clap::Parser as _;
use ogong_text::cli::{Cli, spelled_out};

fn main() -> ExitCode {
    let cli = Cli::parse_from(spelled_out(std::env::args_os()));
    let telemetry = cli.telemetry.clone();
    ogong_daemon::main(&telemetry, |shutdown| ogong_text::run::run(cli, shutdown))
}
