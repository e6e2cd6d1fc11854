//! Building: the main workspace, then the chain's. Two lock files, so two target directories, each built once.

use crate::{paths, run};
use anyhow::Result;

/// Every binary the mesh runs.
///
/// # Errors
/// When a build fails.
pub fn all() -> Result<()> {
    binaries()?;
    localnet()
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

/// The development chain.
///
/// # Errors
/// When the build fails.
pub fn localnet() -> Result<()> {
    let mut build = run::cargo(&paths::root().join("chain"));
    run::run(
        build
            .args(["build", "--locked", "--package", "ogong-localnet", "--bins"])
            .env("CARGO_TARGET_DIR", paths::chain_target()),
    )
}
