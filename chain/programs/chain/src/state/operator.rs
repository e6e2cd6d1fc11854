use super::{Bond, Config, STATUS_ACTIVE};
use anchor_lang::prelude::*;

/// Serves inference; its stake is priority, and is never slashed.
pub const ROLE_PROVIDER: u8 = 1;
/// Introduces providers; its bond answers for misrouting.
pub const ROLE_ROUTER: u8 = 2;
/// Scores replies for validators; its bond, apart from its stake as a provider, answers for honeypots.
pub const ROLE_VERIFIER: u8 = 3;

/// Models that a provider can name as served.
pub const MODELS_MAX: usize = 8;

/// Registration of a provider, router or verifier; each role of one authority is an account of its own.
#[account]
#[derive(InitSpace)]
pub struct Operator {
    pub version: u8,
    pub bump: u8,
    pub role: u8,
    /// The stake's owner, who signs for it.
    pub authority: Pubkey,
    /// SPEC 1.1. Anyone could claim any: what counts is that node id and payout both agree with an escrow's.
    pub node_id: [u8; 32],
    /// Wallet that is paid.
    pub payout: Pubkey,
    pub bond: Bond,
    /// Roots of the models served; a provider's.
    #[max_len(MODELS_MAX)]
    pub models: Vec<[u8; 32]>,
    pub reserved: [u8; 64],
}

impl Operator {
    pub const SEED: &'static [u8] = b"operator";
}

impl Operator {
    /// A provider serves inference without stake; a bond must be worth something.
    pub fn stake_min(role: u8, config: &Config) -> u64 {
        if role == ROLE_PROVIDER { 0 } else { config.min_stake }
    }

    /// Whether its work counts: what answers with a bond has one.
    pub fn is_bonded(&self, config: &Config) -> bool {
        let bonded = self.bond.status == STATUS_ACTIVE && self.bond.stake >= config.min_stake;
        self.role == ROLE_PROVIDER || bonded
    }

    pub fn models_are_valid(role: u8, models: &[[u8; 32]]) -> bool {
        models.is_empty() || (role == ROLE_PROVIDER && models.len() <= MODELS_MAX)
    }
}
