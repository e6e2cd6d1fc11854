use anchor_lang::prelude::*;

/// Shards that one model may be split into.
pub const SHARDS_MAX: usize = 8;

/// How the provider's amount of one reply is divided among those who ran its layers.
#[account]
#[derive(InitSpace)]
pub struct Cohort {
    pub version: u8,
    pub bump: u8,
    pub reply_id: [u8; 32],
    #[max_len(SHARDS_MAX)]
    pub shards: Vec<Shard>,
    pub reserved: [u8; 32],
}

#[derive(AnchorSerialize, AnchorDeserialize, Clone, InitSpace)]
pub struct Shard {
    /// The registered provider's authority; zero where it is not registered.
    pub operator: Pubkey,
    /// Wallet that is paid.
    pub payout: Pubkey,
    /// Atoms.
    pub amount: u64,
}

impl Cohort {
    pub const SEED: &'static [u8] = b"cohort";
}
