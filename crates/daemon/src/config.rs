//! Config files: JSON in the data directory, mode 0600, unknown keys refused by name, replaced atomically.
//!
//! A config type derives `Serialize, Deserialize, Default` with `#[serde(deny_unknown_fields, default)]`; its fields are `Option`s, so that
//! [`layer`] can tell what was set.

use crate::{Error, files};
use serde::{Serialize, de::DeserializeOwned};
use std::{io, path::Path};

/// The config file's name in a data directory.
pub const FILE: &str = "config.json";

/// Reads a config file; a missing one is the default.
///
/// # Errors
/// [`Error::Config`] that names an unknown key, or the line and column of what is wrong.
pub fn load<T: DeserializeOwned + Default>(path: &Path) -> Result<T, Error> {
    match files::read_small(path) {
        Ok(bytes) => parse(path, &bytes),
        Err(Error::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(T::default()),
        Err(error) => Err(error),
    }
}

/// Replaces a config file.
///
/// # Errors
/// When it cannot be written.
pub fn save<T: Serialize>(path: &Path, config: &T) -> Result<(), Error> {
    let bad = |why: serde_json::Error| Error::Config { path: path.to_owned(), why: why.to_string() };
    let mut bytes = serde_json::to_vec_pretty(config).map_err(bad)?;
    bytes.push(b'\n');
    files::write_atomic(path, &bytes, files::PRIVATE)
}

/// The first that is set: the flag (clap has put the environment under it), the file's, the default.
pub fn layer<T>(flag: Option<T>, file: Option<T>, default: T) -> T {
    flag.or(file).unwrap_or(default)
}

fn parse<T: DeserializeOwned>(path: &Path, bytes: &[u8]) -> Result<T, Error> {
    let bad = |why: serde_json::Error| Error::Config { path: path.to_owned(), why: why.to_string() };
    serde_json::from_slice(bytes).map_err(bad)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Sample {
        router: Option<String>,
        price: Option<u64>,
    }

    #[test]
    fn a_config_comes_back_private() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join(FILE);
        assert_eq!(load::<Sample>(&path).expect("default"), Sample::default());
        let config = Sample { router: Some("127.0.0.1:4544".into()), price: Some(u64::MAX) };
        save(&path, &config).expect("saved");
        assert_eq!(load::<Sample>(&path).expect("loaded"), config);
        files::read_secret(&path).expect("mode 0600");
    }

    #[test]
    fn an_unknown_key_is_named() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join(FILE);
        std::fs::write(&path, br#"{"router": null, "prise": 3}"#).expect("written");
        let error = load::<Sample>(&path).expect_err("unknown key");
        assert!(error.to_string().contains("`prise`"), "{error}");
        assert!(error.to_string().contains("config.json"), "{error}");
        assert!(error.hint().is_some());
        std::fs::write(&path, br#"{"price": }"#).expect("written");
        let error = load::<Sample>(&path).expect_err("no JSON");
        assert!(error.to_string().contains("line 1"), "{error}");
    }

    #[test]
    fn the_nearest_layer_wins() {
        assert_eq!(layer(Some(1), Some(2), 3), 1);
        assert_eq!(layer(None, Some(2), 3), 2);
        assert_eq!(layer(None, None, 3), 3);
    }
}
