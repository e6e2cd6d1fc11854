use anchor_lang::prelude::*;

/// What the split sums to.
pub const BPS_TOTAL: u16 = 10_000;

/// The whole, in parts per million.
pub const PPM: u64 = 1_000_000;

/// How long the epoch before the current one may still be named by a quorum: the longest life of an order, so that
/// signatures that were being collected when the epoch turned are not lost.
pub const EPOCH_GRACE_MS: u64 = 900_000;

/// Epochs that unstaked tokens stay locked, and can be slashed, at least: the one they still count in, and its grace.
pub const COOLDOWN_EPOCHS_MIN: u64 = 2;

/// The network's parameters; authority over the vaults and the reserve.
#[account]
#[derive(InitSpace)]
pub struct Config {
    pub version: u8,
    pub bump: u8,
    /// May write the catalogue.
    pub admin: Pubkey,
    /// SPEC 1.7.
    pub network: [u8; 32],
    pub mint: Pubkey,
    /// Owner of the reserve: this account, so that nobody's key spends it.
    pub reserve_owner: Pubkey,
    /// Provider, router, validator, reserve, maker.
    pub split_bps: [u16; 5],
    /// Least stake that counts.
    pub min_stake: u64,
    pub alpha_ppm: u64,
    pub beacon_genesis_ms: u64,
    pub beacon_period_ms: u64,
    /// The current epoch.
    pub stake_epoch: u64,
    pub epoch_started_ms: u64,
    pub epoch_length_ms: u64,
    /// Epochs between unstake and withdrawal.
    pub cooldown_epochs: u64,
    /// Atoms that a verifier gets from the reserve for an audit, whatever the verdict.
    pub verifier_fee: u64,
    pub reserved: [u8; 128],
}

impl Config {
    pub const SEED: &'static [u8] = b"config";

    /// Whether a quorum may name `epoch` now: the current one, or the one before it within the grace.
    pub fn counts(&self, epoch: u64, now_ms: u64) -> bool {
        let in_grace = now_ms <= self.epoch_started_ms.saturating_add(EPOCH_GRACE_MS);
        epoch == self.stake_epoch || (epoch.checked_add(1) == Some(self.stake_epoch) && in_grace)
    }

    /// When tokens unstaked now may leave.
    pub fn unlock_epoch(&self) -> u64 {
        self.stake_epoch.saturating_add(self.cooldown_epochs)
    }

    /// Whether nothing that `epoch` counts can change any more: its work may be rewarded.
    pub fn is_closed(&self, epoch: u64, now_ms: u64) -> bool {
        epoch < self.stake_epoch && !self.counts(epoch, now_ms)
    }
}
