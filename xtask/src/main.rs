//! `cargo xtask`: everything a person or CI does with this repository, one file a command.
//!
//! It drives binaries and holds no protocol code: it has to run before cmake and libclang are there.

mod bench;
mod build;
mod chain;
mod demo;
mod deny;
mod docs;
mod layers;
mod models;
mod node;
mod paths;
mod run;
mod setup;
mod test;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Set up, build, test and show OGONG")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install what is missing, fetch the model, build everything.
    Setup,
    /// The whole mesh on this machine: one honest answer paid, one cheat refunded.
    Demo(demo::Args),
    /// Everything CI checks.
    Test(test::Args),
    /// Rebuild the on-chain program's ELF, its source hash and its IDL.
    Chain(chain::Args),
    /// Hold the crates' dependencies against the table in ARCHITECTURE.md.
    Layers,
    /// Compare two things on the same work in one run and print ratios.
    Bench(bench::Args),
    /// Write the generated parts of the documentation.
    Docs(docs::Args),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Setup => setup::all(),
        Command::Demo(args) => demo::run(&args),
        Command::Test(args) => test::run(&args),
        Command::Chain(args) => chain::run(&args),
        Command::Layers => layers::run(),
        Command::Bench(args) => bench::run(&args),
        Command::Docs(args) => docs::run(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
