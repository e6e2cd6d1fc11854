//! Accounts (SPEC 9.1): each starts with a version byte and ends with reserved zero bytes.

mod approvals;
mod batch;
mod bond;
mod case;
mod cohort;
mod config;
mod deposit;
mod emission;
mod epoch;
mod escrow;
mod honeypot;
mod model;
mod node_key;
mod operator;
mod stub;
mod supply;
mod validator;
mod validator_set;
mod work;

pub use approvals::Approvals;
pub use batch::Batch;
pub use bond::{Bond, STATUS_ACTIVE, STATUS_EJECTED, STATUS_LEAVING};
pub use case::{CASE_HONEYPOT, CASE_MISROUTING, CASE_VERDICTS, Case};
pub use cohort::{Cohort, SHARDS_MAX, Shard};
pub use config::{BPS_TOTAL, COOLDOWN_EPOCHS_MIN, Config, EPOCH_GRACE_MS, PPM};
pub use deposit::Deposit;
pub use emission::Emission;
pub use epoch::{Epoch, Member};
pub use escrow::{Decision, Escrow, STATUS_DECIDED, STATUS_OPEN, STATUS_REFUNDED, STATUS_SETTLED, VERIFIERS_MAX};
pub use honeypot::Honeypot;
pub use model::Model;
pub use node_key::{NODE_PUBLIC_BYTES, NodeKey};
pub use operator::{MODELS_MAX, Operator, ROLE_PROVIDER, ROLE_ROUTER, ROLE_VERIFIER};
pub use stub::Stub;
pub use supply::Supply;
pub use validator::Validator;
pub use validator_set::{Stake, VALIDATORS_MAX, ValidatorSet};
pub use work::Work;

/// The version that every account of this program has.
pub const VERSION: u8 = 2;

/// The OGONG mint.
pub const MINT_SEED: &[u8] = b"mint";

/// Holds the tokens of all open escrows and deposits.
pub const VAULT_SEED: &[u8] = b"vault";

/// Holds all stake.
pub const STAKE_VAULT_SEED: &[u8] = b"stake-vault";

/// Holds the verification reserve.
pub const RESERVE_SEED: &[u8] = b"reserve";
