//! QUIC between nodes: [`Endpoint`] listens and dials, [`Peer`] is one live connection, [`Dialer`] keeps one up, [`Handler`] answers.
//!
//! Flow of a request: `Peer::ask` opens a stream and writes a frame → the other side's connection task accepts the stream, reads the frame within its
//! bounds, runs the handler in a task of its own (a panic there ends as an error reply) → the reply comes back on the same stream.

mod dialer;
mod endpoint;
mod frame;
mod identity;
mod peer;
mod serve;
#[cfg(test)]
mod tests;
mod tls;

use crate::wire::Kind;
use ogong_base::params::{HANDLER_TURN_MS, OPENING_DEADLINE_MS, VERIFIER_JOB_MS};
use std::time::Duration;

pub use dialer::{DialState, Dialer};
pub use endpoint::Endpoint;
pub use identity::{CERT_FILE, Identity, KEY_FILE, Pin, consensus_id_of_der, consensus_id_of_file};
pub use peer::{Peer, ResponseStream};
pub use serve::{Handler, PeerInfo, ResponseSink};
pub use tls::ALPN;

/// The name in certificates and handshakes. It identifies nobody: the pin does.
pub(crate) const SERVER_NAME: &str = "ogong";

/// Bounds of an endpoint.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections open at once; further ones are refused.
    pub connections_max: usize,
    /// Request streams a peer may have open at once on one connection; it waits for more.
    pub streams_max: u32,
    /// Bytes of request bodies being read at once, over all connections.
    pub reading_bytes_max: usize,
    /// Silence after which a connection is given up.
    pub idle: Duration,
    /// Pings keep a quiet connection up; well below `idle`.
    pub keep_alive: Duration,
    /// A handshake takes at most this long, and so does waiting for a dialer's connection.
    pub connect: Duration,
    /// A frame is read whole within this time.
    pub frame: Duration,
    /// A handler answers, or goes on answering, within this time.
    pub handler: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 1024,
            streams_max: 128,
            reading_bytes_max: 256 << 20,
            idle: Duration::from_secs(15),
            keep_alive: Duration::from_secs(4),
            connect: Duration::from_secs(10),
            frame: Duration::from_secs(30),
            // A verifier's job is the longest single answer; a relayed answer is bounded by its order's deadline instead.
            handler: Duration::from_millis(VERIFIER_JOB_MS + HANDLER_TURN_MS),
        }
    }
}

/// How long a request of this kind waits for its answer unless the caller says otherwise (SPEC 6).
pub fn request_timeout(kind: Kind) -> Duration {
    let ms = match kind {
        Kind::ScoreJob => VERIFIER_JOB_MS,
        Kind::CosignRequest => HANDLER_TURN_MS,
        Kind::MaterialRequest | Kind::OpeningRequest => OPENING_DEADLINE_MS,
        // From frame to frame: the first token of a long prompt on a slow machine.
        Kind::Forward => VERIFIER_JOB_MS,
        _ => 10_000,
    };
    Duration::from_millis(ms)
}
