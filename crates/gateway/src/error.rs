//! Why a gateway does not start or stops.

use std::net::SocketAddr;
use std::path::PathBuf;

/// A failure of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A flag without which nothing works.
    #[error("{flag} is missing")]
    Missing {
        /// The flag.
        flag: &'static str,
        /// What it is for.
        why: &'static str,
    },
    /// A flag that does not parse.
    #[error("{flag} does not take {got:?}")]
    Flag {
        /// The flag.
        flag: &'static str,
        /// What was given.
        got: String,
    },
    /// The HTTP address could not be had.
    #[error("cannot bind {addr} for HTTP (TCP): {source}")]
    Bind {
        /// Wanted address.
        addr: SocketAddr,
        /// The operating system's answer.
        source: std::io::Error,
    },
    /// The session key's file holds something else.
    #[error("{path} does not hold a session key of 64 hex digits", path = path.display())]
    SessionKey {
        /// Which file.
        path: PathBuf,
    },
    /// Files of the data directory.
    #[error(transparent)]
    Daemon(#[from] ogong_daemon::Error),
    /// The ledger could not be opened.
    #[error(transparent)]
    Ledger(#[from] crate::ledger::Error),
    /// QUIC.
    #[error(transparent)]
    Net(#[from] ogong_net::Error),
    /// The chain.
    #[error(transparent)]
    Settlement(#[from] ogong_settlement::Error),
    /// The HTTP server failed.
    #[error("HTTP server: {0}")]
    Serve(std::io::Error),
}

impl Error {
    /// What the operator can do, where there is something.
    pub fn hint(&self) -> Option<String> {
        use std::io::ErrorKind::{AddrInUse, PermissionDenied};
        match self {
            Self::Missing { why, .. } => Some((*why).to_owned()),
            Self::Flag { .. } => Some("run with --help for what each flag takes".into()),
            Self::Bind { addr, source } if source.kind() == AddrInUse => Some(format!(
                "another process listens on port {}; stop it or choose another address with --bind",
                addr.port()
            )),
            Self::Bind { source, .. } if source.kind() == PermissionDenied => {
                Some("ports below 1024 need privileges; choose a higher one with --bind".into())
            }
            Self::Daemon(error) => error.hint(),
            Self::SessionKey { .. } => {
                Some("remove the file to have a new key made; orders under way keep theirs".into())
            }
            Self::Ledger(_) => Some("another gateway may use this data directory; give each its own --home".into()),
            Self::Net(error) => error.hint(),
            Self::Settlement(error) => error.hint().map(str::to_owned),
            _ => None,
        }
    }
}
