//! `ogong-chain`: the operator's tool for the chain. Parse, run, report.

mod cli;
mod commands;
mod output;

use std::process::ExitCode;

use clap::Parser;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let json = cli.json;
    match commands::run(cli).await {
        Ok(outcome) => {
            outcome.print(json);
            ExitCode::SUCCESS
        }
        Err(failure) => {
            failure.report();
            ExitCode::FAILURE
        }
    }
}
