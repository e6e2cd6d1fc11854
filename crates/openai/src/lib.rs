//! The OpenAI HTTP API as OGONG speaks it: error bodies, request heads, answers and their chunks, server-sent events.
//!
//! Nothing here does I/O. A raw request becomes a [`request::RequestHead`] once, at the edge; bytes of a stream become
//! [`sse::Event`]s that still hold the exact bytes they came from, because a gateway relays those and nothing else
//! (SPEC 2.1, 2.5).

pub mod answer;
pub mod error;
pub mod request;
pub mod sse;

pub use answer::Endpoint;
pub use error::{ErrorBody, ErrorKind};
pub use request::RequestHead;
