//! The provider: serves a model from this machine and earns for work that passes its audit.
//!
//! ```text
//!   consumer's order ─▶ gate (order, escrow) ─▶ engine in commit mode ─▶ record, openings on disk ─▶ validators
//!                                                                              ▲                          │
//!                                                                              └────── opening requests ──┘
//! ```
//!
//! The engine is a child process; a crash of it fails the requests it held and nothing else. A record is on disk before the consumer sees the
//! end of the answer, and is pushed to every validator until each has given its signed receipt (SPEC 5.1).
//!
//! [`local`] is the other half: the same engines for this machine's own use, with no network and no money.

pub mod announce;
pub mod cli;
pub mod commands;
pub mod config;
pub mod error;
pub mod gate;
pub mod http;
pub mod keys;
pub mod ledger;
pub mod ledger_store;
pub mod local;
pub mod market;
pub mod openings;
pub mod push;
pub mod refusal;
pub mod reply;
pub mod service;
pub mod start;
pub mod stream;
pub mod tls;
pub mod validators;
pub mod verifier;
pub mod wallet;

pub use error::Error;
