//! The development chain of OGONG: an embedded Solana-compatible validator (JSON-RPC and WebSocket), offline,
//! with the settlement program deployed at the interface's program id. For the demo and for tests, never for money.
//!
//! Flow: read the program → bind the ports → open the ledger, if there is one → start the validator → deploy → say where it listens → wait for an end.

pub mod chain;
pub mod cli;
pub mod clock;
pub mod error;
pub mod journal;
pub mod ledger;
pub mod program;
pub mod ready;
pub mod run;
pub mod table;

pub use chain::{Localnet, LocalnetConfig};
pub use error::Error;
pub use run::run;
