//! A model by its name, its files and its engine's arguments.

use crate::local::manifest::Made;
use std::path::{Path, PathBuf};

/// The engine's flag for a model's projector.
pub const PROJECTOR: &str = "--mmproj";

/// A model that can be served.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The name clients use.
    pub id: String,
    /// The GGUF file, or the first of its shards.
    pub path: PathBuf,
    /// Further arguments for the engine.
    pub args: Vec<String>,
    /// Set for a model made from another.
    pub made: Option<Made>,
}

impl Entry {
    /// A file that was named by its path: its stem is its name.
    pub fn of_path(path: &Path) -> Self {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Self { id: name, path: path.to_owned(), args: Vec::new(), made: None }
    }

    /// Whether the engine is given a projector for images.
    pub fn sees(&self) -> bool {
        self.args.iter().any(|arg| matches!(arg.split('=').next(), Some(PROJECTOR | "-mm")))
    }

    /// Whether a client that writes `name` means this one. Letter case, `:latest` and the file's ending do not matter.
    pub fn is_called(&self, name: &str) -> bool {
        let wanted = plain(name);
        let file = self.path.file_name().unwrap_or_default().to_string_lossy();
        plain(&self.id).eq_ignore_ascii_case(&wanted)
            || (self.made.is_none()
                && (file.eq_ignore_ascii_case(&wanted)
                    || file.strip_suffix(".gguf").is_some_and(|stem| stem.eq_ignore_ascii_case(&wanted))))
    }
}

/// A name without Ollama's default tag.
pub fn plain(name: &str) -> String {
    name.trim().strip_suffix(":latest").unwrap_or(name.trim()).to_owned()
}

/// A model's files: itself, or all its shards that are there.
pub fn shards(path: &Path) -> Vec<PathBuf> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let Some((prefix, count)) = name
        .strip_suffix(".gguf")
        .and_then(|stem| stem.split_once("-00001-of-"))
        .map(|(p, c)| (p.to_owned(), c.to_owned()))
    else {
        return vec![path.to_owned()];
    };
    let of: u32 = count.parse().unwrap_or(1);
    (1..=of.min(9_999)).map(|n| path.with_file_name(format!("{prefix}-{n:05}-of-{count}.gguf"))).collect()
}

/// Whether a file, or its stem, is one of a model's further shards.
pub fn is_later_shard(name: &str) -> bool {
    let stem = name.strip_suffix(".gguf").unwrap_or(name);
    let Some((rest, count)) = stem.rsplit_once("-of-") else { return false };
    let digits = |text: &str| text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_digit());
    digits(count) && rest.rsplit_once('-').is_some_and(|(_, number)| digits(number) && number != "00001")
}
