//! `cargo xtask chain`: the on-chain program's ELF from its sources, and the hash that ties the two.

use crate::{paths, run};
use anyhow::{Result, bail};
use std::{fs, process::Command};

#[derive(clap::Args)]
pub struct Args {
    /// Build into a scratch file and compare with the committed ELF.
    #[arg(long)]
    check: bool,
}

/// Builds the ELF, or checks that the committed one is what the sources give.
///
/// # Errors
/// When the kit fails, or the ELF differs.
pub fn run(args: &Args) -> Result<()> {
    let chain = paths::root().join("chain");
    let cache = paths::cache()?;
    let kit = |script: &str| {
        let mut command = Command::new("bash");
        command.arg(chain.join("sbf").join(script)).env("OGONG_SBF_CACHE", cache.join("sbf"));
        command
    };
    if !args.check {
        return run::run(&mut kit("build-artifact.sh"));
    }
    let scratch = cache.join("ogong_chain.check.so");
    run::run(kit("build-sbf.sh").arg(chain.join("programs/chain")).arg(&scratch))?;
    if fs::read(&scratch)? != fs::read(chain.join("artifacts/ogong_chain.so"))? {
        bail!("the committed ELF is not what the sources give\n  hint: cargo xtask chain");
    }
    run::say("the committed ELF is what the sources give");
    Ok(())
}
