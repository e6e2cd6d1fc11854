//! Building: the main workspace, then the chain's. Two lock files, so two target directories, each built once.

use crate::{paths, run};
use anyhow::Result;

/// Every binary the mesh runs.
///
/// # Errors
/// When a build fails.
pub fn all() -> Result<()> {
    binaries()?;
    chain_binaries()
}

/// The binaries of the main workspace, with on-chain settlement.
///
/// # Errors
/// When the build fails.
pub fn binaries() -> Result<()> {
    run::run(run::cargo(&paths::root()).args([
        "build",
        "--locked",
        "--workspace",
        "--bins",
        "--features",
        "validator-service/settlement",
    ]))
}

/// The development chain and the IDL's generator. The whole workspace is named, so that its tests find the same crates built.
///
/// # Errors
/// When the build fails.
pub fn chain_binaries() -> Result<()> {
    let mut build = run::cargo(&paths::root().join("chain"));
    run::run(build.args(["build", "--locked", "--workspace", "--bins"]).env("CARGO_TARGET_DIR", paths::chain_target()))
}
