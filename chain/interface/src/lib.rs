//! What clients need of the chain program (SPEC 9): addresses, instructions, accounts, events, errors. Nothing of Anchor.
//!
//! ```text
//! address      program-derived addresses
//! instruction  one struct an instruction: accounts and arguments by name, `.instruction()` gives the bytes
//! account      decoders of the accounts
//! event        decoders of the events, and the digests that quorums agree to
//! merkle       root and inclusion proofs of a batch of settlements
//! ed25519      the instruction that has signatures verified
//! evidence     statements that nodes sign for the chain, and the digests that quorums approve beside settlements
//! token        the few things of SPL Token a client cannot do without
//! error        the program's error numbers
//! ```
//!
//! The program does not use this crate. It is a second writing of the same bytes, and `chain/tests` holds the two against
//! each other through the real ELF.
//!
//! Wallets, not token accounts, are payees: `provider_payout`, `router_payout`, `fee_owner`, `reserve_owner` and an
//! escrow's `owner` name the owner of a token account of the config's mint, and any such account of theirs may be paid.

pub mod account;
pub mod address;
mod bytes;
pub mod ed25519;
pub mod error;
pub mod event;
pub mod evidence;
pub mod instruction;
pub mod merkle;
pub mod token;

pub use bytes::DecodeError;
pub use error::ChainError;
pub use solana_address::Address;
pub use solana_instruction::{AccountMeta, Instruction};

/// The program's address on development chains, built into the committed ELF: the public key whose Ed25519 seed is
/// sha256("ogong development chain program"). The key is public on purpose and worth nothing elsewhere.
pub const PROGRAM_ID: Address = Address::from_str_const("EYqQP6tZ26rrDyTameEanEExGU5wn45Y9ej8moFgHr7J");

/// Validators that the set can hold (SPEC 9.1).
pub const VALIDATORS_MAX: usize = 64;

/// Bytes of a validator's endpoint (SPEC 9.1).
pub const ENDPOINT_BYTES_MAX: usize = 64;

/// Bytes of a model id (SPEC 9.1).
pub const MODEL_ID_BYTES_MAX: usize = 160;

/// How long the epoch before the current one may still be named by a quorum, milliseconds (SPEC 9.9).
pub const EPOCH_GRACE_MS: u64 = 900_000;

/// Verifiers that one settlement can name (SPEC 9.1).
pub const VERIFIERS_MAX: usize = 3;

/// Chance of a provider to be challenged in a round, parts per million (SPEC 9.13).
pub const LIVENESS_PPM: u64 = 100;

/// A liveness answer counts if it was given so long after the round's start (SPEC 9.13).
pub const LIVENESS_DEADLINE_MS: u64 = 15_000;

/// The emission cap of a launch: a provider is minted no more than its trades cost it (SPEC 9.13).
pub const EMISSION_CAP_BPS_DEFAULT: u16 = 10_000;

/// The sysvar that instructions are read from.
pub const INSTRUCTIONS_SYSVAR_ID: Address = Address::from_str_const("Sysvar1nstructions1111111111111111111111111");

/// What the split sums to.
pub const BPS_TOTAL: u16 = 10_000;

/// The default split (provider, router, validator, reserve, maker) in basis points.
pub const SPLIT_BPS_DEFAULT: [u16; 5] = [8_500, 500, 500, 500, 0];

const _: () = {
    let s = SPLIT_BPS_DEFAULT;
    assert!(s[0] + s[1] + s[2] + s[3] + s[4] == BPS_TOTAL && s[4] == 0);
};
