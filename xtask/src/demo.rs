//! `cargo xtask demo`: set up what is missing, then hand over to `ogong-mesh demo`.

use crate::{paths, run, setup};
use anyhow::Result;
use std::process::Command;

#[derive(clap::Args)]
pub struct Args {
    /// Print one JSON object instead of the tour.
    #[arg(long)]
    json: bool,
    /// Leave the mesh up and print its endpoints; Ctrl-C stops all of it.
    #[arg(long)]
    keep: bool,
    /// What to ask.
    #[arg(long)]
    prompt: Option<String>,
}

/// The demo.
///
/// # Errors
/// When set-up or the demo fails.
pub fn run(args: &Args) -> Result<()> {
    setup::all()?;
    let mut demo = mesh("demo")?;
    if args.json {
        demo.arg("--json");
    }
    if args.keep {
        demo.arg("--keep");
    }
    if let Some(prompt) = &args.prompt {
        demo.arg("--prompt").arg(prompt);
    }
    run::show(&mut demo)
}

/// A command of `ogong-mesh` that knows where everything is.
///
/// # Errors
/// When the cache has no place.
pub fn mesh(command: &str) -> Result<Command> {
    let mut mesh = Command::new(paths::binary("ogong-mesh"));
    mesh.arg(command)
        .env("OGONG_LOCALNET_BIN", paths::localnet())
        .env("OGONG_MODELS", paths::models()?)
        .env("OGONG_BIN_DIR", paths::target().join("debug"));
    Ok(mesh)
}
