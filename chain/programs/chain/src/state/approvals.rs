use anchor_lang::prelude::*;

/// Validators that agreed to a digest, one transaction each, where they are too many for one together.
#[account]
#[derive(InitSpace)]
pub struct Approvals {
    pub version: u8,
    pub bump: u8,
    /// Of a settlement, refund or batch (SPEC 9.3).
    pub digest: [u8; 32],
    /// The epoch whose stake counts.
    pub epoch: u64,
    /// Paid the rent, and gets it back.
    pub payer: Pubkey,
    /// Bit i: member i of the epoch agreed.
    pub signers: u64,
    /// Whether the decision was carried out.
    pub used: bool,
    pub reserved: [u8; 32],
}

impl Approvals {
    pub const SEED: &'static [u8] = b"approvals";
}
