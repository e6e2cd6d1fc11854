use anchor_lang::prelude::*;

/// A quorum's word for many settlements: the Merkle root over their digests.
#[account]
#[derive(InitSpace)]
pub struct Batch {
    pub version: u8,
    pub bump: u8,
    pub root: [u8; 32],
    /// Leaves of the tree.
    pub count: u32,
    /// How many of them were settled.
    pub settled: u32,
    pub stake_epoch: u64,
    /// Bit i: member i of that epoch signed.
    pub signers: u64,
    pub signed_stake: u64,
    pub handler: Pubkey,
    /// Wallet that receives the validator's share of each.
    pub fee_owner: Pubkey,
    /// Unix milliseconds; no leaf may be settled later.
    pub expiry_ms: u64,
    /// Paid the rent, and gets it back.
    pub payer: Pubkey,
    pub reserved: [u8; 32],
}

impl Batch {
    pub const SEED: &'static [u8] = b"batch";
}
