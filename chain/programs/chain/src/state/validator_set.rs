use anchor_lang::prelude::*;

/// Validators that the set can hold.
pub const VALIDATORS_MAX: usize = 64;

/// What a settle counts.
#[account]
#[derive(InitSpace)]
pub struct ValidatorSet {
    pub version: u8,
    pub bump: u8,
    pub epoch: u64,
    pub total_stake: u64,
    #[max_len(VALIDATORS_MAX)]
    pub members: Vec<Member>,
    pub reserved: [u8; 64],
}

#[derive(AnchorSerialize, AnchorDeserialize, Clone, InitSpace)]
pub struct Member {
    pub authority: Pubkey,
    pub stake: u64,
}

impl ValidatorSet {
    pub const SEED: &'static [u8] = b"validators";
}
