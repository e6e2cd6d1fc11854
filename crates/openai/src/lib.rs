//! The OpenAI HTTP API as OGONG speaks it: error bodies, request heads, answers and their chunks, server-sent events.
//!
//! Nothing here does I/O. A raw request becomes a [`request::RequestHead`] once, at the edge; bytes of a stream become
//! [`sse::Event`]s that still hold the exact bytes they came from, because a gateway relays those and nothing else
//! (SPEC 2.1, 2.5). Other dialects are translations: their requests become the engine's, a [`Piece`] of its stream becomes theirs.

pub mod answer;
pub mod anthropic;
pub mod error;
pub mod ollama;
pub mod piece;
pub mod read;
pub mod request;
pub mod responses;
pub mod sse;
pub mod time;

pub use answer::Endpoint;
pub use error::{ErrorBody, ErrorKind};
pub use piece::{Piece, Turn};
pub use request::RequestHead;
