//! The models on this machine: GGUF files in `~/.ogong-provider/models`, and models made from them.

mod entry;

use super::{
    catalog::{self, Catalog},
    drafter,
    manifest::{MADE, Made, Origin, Provenance, modified_ns},
};
use crate::Error;
use crate::local::gguf::{self, Gguf};
pub use entry::{Entry, PROJECTOR, is_later_shard, plain, shards};
use sha2::{Digest as _, Sha256};
use std::{
    collections::HashMap,
    fs,
    io::Read,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

/// Where the files lie, in the home directory.
pub const DIR: &str = "models";
/// Heads of files that are remembered at most.
const HEADS_MAX: usize = 256;
/// Longest name of a made model.
const NAME_BYTES_MAX: usize = 128;

/// The models in one directory.
#[derive(Debug)]
pub struct Library {
    dir: PathBuf,
    catalog: Catalog,
    heads: Mutex<HashMap<PathBuf, (u64, Arc<Gguf>)>>,
}

impl Library {
    /// The library of a home directory.
    ///
    /// # Errors
    /// When the directory cannot be made or the user's catalogue is wrong.
    pub fn open(home: &Path) -> Result<Self, Error> {
        let dir = home.join(DIR);
        ogong_daemon::files::create_private_dir(&dir)?;
        Ok(Self { dir, catalog: Catalog::load(home)?, heads: Mutex::default() })
    }

    /// Its directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The catalogue beside it.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Everything that is here, by name.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn list(&self) -> Result<Vec<Entry>, Error> {
        let failed = |source| Error::File { path: self.dir.clone(), source };
        let mut entries = Vec::new();
        for found in fs::read_dir(&self.dir).map_err(failed)? {
            let found = found.map_err(failed)?;
            let Ok(name) = found.file_name().into_string() else { continue };
            if !name.starts_with('.') {
                entries.extend(self.entry(&name, found.path()));
            }
        }
        entries.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(entries)
    }

    fn entry(&self, name: &str, path: PathBuf) -> Option<Entry> {
        if let Some(id) = name.strip_suffix(MADE) {
            let made = match Made::read(&path) {
                Ok(made) => made,
                Err(error) => {
                    tracing::warn!(%error, "made model left out");
                    return None;
                }
            };
            let base = self.dir.join(&made.file);
            let args = self.catalog.of_file(&made.file).map(|entry| entry.args.clone()).unwrap_or_default();
            return Some(Entry { id: unescaped(id), path: base, args, made: Some(made) });
        }
        let stem = name.strip_suffix(".gguf")?;
        let drafts = |entry: &catalog::Entry| entry.draft_file() == Some(name);
        if is_later_shard(stem) || drafter::is_companion(name) || self.catalog.entries().iter().any(drafts) {
            return None;
        }
        let known = self.catalog.of_file(name);
        Some(Entry {
            id: known.map_or(stem, |entry| entry.name()).to_owned(),
            path,
            args: known.map(|entry| entry.args.clone()).unwrap_or_default(),
            made: None,
        })
    }

    /// The model a client means; a name of the catalogue counts once its file is here.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn find(&self, name: &str) -> Result<Option<Entry>, Error> {
        let entries = self.list()?;
        if let Some(entry) = entries.iter().find(|entry| entry.is_called(name)) {
            return Ok(Some(entry.clone()));
        }
        let Some(known) = self.catalog.find(name) else { return Ok(None) };
        Ok(entries.into_iter().find(|entry| entry.made.is_none() && entry.id == known.name()))
    }

    /// The head of a model's file; remembered while the file stays as it is.
    ///
    /// # Errors
    /// When the file cannot be read or is no whole model.
    pub fn head(&self, path: &Path) -> Result<Arc<Gguf>, gguf::Error> {
        let stamp = modified_ns(&fs::metadata(path)?);
        if let Some((known, head)) = self.lock().get(path)
            && *known == stamp
        {
            return Ok(Arc::clone(head));
        }
        let head = Arc::new(Gguf::open(path)?);
        let mut heads = self.lock();
        if heads.len() >= HEADS_MAX {
            heads.clear();
        }
        heads.insert(path.to_owned(), (stamp, Arc::clone(&head)));
        Ok(head)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<PathBuf, (u64, Arc<Gguf>)>> {
        self.heads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The hash of a model's file: from the note beside it, else computed (which takes seconds per gigabyte) and noted.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn origin(&self, path: &Path) -> Result<Origin, Error> {
        if let Some(origin) = Origin::read(path) {
            return Ok(origin);
        }
        let sha256 = hash_file(path)?;
        match Origin::write(path, sha256.clone(), Provenance::Computed, None) {
            Ok(origin) => Ok(origin),
            // A directory that cannot be written is no reason not to serve from it.
            Err(_) => {
                let metadata = path.metadata().map_err(|source| Error::File { path: path.to_owned(), source })?;
                Ok(Origin {
                    sha256,
                    bytes: metadata.len(),
                    modified_ns: modified_ns(&metadata),
                    provenance: Provenance::Computed,
                    source: None,
                })
            }
        }
    }

    /// Where a made model of this name lies.
    ///
    /// # Errors
    /// When it is no name for a model.
    pub fn made_path(&self, name: &str) -> Result<PathBuf, Error> {
        let name = plain(name);
        let good = |c: char| c.is_ascii_alphanumeric() || "-_.:/".contains(c);
        if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.chars().all(good) || name.starts_with('.') {
            return Err(Error::ModelName { name });
        }
        Ok(self.dir.join(format!("{}{MADE}", escaped(&name))))
    }

    /// Removes a model. A file that made models still use stays, and the error names them.
    ///
    /// # Errors
    /// When there is no such model, it is in use, or it cannot be removed.
    pub fn remove(&self, name: &str) -> Result<Entry, Error> {
        let entry = self.find(name)?.ok_or_else(|| Error::NoSuchModel { name: name.to_owned() })?;
        let removing = |path: &Path| match fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::File { path: path.to_owned(), source: error })
            }
            _ => Ok(()),
        };
        if entry.made.is_some() {
            removing(&self.made_path(&entry.id)?)?;
            return Ok(entry);
        }
        let users: Vec<String> = self
            .list()?
            .into_iter()
            .filter(|other| other.made.is_some() && other.path == entry.path)
            .map(|other| other.id)
            .collect();
        if !users.is_empty() {
            return Err(Error::ModelInUse { name: entry.id, users: users.join(", ") });
        }
        for shard in shards(&entry.path) {
            removing(&shard)?;
            removing(&Origin::path(&shard))?;
        }
        Ok(entry)
    }
}

/// Names hold `/` and `:`, file names do not.
fn escaped(name: &str) -> String {
    name.replace('/', "%2F").replace(':', "%3A")
}

fn unescaped(name: &str) -> String {
    name.replace("%2F", "/").replace("%3A", ":")
}

/// SHA-256 of a file, lower-case hexadecimal.
///
/// # Errors
/// When it cannot be read.
pub fn hash_file(path: &Path) -> Result<String, Error> {
    let hashing = || {
        let mut file = fs::File::open(path)?;
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; 1 << 20];
        loop {
            let n = file.read(&mut buffer)?;
            if n == 0 {
                return Ok(hex::encode(hasher.finalize()));
            }
            hasher.update(buffer.get(..n).unwrap_or_default());
        }
    };
    hashing().map_err(|source| Error::File { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn library(files: &[&str]) -> (tempfile::TempDir, Library) {
        let home = tempfile::tempdir().expect("a directory");
        let library = Library::open(home.path()).expect("a library");
        for file in files {
            fs::write(library.dir().join(file), b"GGUF").expect("written");
        }
        (home, library)
    }

    #[test]
    fn names_find_files_however_they_are_written() {
        let (_home, library) = library(&[
            "SmolLM2-135M-Instruct.Q4_1.gguf",
            "My-Model.gguf",
            "big-00001-of-00002.gguf",
            "big-00002-of-00002.gguf",
            ".x.part",
        ]);
        let ids: Vec<String> = library.list().expect("listed").into_iter().map(|entry| entry.id).collect();
        assert_eq!(ids, ["My-Model", "big-00001-of-00002", "smollm2-135m-instruct"]);
        for (name, id) in [
            ("my-model:latest", "My-Model"),
            ("my-model.gguf", "My-Model"),
            ("smollm2-135m-instruct", "smollm2-135m-instruct"),
            ("SmolLM2-135M-Instruct.Q4_1", "smollm2-135m-instruct"),
            ("ogong/verified/huggingface/smollm2-135m-instruct", "smollm2-135m-instruct"),
        ] {
            assert_eq!(library.find(name).expect("found").map(|entry| entry.id).as_deref(), Some(id), "{name}");
        }
        assert_eq!(library.find("llama-3.2-3b-instruct").expect("looked"), None, "not pulled yet");
        assert_eq!(shards(&library.dir().join("big-00001-of-00002.gguf")).len(), 2);
    }

    #[test]
    fn made_models_share_their_base_and_keep_it() {
        let (_home, library) = library(&["base.gguf"]);
        let made =
            Made { file: "base.gguf".into(), from: "base".into(), system: Some("be brief".into()), ..Made::default() };
        made.write(&library.made_path("me/terse:v1").expect("a name")).expect("written");
        let found = library.find("me/terse:v1").expect("found").expect("there");
        assert_eq!(
            (found.path.file_name().and_then(|name| name.to_str()), found.made),
            (Some("base.gguf"), Some(made))
        );
        assert!(matches!(library.remove("base"), Err(Error::ModelInUse { users, .. }) if users == "me/terse:v1"));
        library.remove("me/terse:v1").expect("removed");
        library.remove("base").expect("removed");
        assert!(library.list().expect("listed").is_empty());
        for bad in ["", "../x", "a b", ".hidden"] {
            assert!(
                library.made_path(bad).is_err()
                    || !library.made_path(bad).expect("escaped").to_string_lossy().contains("/../"),
                "{bad}"
            );
        }
    }

    #[test]
    fn a_hash_is_computed_once_and_noted() {
        let (_home, library) = library(&["base.gguf"]);
        let path = library.dir().join("base.gguf");
        let origin = library.origin(&path).expect("hashed");
        assert_eq!(origin.sha256, hex::encode(Sha256::digest(b"GGUF")));
        assert_eq!(origin.provenance, Provenance::Computed);
        assert!(Origin::path(&path).is_file());
        assert_eq!(library.list().expect("listed").len(), 1, "a note is no model");
    }
}
