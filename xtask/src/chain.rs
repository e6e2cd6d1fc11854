//! `cargo xtask chain`: what is made from the on-chain program's sources and committed: its ELF, the hash that ties the two,
//! and its IDL.

use crate::{build, paths, run};
use anyhow::{Result, bail};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const ELF: &str = "ogong_chain.so";
const IDL: &str = "ogong_chain.json";
const SOURCES: &str = "ogong_chain.sources.sha256";

#[derive(clap::Args)]
pub struct Args {
    /// Build into scratch files and compare with the committed ELF and IDL.
    #[arg(long)]
    check: bool,
}

/// Builds ELF and IDL, or checks that the committed ones are what the sources give.
///
/// # Errors
/// When the kit fails, or something differs.
pub fn run(args: &Args) -> Result<()> {
    if args.check {
        return check();
    }
    run::run(&mut kit("build-artifact.sh")?)?;
    idl(&artifacts().join(IDL))
}

/// Rebuilds ELF and IDL and compares them with the committed ones, byte for byte.
///
/// # Errors
/// When the kit fails, or something differs.
pub fn check() -> Result<()> {
    let scratch = paths::cache()?;
    let elf = scratch.join("ogong_chain.check.so");
    run::run(kit("build-sbf.sh")?.arg(chain().join("programs/chain")).arg(&elf))?;
    same(&elf, ELF)?;
    let fresh = scratch.join("ogong_chain.check.json");
    idl(&fresh)?;
    same(&fresh, IDL)?;
    run::say("the committed ELF and IDL are what the sources give");
    Ok(())
}

/// Rebuilds and compares if the sources are others than those the committed ELF was made from; else that one is taken as it is.
///
/// # Errors
/// As [`check`].
pub fn check_if_changed() -> Result<()> {
    let now = run::output(Command::new("bash").arg(chain().join("sbf/source-hash.sh")))?;
    let committed = fs::read_to_string(artifacts().join(SOURCES)).unwrap_or_default();
    if now.trim() == committed.trim() {
        run::say("the chain's sources are those of the committed ELF");
        return Ok(());
    }
    run::say("the chain's sources changed since the committed ELF was built");
    check()
}

fn same(fresh: &Path, name: &str) -> Result<()> {
    if fs::read(fresh)? != fs::read(artifacts().join(name))? {
        bail!("chain/artifacts/{name} is not what the sources give\n  hint: cargo xtask chain");
    }
    Ok(())
}

fn idl(out: &Path) -> Result<()> {
    build::chain_binaries()?;
    run::run(Command::new(paths::chain_binary("ogong-chain-idl")).arg(out))
}

fn kit(script: &str) -> Result<Command> {
    let mut command = Command::new("bash");
    command.arg(chain().join("sbf").join(script)).env("OGONG_SBF_CACHE", paths::cache()?.join("sbf"));
    Ok(command)
}

fn chain() -> PathBuf {
    paths::root().join("chain")
}

fn artifacts() -> PathBuf {
    chain().join("artifacts")
}
