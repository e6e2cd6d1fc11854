//! What can go wrong with a process's own files and store, and what its operator can do about it.

use std::{io, path::PathBuf};

/// A failure of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or directory could not be used.
    #[error("cannot {what} {path}: {source}", path = path.display())]
    File {
        /// What was tried: `read`, `write`, `create`.
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// The operating system's answer.
        source: io::Error,
    },
    /// A secret that others can read is no secret.
    #[error("{path} is readable by others (mode {mode:o})", path = path.display())]
    Exposed {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A config file is not what the program expects; the message names the key.
    #[error("config {path}: {why}", path = path.display())]
    Config {
        /// Which file.
        path: PathBuf,
        /// What is wrong, with line and column.
        why: String,
    },
    /// A key file does not hold a key.
    #[error("key file {path}: {why}", path = path.display())]
    Key {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The home directory is not known.
    #[error("no home directory is known")]
    NoHome,
    /// No randomness.
    #[error("the system gave no randomness: {0}")]
    Randomness(String),
    /// The store could not be opened.
    #[error("cannot open store {path}: {why}", path = path.display())]
    Open {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        why: OpenFault,
    },
    /// The store failed while open.
    #[error("store: {0}")]
    Store(#[from] StoreFault),
    /// The runtime or a signal handler could not be set up.
    #[error("cannot set up {what}: {source}")]
    Process {
        /// Which part.
        what: &'static str,
        /// The operating system's answer.
        source: io::Error,
    },
}

/// Why a store does not open.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenFault {
    /// Another process holds it.
    #[error("another process has it open")]
    Locked,
    /// Not a store, or damaged.
    #[error("the file is damaged or no store: {0}")]
    Corrupt(String),
    /// Made by an older version.
    #[error("the file has the old format {0}")]
    OldFormat(u8),
    /// The operating system refused.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

/// Why an open store fails.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreFault {
    /// Nothing was written; everything stored before is still there.
    #[error("the disk is full")]
    DiskFull,
    /// Damaged on disk.
    #[error("damaged: {0}")]
    Corrupt(String),
    /// A value that was stored no longer decodes.
    #[error("value in table {table} does not decode: {why}")]
    Value {
        /// Which table.
        table: String,
        /// What the decoder said.
        why: String,
    },
    /// The process is ending.
    #[error("closed")]
    Closed,
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl Error {
    pub(crate) fn file(what: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::File { what, path: path.into(), source }
    }

    /// What the operator can do, where there is something.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::File { source, .. } => return io_hint(source),
            Self::Exposed { path, .. } => format!("chmod 600 {}", path.display()),
            Self::Config { .. } => "correct or remove the key; configure writes a fresh file".into(),
            Self::Key { .. } => "restore the file from a backup; removing it makes a new identity".into(),
            Self::NoHome => "set HOME, or name the data directory with --home or OGONG_HOME".into(),
            Self::Open { why, .. } => match why {
                OpenFault::Locked => "stop the other process, or give this one its own --home".into(),
                OpenFault::Corrupt(_) => {
                    "restore it from a backup, or move it away to begin with an empty one (what it held is lost)".into()
                }
                OpenFault::OldFormat(_) => "open it once with the version that wrote it".into(),
                OpenFault::Io(source) => return io_hint(source),
                OpenFault::Other(_) => return None,
            },
            Self::Store(StoreFault::DiskFull) => {
                "free some space and restart; nothing that was confirmed is lost".into()
            }
            Self::Store(StoreFault::Corrupt(_) | StoreFault::Value { .. }) => "restore the store from a backup".into(),
            _ => return None,
        };
        Some(text)
    }
}

fn io_hint(source: &io::Error) -> Option<String> {
    let text = match source.kind() {
        io::ErrorKind::PermissionDenied => "check owner and mode of the file and its directory",
        io::ErrorKind::NotFound => "check the path",
        io::ErrorKind::StorageFull => "free some space on that disk",
        io::ErrorKind::IsADirectory => "name a file, not a directory",
        _ => return None,
    };
    Some(text.into())
}
