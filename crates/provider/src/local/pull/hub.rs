//! `hf:owner/repo[:file]`: Hugging Face's hub.
//!
//! `GET /api/models/{owner}/{repo}/tree/main` lists files with their length and, for large ones, the SHA-256 that git-lfs keeps; the file
//! itself is at `/{owner}/{repo}/resolve/main/{file}`, which redirects to a store. `HF_ENDPOINT` names another hub, `HF_TOKEN` a token for it,
//! as the hub's own tools have it.

use super::{
    Error, fetch,
    source::{Source, Wanted, plain_file},
};
use crate::local::manifest::Provenance;
use serde::Deserialize;

/// The hub, unless `HF_ENDPOINT` says otherwise.
pub const ENDPOINT: &str = "https://huggingface.co";
/// Weight formats in the order in which one is chosen for who names none.
const PREFERRED: &[&str] = &["Q4_K_M", "Q4_0", "Q4_1", "Q8_0", "F16"];
/// Longest listing.
const LISTING_BYTES_MAX: usize = 16 << 20;

/// A repository on the hub, and a file of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    repo: String,
    file: Option<String>,
}

impl Reference {
    /// Reads `owner/repo[:file]`; `given` is what stood around it, for errors.
    ///
    /// # Errors
    /// When it is not that.
    pub fn parse(given: &str, reference: &str) -> Result<Self, Error> {
        let wrong = |why: &str| Error::Source { given: given.into(), why: why.into() };
        let (repo, file) = match reference.split_once(':') {
            Some((repo, file)) => (repo, Some(file)),
            None => (reference, None),
        };
        let good = |part: &str| {
            !part.is_empty()
                && !part.starts_with('.')
                && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        };
        if !matches!(repo.split('/').collect::<Vec<_>>().as_slice(), [owner, name] if good(owner) && good(name)) {
            return Err(wrong("a repository is owner/repo"));
        }
        let inside = |file: &str| file.split('/').all(good) && file.ends_with(".gguf");
        if file.is_some_and(|file| !inside(file) && !good(file)) {
            return Err(wrong("the file must be a .gguf file of the repository, or a weight format such as Q4_K_M"));
        }
        Ok(Self { repo: repo.to_owned(), file: file.map(str::to_owned) })
    }

    /// Picks the file: the one named, the one of the weight format named, or the first preferred format.
    fn pick<'a>(&self, listed: &'a [Listed]) -> Option<&'a Listed> {
        let models = || listed.iter().filter(|file| file.path.ends_with(".gguf") && !file.path.contains("-of-"));
        let of_format = |format: &str| {
            let format = format.to_ascii_lowercase();
            models().find(|file| file.path.to_ascii_lowercase().trim_end_matches(".gguf").ends_with(&format))
        };
        match &self.file {
            Some(file) if file.ends_with(".gguf") => listed.iter().find(|known| known.path == *file),
            Some(format) => of_format(format),
            None => PREFERRED.iter().find_map(|format| of_format(format)).or_else(|| models().next()),
        }
    }
}

#[derive(Debug, Deserialize)]
struct Listed {
    path: String,
    #[serde(default)]
    size: Option<u64>,
    #[serde(default)]
    lfs: Option<Lfs>,
}

#[derive(Debug, Deserialize)]
struct Lfs {
    oid: String,
    #[serde(default)]
    size: Option<u64>,
}

/// Asks the hub for the file's length and hash.
///
/// # Errors
/// When the hub cannot be reached, refuses, or has no such file.
pub async fn resolve(reference: &Reference) -> Result<Wanted, Error> {
    let endpoint = endpoint();
    let url = format!("{endpoint}/api/models/{}/tree/main?recursive=true", reference.repo);
    let listing = fetch::small(&url, LISTING_BYTES_MAX).await?;
    let listed: Vec<Listed> = serde_json::from_slice(&listing)
        .map_err(|error| Error::Wrong { url: url.clone(), why: format!("no listing: {error}") })?;
    let missing = || Error::Source {
        given: format!("hf:{}", reference.repo),
        why: match &reference.file {
            Some(file) => format!("the repository has no {file}"),
            None => "the repository has no .gguf file in one piece".into(),
        },
    };
    let file = reference.pick(&listed).ok_or_else(missing)?;
    let name = file.path.rsplit('/').next().and_then(plain_file).ok_or_else(missing)?;
    let hash = |lfs: &Lfs| (lfs.oid.len() == 64).then(|| lfs.oid.to_ascii_lowercase());
    Ok(Wanted {
        file: name,
        bytes: file.lfs.as_ref().and_then(|lfs| lfs.size).or(file.size),
        sha256: file.lfs.as_ref().and_then(hash),
        chunk_sha256: Vec::new(),
        provenance: Provenance::Hub,
        sources: vec![Source::Url(format!("{endpoint}/{}/resolve/main/{}", reference.repo, file.path))],
    })
}

pub(super) fn endpoint() -> String {
    let named = std::env::var("HF_ENDPOINT").ok().filter(|url| !url.is_empty());
    named.map_or_else(|| ENDPOINT.to_owned(), |url| url.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picked(reference: &str, files: &[&str]) -> Option<String> {
        let listed: Vec<Listed> =
            files.iter().map(|path| Listed { path: (*path).into(), size: None, lfs: None }).collect();
        Reference::parse(reference, reference).expect("a reference").pick(&listed).map(|file| file.path.clone())
    }

    #[test]
    fn a_file_is_picked_by_name_by_format_or_by_preference() {
        let files = ["README.md", "m-Q8_0.gguf", "m-Q4_K_M.gguf", "m-F16-00001-of-00002.gguf", "sub/m-Q2_K.gguf"];
        assert_eq!(picked("o/r", &files).as_deref(), Some("m-Q4_K_M.gguf"));
        assert_eq!(picked("o/r:Q8_0", &files).as_deref(), Some("m-Q8_0.gguf"));
        assert_eq!(picked("o/r:sub/m-Q2_K.gguf", &files).as_deref(), Some("sub/m-Q2_K.gguf"));
        assert_eq!(picked("o/r:none.gguf", &files), None);
        assert_eq!(picked("o/r", &["README.md"]), None);
        for bad in ["o", "o/r/x", "../r", "o/r:../m.gguf", "o/r:/etc/m.gguf"] {
            assert!(Reference::parse(bad, bad).is_err(), "{bad}");
        }
    }
}
