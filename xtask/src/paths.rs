//! Where things are: the checkout, the cache, the target directories and the binaries in them.

use anyhow::{Context, Result};
use std::{env, path::PathBuf};

/// The root of the checkout.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().expect("invariant: xtask lies in the checkout").to_owned()
}

/// The user's cache for models and tools, `ogong` under `$XDG_CACHE_HOME` or `~/.cache`.
pub fn cache() -> Result<PathBuf> {
    if let Some(dir) = env::var_os("OGONG_CACHE") {
        return Ok(dir.into());
    }
    let base = match env::var_os("XDG_CACHE_HOME") {
        Some(dir) => PathBuf::from(dir),
        None => PathBuf::from(env::var_os("HOME").context("HOME is not set\n  hint: export HOME or XDG_CACHE_HOME")?)
            .join(".cache"),
    };
    Ok(base.join("ogong"))
}

/// Where model files are kept.
pub fn models() -> Result<PathBuf> {
    Ok(cache()?.join("models"))
}

/// Where tools that are not system packages are kept.
pub fn tools() -> Result<PathBuf> {
    Ok(cache()?.join("tools"))
}

/// Target directory of the main workspace.
pub fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Target directory of the chain's workspace: beside the main one, since its lock file differs.
pub fn chain_target() -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(mut dir) => {
            dir.push("-chain");
            dir.into()
        }
        None => root().join("chain/target"),
    }
}

/// A binary of the main workspace.
pub fn binary(name: &str) -> PathBuf {
    target().join("debug").join(name)
}

/// A binary of the chain's workspace.
pub fn chain_binary(name: &str) -> PathBuf {
    chain_target().join("debug").join(name)
}

/// The development chain.
pub fn localnet() -> PathBuf {
    chain_binary("ogong-localnet")
}
