//! What the daemons know of an engine: its wire types, a client over HTTP and a supervisor of its process.
//!
//! An engine generates, commits (SPEC 3, 4) and scores (SPEC 5.4); it hears nothing of audits, peers or money. It is its
//! own process so that a crash or an eviction kills a child and never a daemon.

pub mod client;
pub mod error;
pub mod plan;
pub mod supervisor;
pub mod wire;

pub use client::EngineClient;
pub use error::Error;
pub use supervisor::{Supervisor, SupervisorConfig};
