use anchor_lang::prelude::*;

/// A planted audit whose right answer is known (SPEC 9.12), as a commitment until it is opened in an accusation.
#[account]
#[derive(InitSpace)]
pub struct Honeypot {
    pub version: u8,
    pub bump: u8,
    /// `H("ogong/v1/audit/honeypot", hash job ‖ u8 outcome ‖ hash salt)`.
    pub commitment: [u8; 32],
    /// The validator that planted it.
    pub planter: Pubkey,
    pub planted_ms: u64,
    pub reserved: [u8; 32],
}

impl Honeypot {
    pub const SEED: &'static [u8] = b"honeypot";
}
