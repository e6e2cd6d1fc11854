//! A chain in a process for the tests under `tests/`: the committed ELF in litesvm with mainnet's features.
//!
//! ```text
//! world     the chain, its wallets and validators, and what must always hold (`assert_conserved`)
//! order     orders as SPEC 2.2 writes them
//! refusal   what a test says about an instruction that must fail, and how that is checked
//! ```

#![allow(clippy::result_large_err, reason = "litesvm returns its results by value")]

pub mod order;
pub mod refusal;
pub mod tokens;
pub mod world;

pub use order::Order;
pub use refusal::{Expected, Refusal, check};
pub use world::{Deal, Wallet, World};
