//! The chain's TypeScript programs: packages installed by lock file into the cache, programs compiled beside them.

use crate::{paths, run};
use anyhow::Result;
use std::process::Command;

/// Installs and compiles, unless that is done; needs Node.js on PATH and says so.
///
/// # Errors
/// When Node.js is missing or too old, or npm cannot install.
pub fn prepare() -> Result<()> {
    let script = paths::root().join("chain/scripts/ts.sh");
    run::run(Command::new("bash").arg(script).arg("--prepare").env("OGONG_CACHE", paths::cache()?))
}
