//! Why a router does not start or stops.

use std::path::PathBuf;

/// A failure of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A flag that does not parse.
    #[error("{flag} does not take {got:?}")]
    Flag {
        /// The flag.
        flag: &'static str,
        /// What was given.
        got: String,
        /// What it takes.
        want: &'static str,
    },
    /// A file could not be read or written.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// The operating system's answer.
        source: std::io::Error,
    },
    /// The table of stakes is not one.
    #[error("{path} is no table of stakes: {why}", path = path.display())]
    Stakes {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// Keys or configuration.
    #[error(transparent)]
    Daemon(#[from] ogong_daemon::Error),
    /// QUIC.
    #[error(transparent)]
    Net(#[from] ogong_net::Error),
}

impl Error {
    /// What the operator can do, where there is something.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Flag { want, .. } => Some(format!("give {want}")),
            Self::File { .. } => Some("check the owner and the mode of the file and its directory".into()),
            Self::Stakes { .. } => Some("write a JSON object of node id (64 hex digits) to atoms".into()),
            Self::Net(error) => error.hint(),
            Self::Daemon(error) => error.hint(),
        }
    }
}
