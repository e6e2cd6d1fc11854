//! Escrow, settlement and refund (SPEC 9).
//!
//! ```text
//! split     fee and its division, conserving every atom             pure
//! digest    the settlement digest                                   pure
//! plan      verdict + escrow + config → instruction, amounts        pure
//! price     the instruction that pays for a place in a block           pure
//! message   what a quorum signs as transaction bytes; a peer's bytes checked   pure
//! batch     many settlements under one quorum's signatures           pure
//! cosign    signatures over those bytes, verified when they arrive  pure
//! emission  what an epoch's work earns                              pure
//! handlers  whose turn it is to settle a reply                      pure
//! wallet    Solana keypair files
//! solana    the chain's JSON-RPC; nothing else in OGONG speaks it
//! ```
//!
//! A handler reads a [`plan::SettlePlan`] off the chain and its own verdict, turns it into a [`message::QuorumMessage`],
//! has peers sign it, and sends it. A peer makes *its own* plan from *its own* verdict and signs only if that gives the same bytes.
//! Nothing settles twice: the program checks the escrow's status, and the client looks at it before it sends and after every error.

pub mod batch;
pub mod cosign;
pub mod digest;
pub mod emission;
pub mod error;
pub mod handlers;
pub mod message;
pub mod plan;
pub mod price;
pub mod solana;
pub mod split;
pub mod token;
pub mod wallet;

pub use error::Error;
pub use ogong_chain_interface as interface;
pub use solana::Chain;
pub use wallet::{Wallet, address, chain_key};
