//! `cargo xtask bench`: hands over to `ogong-mesh bench`, which pairs two things on the same work and prints ratios.

use crate::{demo, run, setup};
use anyhow::Result;

#[derive(clap::Args)]
pub struct Args {
    /// What to measure: `soundness`, `engine` or `local`.
    kind: String,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// Passed on.
    #[arg(trailing_var_arg = true)]
    rest: Vec<String>,
}

/// The benchmark.
///
/// # Errors
/// When set-up or the benchmark fails.
pub fn run(args: &Args) -> Result<()> {
    setup::all()?;
    let mut bench = demo::mesh("bench")?;
    bench.arg(&args.kind);
    if args.json {
        bench.arg("--json");
    }
    run::show(bench.args(&args.rest))
}
