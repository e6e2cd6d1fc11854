//! Licences, bans and sources of every dependency, by cargo-deny and `deny.toml`. Advisories need a network and are left to the maintainer.

use crate::{paths, run, setup};
use anyhow::Result;

const VERSION: &str = "0.20.2";

/// Both workspaces against `deny.toml`.
///
/// # Errors
/// When a dependency is not allowed.
pub fn run() -> Result<()> {
    setup::cargo_tool("cargo-deny", VERSION)?;
    let path = setup::path_with_tools()?;
    for manifest in ["Cargo.toml", "chain/Cargo.toml"] {
        let mut deny = run::cargo(&paths::root());
        deny.args(["deny", "--manifest-path", manifest, "--config"]).arg(paths::root().join("deny.toml"));
        run::run(deny.args(["check", "licenses", "bans", "sources"]).env("PATH", &path))?;
    }
    Ok(())
}
