//! `ogong-chain-idl OUT.json`: the program's IDL, made as the Anchor CLI makes it, by the crate it uses for that.
//!
//! `anchor-lang-idl` compiles the program for this machine with Anchor's `idl-build` feature, runs the tests that this adds,
//! and collects the JSON they print. `cargo xtask chain` commits the result as `chain/artifacts/ogong_chain.json`; a test
//! generates it again and compares.

use anchor_lang_idl::build::IdlBuilder;
use anyhow::{Context, Result, bail};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

/// Where cargo keeps the build of the program for this machine, below the target directory in use.
const TARGET: &str = "idl";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let mut args = env::args_os().skip(1);
    let (Some(out), None) = (args.next(), args.next()) else {
        bail!("one argument expected\n  hint: ogong-chain-idl OUT.json");
    };
    if env::var_os("RUSTUP_TOOLCHAIN").is_some() {
        return without_toolchain(&out);
    }
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../programs/chain").canonicalize()?;
    let target = target_dir()?;
    let target = target.to_str().context("the target directory is not UTF-8")?;
    let cargo_args = ["--locked", "--target-dir", target, "--config", "profile.dev.debug=false"];
    let idl = IdlBuilder::new()
        .program_path(program)
        .cargo_args(cargo_args.map(str::to_owned).into())
        .build()
        .context("the IDL cannot be generated")?;
    let mut text = serde_json::to_string_pretty(&idl)?;
    text.push('\n');
    fs::write(&out, text).with_context(|| format!("cannot write {}", Path::new(&out).display()))
}

/// `anchor-lang-idl` 0.1.4 passes a toolchain on as the literal `+{toolchain}`: run again without one in the environment.
fn without_toolchain(out: &std::ffi::OsStr) -> Result<()> {
    let status = Command::new(env::current_exe()?).arg(out).env_remove("RUSTUP_TOOLCHAIN").status()?;
    if !status.success() {
        bail!("the IDL was not generated ({status})");
    }
    Ok(())
}

/// Beside this program's own build, so that no two builds of one lock file share a directory.
fn target_dir() -> Result<PathBuf> {
    let own = env::current_exe()?;
    let target = own.ancestors().nth(2).context("this program lies in no target directory")?;
    Ok(target.join(TARGET))
}
