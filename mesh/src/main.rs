//! `ogong-mesh`: parse, run.

use clap::{Parser, Subcommand};
use ogong_daemon::TelemetryFlags;
use ogong_mesh::{bench, demo, stage};
use std::process::ExitCode;

/// The whole of OGONG on this machine, as real processes.
#[derive(Debug, Parser)]
#[command(name = "ogong-mesh", version, about)]
struct Cli {
    #[command(flatten)]
    telemetry: TelemetryFlags,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// One honest answer paid, one cheat refunded.
    Demo(demo::Args),
    /// Long runs that count.
    Bench(bench::Bench),
    /// One of the book's three stages on a chain that runs already; `chain/scripts/run-mesh-stage*.sh` call it.
    Stage(stage::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    ogong_daemon::main(&cli.telemetry, |shutdown| async move {
        let work = async {
            match &cli.command {
                Command::Demo(args) => demo::run(args).await,
                Command::Bench(bench) => bench::run(bench).await,
                Command::Stage(args) => stage::run(args).await,
            }
        };
        // Ctrl-C drops the mesh, which kills every process of it.
        shutdown.unless(work).await.unwrap_or(Ok(()))
    })
}
