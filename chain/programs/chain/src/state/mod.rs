//! Accounts (SPEC 9.1): each starts with a version byte and ends with reserved zero bytes.

mod config;
mod escrow;
mod model;
mod supply;
mod validator;
mod validator_set;

pub use config::{BPS_TOTAL, Config, PPM};
pub use escrow::{Escrow, STATUS_OPEN, STATUS_REFUNDED, STATUS_SETTLED};
pub use model::Model;
pub use supply::Supply;
pub use validator::{STATUS_ACTIVE, Validator};
pub use validator_set::{Member, VALIDATORS_MAX, ValidatorSet};

/// The version that every account of this program has.
pub const VERSION: u8 = 1;

/// The OGONG mint.
pub const MINT_SEED: &[u8] = b"mint";

/// Holds the tokens of all open escrows.
pub const VAULT_SEED: &[u8] = b"vault";

/// Holds all stake.
pub const STAKE_VAULT_SEED: &[u8] = b"stake-vault";
