//! The text engine: llama.cpp with continuous batching, commit mode, score mode and exact mode.
//!
//! A request body becomes a job once ([`request`]); one thread owns the llama.cpp context and batches all jobs
//! ([`scheduler`]); per answer token it chooses with the canonical sampler and, in commit mode, records sketch and digest
//! (SPEC 3, 4). Scores (SPEC 5.4) run teacher-forced through the same context. [`engine::Engine`] is the library's face;
//! the HTTP front ([`http`]) uses nothing else.
//!
//! This crate is the only home of `unsafe` beside llama.cpp's own wrapper, all of it in [`raw`].

pub mod cancel;
pub mod chat;
pub mod class;
pub mod cli;
pub mod clock;
pub mod draft;
pub mod embed;
pub mod engine;
pub mod error;
pub mod fields;
pub mod http;
pub mod infill;
pub mod logprobs;
pub mod memory;
pub mod metrics;
pub mod model;
pub mod placement;
pub mod plain;
pub mod prompt;
pub mod quantize;
pub mod queue;
pub mod raw;
pub mod request;
pub mod run;
pub mod sampling;
pub mod scheduler;
pub mod score;
pub mod selftest;
pub mod slot;
pub mod speculate;
pub mod stop;
pub mod store;
pub mod timings;
pub mod tools;
pub mod vision;
pub mod worker;

pub use engine::{Engine, EngineConfig};
pub use error::{Error, RequestError};
