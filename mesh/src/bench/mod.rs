//! `ogong-mesh bench`: long runs that count.

pub mod engine;
pub mod engine_table;
pub mod honest;
pub mod liars;
pub mod llama_server;
pub mod load;
pub mod local;
pub mod native;
pub mod questions;
pub mod soundness;
pub mod spread;

use anyhow::Result;
use clap::{Args, Subcommand};

/// `ogong-mesh bench <kind>`.
#[derive(Debug, Clone, Args)]
pub struct Bench {
    #[command(subcommand)]
    kind: Kind,
}

#[derive(Debug, Clone, Subcommand)]
enum Kind {
    /// Honest replies by the hundred and every liar by the score: who is paid, who is caught, by what.
    Soundness(soundness::Args),
    /// What committing and scoring cost, in tokens a second and in bytes.
    Engine(engine::Args),
    /// `ogong-provider local` against llama.cpp's own server: prompt and decode rates, time to the first token.
    Local(local::Args),
}

/// Runs it.
///
/// # Errors
/// When something does not come up, or the counts are not what a sound network gives.
pub async fn run(bench: &Bench) -> Result<()> {
    match &bench.kind {
        Kind::Soundness(args) => soundness::run(args).await,
        Kind::Engine(args) => engine::run(args).await,
        Kind::Local(args) => local::run(args).await,
    }
}
