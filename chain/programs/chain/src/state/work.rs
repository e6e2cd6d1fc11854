use super::Operator;
use anchor_lang::prelude::*;

/// What one operator did in one epoch, as settlement counted it (SPEC 9.9). A validator's stands in the epoch itself.
#[account]
#[derive(InitSpace)]
pub struct Work {
    pub version: u8,
    pub bump: u8,
    pub role: u8,
    pub epoch: u64,
    /// The operator's authority: its stake owner, and who claims.
    pub operator: Pubkey,
    /// As registered when the account was opened.
    pub node_id: [u8; 32],
    pub payout: Pubkey,
    /// Paid the rent.
    pub payer: Pubkey,
    /// Replies served, routes served, or audits.
    pub count: u64,
    /// Counted fees of a provider's replies.
    pub fees: u64,
    /// The part of them that went to others than the operator.
    pub outside_fees: u64,
    /// Liveness challenges answered, and the round of the last; a provider's.
    pub liveness: u64,
    pub last_round: u64,
    pub reserved: [u8; 48],
}

impl Work {
    pub const SEED: &'static [u8] = b"work";

    /// Whether `key` is the operator's own purse.
    pub fn is_own(&self, key: &Pubkey) -> bool {
        *key == self.operator || *key == self.payout
    }

    /// Empty counters of `operator`.
    pub fn open(&mut self, operator: &Operator, epoch: u64, payer: Pubkey, bump: u8) {
        (self.version, self.bump, self.role, self.epoch) = (super::VERSION, bump, operator.role, epoch);
        (self.operator, self.node_id, self.payout) = (operator.authority, operator.node_id, operator.payout);
        self.payer = payer;
    }
}
