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
    let committed = chain.join("artifacts/ogong_chain.so");
    let scratch = paths::cache()?.join("ogong_chain.check.so");
    let out = if args.check { &scratch } else { &committed };
    let mut build = Command::new("bash");
    build
        .arg(chain.join("sbf/build-sbf.sh"))
        .arg(chain.join("programs/chain"))
        .arg(out)
        .env("OGONG_SBF_CACHE", paths::cache()?.join("sbf"));
    run::run(&mut build)?;
    if args.check {
        if fs::read(&scratch)? != fs::read(&committed)? {
            bail!("the committed ELF is not what the sources give\n  hint: cargo xtask chain");
        }
        run::say("the committed ELF is what the sources give");
        return Ok(());
    }
    let hash = run::output(Command::new("bash").arg(chain.join("sbf/source-hash.sh")))?;
    fs::write(chain.join("artifacts/ogong_chain.sources.sha256"), hash)?;
    Ok(())
}
