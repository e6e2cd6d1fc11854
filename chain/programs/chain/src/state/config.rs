use anchor_lang::prelude::*;

/// What the split sums to.
pub const BPS_TOTAL: u16 = 10_000;

/// The whole, in parts per million.
pub const PPM: u64 = 1_000_000;

/// The network's parameters; authority over both vaults.
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
    /// Wallet that receives the verification reserve.
    pub reserve_owner: Pubkey,
    /// Provider, router, validator, reserve, maker.
    pub split_bps: [u16; 5],
    pub min_stake: u64,
    pub alpha_ppm: u64,
    pub beacon_genesis_ms: u64,
    pub beacon_period_ms: u64,
    pub stake_epoch: u64,
    pub reserved: [u8; 128],
}

impl Config {
    pub const SEED: &'static [u8] = b"config";
}
