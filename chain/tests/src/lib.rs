//! A chain in a process for the tests under `tests/`: the committed ELF in litesvm with mainnet's features.
//!
//! ```text
//! idl       what the committed IDL says about each instruction
//! trial     every way in which an account of an instruction can be a wrong one, each tried
//! world     the chain, its wallets and validators, and what must always hold (`assert_conserved`)
//! order     orders as SPEC 2.2 writes them
//! model     the rules about tokens in plain Rust, for the random sequence
//! nodes     registered nodes with published keys
//! quorum    instructions that take a quorum, and how one can be missing
//! refusal   what a test says about an instruction that must fail, and how that is checked
//! ```

#![allow(clippy::result_large_err, reason = "litesvm returns its results by value")]

pub mod idl;
pub mod model;
pub mod nodes;
pub mod order;
pub mod quorum;
pub mod refusal;
pub mod tokens;
pub mod trial;
pub mod world;

pub use nodes::{Known, Node, PLACE};
pub use order::Order;
pub use quorum::{Behind, Gated, everybody};
pub use refusal::{Expected, Refusal, check};
pub use world::{Deal, Wallet, World};
