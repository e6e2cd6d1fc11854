//! What can go wrong between two nodes. Every variant that an operator can do something about has a [`Error::hint`].

use crate::wire::{ErrorReply, Kind};
use ogong_base::hash::ConsensusId;
use std::{net::SocketAddr, path::PathBuf, time::Duration};

/// A failure of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The socket could not be opened.
    #[error("cannot bind {addr} for QUIC (UDP): {source}")]
    Bind {
        /// Wanted address.
        addr: SocketAddr,
        /// The operating system's answer.
        source: std::io::Error,
    },
    /// A file of the identity or a pin could not be read or written.
    #[error("{what} {path}: {source}", path = path.display())]
    File {
        /// What was done: `read`, `write`.
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// The operating system's answer.
        source: std::io::Error,
    },
    /// A file does not hold what it should.
    #[error("{path}: {why}", path = path.display())]
    BadFile {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The identity's certificate or key was refused by TLS.
    #[error("certificate or key is not usable: {0}")]
    Tls(String),
    /// `host:port` does not name an address of the socket's family.
    #[error("cannot resolve {target}: {why}")]
    Resolve {
        /// What was asked for.
        target: String,
        /// What is wrong.
        why: String,
    },
    /// The other side presented another certificate than the pinned one.
    #[error("{addr} presented certificate {got}, pinned is {expected}")]
    WrongPin {
        /// The peer's address.
        addr: SocketAddr,
        /// What the pin allows, one or several ids.
        expected: String,
        /// What was presented.
        got: ConsensusId,
    },
    /// No connection came about.
    #[error("cannot connect to {target}: {why}")]
    Connect {
        /// Address or `host:port`.
        target: String,
        /// What the transport said.
        why: String,
    },
    /// The connection ended.
    #[error("connection to {addr} was lost: {why}")]
    Lost {
        /// The peer's address.
        addr: SocketAddr,
        /// What the transport said.
        why: String,
    },
    /// No answer in time.
    #[error("no answer to {kind} from {addr} within {} ms", within.as_millis())]
    Timeout {
        /// The request.
        kind: Kind,
        /// The peer's address.
        addr: SocketAddr,
        /// The limit.
        within: Duration,
    },
    /// The peer answered with an error.
    #[error("refused by the peer: {0}")]
    Refused(#[source] ErrorReply),
    /// The peer's frame is not one.
    #[error("bad frame: {0}")]
    Frame(#[from] FrameError),
    /// The peer answered with another message than the request's reply.
    #[error("{asked} was answered by {got}")]
    WrongReply {
        /// The request.
        asked: Kind,
        /// The answer.
        got: Kind,
    },
    /// A message of ours is longer than its kind allows.
    #[error("{kind} has {bytes} bytes, at most {max} are allowed")]
    TooLong {
        /// The message.
        kind: Kind,
        /// Its length.
        bytes: usize,
        /// The bound.
        max: usize,
    },
    /// The endpoint or dialer was closed by this process.
    #[error("the endpoint is closed")]
    Closed,
}

/// Why bytes on a stream are not a frame.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameError {
    /// The stream ended inside a frame.
    #[error("frame ended after {got} of {needed} bytes")]
    Truncated {
        /// Bytes that came.
        got: usize,
        /// Bytes that were announced.
        needed: usize,
    },
    /// The announced body is over the bound of its kind.
    #[error("{kind} frame of {bytes} bytes, at most {max} are allowed")]
    Oversized {
        /// The frame's kind.
        kind: Kind,
        /// Announced length.
        bytes: usize,
        /// The bound.
        max: usize,
    },
    /// A frame number this version does not know.
    #[error("frame number {0:#06x} is not known")]
    UnknownKind(u16),
    /// A response where a request is due, or the other way.
    #[error("{0} is out of place")]
    OutOfPlace(Kind),
    /// The body is not the message its number says.
    #[error("{kind} body: {why}")]
    Body {
        /// The frame's kind.
        kind: Kind,
        /// What the decoder said.
        why: String,
    },
    /// Bytes after the frame.
    #[error("bytes follow the {0} frame")]
    Trailing(Kind),
    /// The frame did not come in time.
    #[error("frame did not arrive in time")]
    Slow,
    /// The stream or connection ended.
    #[error("stream was cut: {0}")]
    Cut(String),
}

impl Error {
    /// What the operator can do, where there is something.
    pub fn hint(&self) -> Option<String> {
        use std::io::ErrorKind::{AddrInUse, AddrNotAvailable, PermissionDenied};
        let text = match self {
            Self::Bind { addr, source } if source.kind() == AddrInUse => format!(
                "another process uses port {}; stop it or choose another address with --bind",
                addr.port()
            ),
            Self::Bind { source, .. } if source.kind() == AddrNotAvailable => {
                "the address belongs to no interface of this machine; 0.0.0.0 binds all".into()
            }
            Self::Bind { source, .. } if source.kind() == PermissionDenied => {
                "ports below 1024 need privileges; choose a higher one with --bind".into()
            }
            Self::File { source, .. } if source.kind() == PermissionDenied => {
                "check the owner and the mode of the file and its directory".into()
            }
            Self::BadFile { .. } => {
                "a certificate file is PEM or DER, as --cert-out writes it; remove a damaged identity to have a new one made (its consensus id changes)".into()
            }
            Self::WrongPin { .. } => {
                "the peer made a new certificate or the address is another node's: fetch the peer's current --cert-out file, or read the registry again".into()
            }
            Self::Resolve { .. } => "write the address as host:port".into(),
            Self::Connect { .. } | Self::Timeout { .. } | Self::Lost { .. } => {
                "check that the peer runs, that the port is its QUIC port, and that UDP passes".into()
            }
            Self::Refused(reply) if !reply.hint.is_empty() => reply.hint.clone(),
            Self::Frame(FrameError::UnknownKind(_)) | Self::WrongReply { .. } => {
                "check that both nodes run the same protocol version".into()
            }
            _ => return None,
        };
        Some(text)
    }

    /// Whether the same call may succeed later without any change.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Connect { .. } | Self::Lost { .. } | Self::Timeout { .. } | Self::Resolve { .. } => true,
            Self::Frame(FrameError::Cut(_) | FrameError::Slow | FrameError::Truncated { .. }) => true,
            Self::Refused(reply) => reply.code().is_transient(),
            _ => false,
        }
    }
}
