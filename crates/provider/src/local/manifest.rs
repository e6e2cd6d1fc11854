//! What stands beside a model's file: where it came from and its hash; and models made from others, with a system prompt and parameters.
//!
//! `NAME.gguf` has `NAME.gguf.json` ([`Origin`]); a made model is `NAME.model.json` ([`Made`]) and shares its base's file.

use crate::Error;
use ogong_daemon::files;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// End of a made model's file name.
pub const MADE: &str = ".model.json";

/// Where a hash comes from: what it is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provenance {
    /// The file was held against the catalogue's hash.
    Catalog,
    /// The file was held against the hash that the hub gave at the pull.
    Hub,
    /// Nobody named a hash; this one was computed from the file as it came.
    Computed,
}

/// Where a file came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Lower-case hexadecimal.
    pub sha256: String,
    /// Length of the file when it was hashed; another length now means another file.
    pub bytes: u64,
    /// Change time of the file then, Unix nanoseconds.
    pub modified_ns: u64,
    /// What the hash was held against.
    pub provenance: Provenance,
    /// The source that gave the file, without credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

impl Origin {
    /// Where it lies.
    pub fn path(model: &Path) -> PathBuf {
        let mut name = model.as_os_str().to_owned();
        name.push(".json");
        name.into()
    }

    /// The note beside `model`, if it speaks of this very file.
    pub fn read(model: &Path) -> Option<Self> {
        let origin: Self = serde_json::from_slice(&files::read_small(&Self::path(model)).ok()?).ok()?;
        let metadata = model.metadata().ok()?;
        (origin.bytes == metadata.len() && origin.modified_ns == modified_ns(&metadata)).then_some(origin)
    }

    /// Writes the note beside `model`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(model: &Path, sha256: String, provenance: Provenance, source: Option<String>) -> Result<Self, Error> {
        let metadata = model.metadata().map_err(|source| Error::File { path: model.to_owned(), source })?;
        let origin = Self { sha256, bytes: metadata.len(), modified_ns: modified_ns(&metadata), provenance, source };
        let bytes = serde_json::to_vec_pretty(&origin).expect("invariant: our own values are JSON");
        files::write_atomic(&Self::path(model), &bytes, files::PUBLIC)?;
        Ok(origin)
    }
}

/// Change time of a file, Unix nanoseconds; 0 where the system has none.
pub fn modified_ns(metadata: &std::fs::Metadata) -> u64 {
    let since = metadata.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    since.and_then(|since| u64::try_from(since.as_nanos()).ok()).unwrap_or(0)
}

/// A model made from another.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Made {
    /// File name of the base, in the same directory.
    pub file: String,
    /// What the user named as base.
    pub from: String,
    /// System prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// Ollama's option names.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub parameters: Map<String, Value>,
    /// Messages before the user's, in the engine's shape.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<Value>,
    /// Licence text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
}

impl Made {
    /// Reads a made model.
    ///
    /// # Errors
    /// When it cannot be read or is damaged.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let bytes = files::read_small(path)?;
        serde_json::from_slice(&bytes)
            .map_err(|error| Error::Catalog { path: path.to_owned(), why: format!("is no made model: {error}") })
    }

    /// Writes it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let bytes = serde_json::to_vec_pretty(self).expect("invariant: our own values are JSON");
        Ok(files::write_atomic(path, &bytes, files::PUBLIC)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_speaks_of_one_file_only() {
        let dir = tempfile::tempdir().expect("a directory");
        let model = dir.path().join("m.gguf");
        std::fs::write(&model, b"weights").expect("written");
        assert_eq!(Origin::read(&model), None);
        let origin =
            Origin::write(&model, "ab".into(), Provenance::Hub, Some("hf:a/b:m.gguf".into())).expect("written");
        assert_eq!(Origin::read(&model), Some(origin));
        std::fs::write(&model, b"other weights").expect("written");
        assert_eq!(Origin::read(&model), None, "the file has changed");
    }
}
