//! The validator: takes records in, draws and audits them, co-signs what it can check, and settles (SPEC 5, 9).
//!
//! ```text
//!  provider ─PushRecord─▶ record ─▶ shelf (durable) ─▶ receipt
//!                                     │
//!                                   cases ── one task a reply, resumed after a restart
//!                                     ├─ turn     whose reply is it; the round; the draw      rounds ◀─shares─▶ peers
//!                                     ├─ audit    what is missing? fetch it, decide again     materials ◀─ provider
//!                                     │                                                       verifiers ◀─ verifier
//!                                     └─ payout   settle: co-signatures, transaction          cosign ◀─▶ peers
//!                                                 dues: the verifiers' flat fees
//!  chain ── epochs ── the next one begun, an ended one's emission approved                    emission ◀─▶ peers
//!  chain ── registry ──▶ roster ──▶ links, turns
//! ```
//!
//! What is true is decided in `ogong-audit`, what follows for the money in `ogong-settlement`, both pure; this crate moves
//! bytes between them, the network and the disk. It loads no model and runs no forward pass.

pub mod announced;
pub mod audit;
pub mod batch;
#[cfg(feature = "settlement")]
pub mod batching;
pub mod cases;
pub mod catalogue;
pub mod cli;
pub mod commands;
pub mod config;
pub mod cosign;
pub mod dossier;
pub mod dues;
pub mod emission;
pub mod epochs;
pub mod error;
pub mod intake;
pub mod keys;
pub mod ledger;
pub mod links;
pub mod manual;
pub mod materials;
pub mod node;
pub mod payment;
pub mod payout;
pub mod quorum;
pub mod record;
pub mod registry;
pub mod report;
pub mod roster;
pub mod rounds;
pub mod run;
pub mod serve;
#[cfg(feature = "settlement")]
pub mod settle;
pub mod shelf;
pub mod state;
pub mod turn;
pub mod turns;
pub mod verifiers;

pub use cli::Cli;
pub use config::Config;
pub use error::Error;
pub use run::{Running, start};
