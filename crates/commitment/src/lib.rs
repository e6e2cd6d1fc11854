//! What a reply commits to, and how anyone holds it to that: order, request, record, leaves, sketch, digest,
//! canonical sampler, drift scores and the trajectory that binds them (SPEC §2, §3, §4).
//!
//! Prover and checker share every byte here: `build` and `check` of one thing stand in one file. Pure: no clock,
//! files, sockets or randomness.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod builder;
pub mod digest;
pub mod drift;
pub mod error;
mod float;
pub mod leaf;
pub mod margin;
pub mod merkle;
pub mod order;
pub mod params;
pub mod record;
pub mod request;
pub mod response;
pub mod sampler;
pub mod sketch;

pub use error::Error;
