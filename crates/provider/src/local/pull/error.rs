//! Why a model could not be fetched, with what to do about it.

use std::path::PathBuf;

/// Why a model could not be fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nothing of this name can be pulled.
    #[error("no model {name:?} in the catalogue")]
    Unknown {
        /// The name.
        name: String,
        /// Names that look alike.
        near: Vec<String>,
    },
    /// The source is written wrongly.
    #[error("{given:?}: {why}")]
    Source {
        /// As it was given.
        given: String,
        /// What is wrong.
        why: String,
    },
    /// The server could not be reached, or hung up too often.
    #[error("cannot fetch {url}: {why}")]
    Unreachable {
        /// Where from.
        url: String,
        /// Why.
        why: String,
    },
    /// The server refused.
    #[error("{url} answered {status}")]
    Refused {
        /// Where from.
        url: String,
        /// HTTP status.
        status: u16,
    },
    /// What came is not what was wanted.
    #[error("{url} gave a wrong file: {why}")]
    Wrong {
        /// Where from.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// A local file cannot be written or read.
    #[error("cannot write {}: {source}", path.display())]
    Disk {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The package's client failed.
    #[error("pip could not fetch {package}: {why}")]
    Package {
        /// The package.
        package: String,
        /// Its last words.
        why: String,
    },
    /// Every source failed.
    #[error("no source gave {file}: {}", causes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Sources {
        /// The file.
        file: String,
        /// Why each failed.
        causes: Vec<Error>,
    },
    /// The one who asked has left; what came so far is kept.
    #[error("the pull was stopped")]
    Stopped,
}

impl Error {
    /// What can be done.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Unknown { near, .. } if near.is_empty() => {
                "`ogong-provider pull --list` shows the catalogue; a URL or hf:owner/repo works too".to_owned()
            }
            Self::Unknown { near, .. } => format!("did you mean {}?", near.join(" or ")),
            Self::Source { .. } => {
                "give a name of the catalogue, https://…/FILE.gguf or hf:owner/repo[:FILE.gguf]".into()
            }
            Self::Unreachable { .. } => {
                "is this machine online? what came so far is kept: the same command goes on from there".into()
            }
            Self::Refused { status: 401 | 403, .. } => "the hub wants a token for this model: set HF_TOKEN".into(),
            Self::Refused { status: 404, .. } => "check the address; the file may have moved".into(),
            Self::Refused { .. } => "the server has trouble: try again later".into(),
            Self::Disk { source, .. } if source.kind() == std::io::ErrorKind::StorageFull => {
                "free some space; what came so far is kept: the same command goes on from there".into()
            }
            Self::Package { .. } => "is this machine online, and is python3 with pip installed?".into(),
            Self::Sources { causes, .. } => return causes.iter().rev().find_map(Self::hint),
            _ => return None,
        };
        Some(hint)
    }

    /// Whether this machine, and no source, is to blame.
    pub(super) fn is_local(&self) -> bool {
        matches!(self, Self::Disk { .. } | Self::Stopped)
    }
}
