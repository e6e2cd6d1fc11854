//! `cargo xtask test`: what CI runs. Formatting, layers, licences, then every test with the real model, engine and chain.

use crate::{build, chain, deny, docs, layers, models, node, paths, run, setup};
use anyhow::Result;
use std::time::Instant;

const NEXTEST_VERSION: &str = "0.9.143";

#[derive(clap::Args)]
pub struct Args {
    /// Passed on to nextest, e.g. a filter.
    #[arg(trailing_var_arg = true)]
    filter: Vec<String>,
}

/// All tests.
///
/// # Errors
/// The first step that fails.
pub fn run(args: &Args) -> Result<()> {
    let begun = Instant::now();
    setup::packages()?;
    setup::cargo_tool("cargo-nextest", NEXTEST_VERSION)?;
    run::run(run::cargo(&paths::root()).args(["fmt", "--all", "--check"]))?;
    layers::run()?;
    models::fetch()?;
    node::prepare()?;
    chain::check_if_changed()?;
    build::all()?;
    models::quantise()?;
    docs::check()?;
    deny::run()?;
    chain_tests()?;
    main_tests(args)?;
    run::say(format_args!("all passed in {} s", begun.elapsed().as_secs()));
    Ok(())
}

fn chain_tests() -> Result<()> {
    let mut tests = run::cargo(&paths::root().join("chain"));
    tests
        .args(["nextest", "run", "--locked", "--no-fail-fast", "--workspace"])
        .env("CARGO_TARGET_DIR", paths::chain_target())
        .env("PATH", setup::path_with_tools()?);
    run::run(&mut tests)
}

fn main_tests(args: &Args) -> Result<()> {
    let mut tests = run::cargo(&paths::root());
    tests
        .args([
            "nextest",
            "run",
            "--locked",
            "--no-fail-fast",
            "--workspace",
            "--features",
            "validator-service/settlement",
        ])
        .args(&args.filter);
    tests
        .env("OGONG_LOCALNET_BIN", paths::localnet())
        .env("OGONG_MODELS", paths::models()?)
        .env("OGONG_BIN_DIR", paths::target().join("debug"))
        .env("PATH", setup::path_with_tools()?);
    run::run(&mut tests)
}
