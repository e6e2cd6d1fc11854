//! How OGONG nodes talk: the wire messages, the signed offer, and QUIC pinned by certificate (SPEC 1.3).
//!
//! ```text
//!   service ── Ask ──▶ Peer / Dialer ── one stream a request ──▶ Endpoint ── Handler ──▶ service
//! ```
//!
//! Both ends of a connection may open streams: a validator asks a provider behind NAT for openings over the connection the provider dialled.
//! A peer is known by `consensus_id = sha256(certificate)`, proven in the TLS handshake; who that peer is on the network is for the service to decide.
//! No peer, however malformed its frames, takes an endpoint down: it gets an [`wire::ErrorReply`] or loses its stream.

pub mod error;
pub mod https;
pub mod offer;
pub mod proof;
pub mod quic;
pub mod wire;

pub use error::Error;
pub use offer::{Offer, OfferError, SignedOffer};
pub use quic::{
    DialState, Dialer, Endpoint, Handler, Identity, Limits, Peer, PeerInfo, Pin, ResponseSink, ResponseStream,
    consensus_id_of_der, consensus_id_of_file,
};
