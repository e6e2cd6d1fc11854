use anchor_lang::prelude::*;

/// One model of the catalogue.
#[account]
#[derive(InitSpace)]
pub struct Model {
    pub version: u8,
    pub bump: u8,
    /// SPEC 1.5.
    pub model_root: [u8; 32],
    pub maker: Pubkey,
    /// 0: the slot is reserved.
    pub royalty_bps: u16,
    #[max_len(160)]
    pub model_id: String,
    pub reserved: [u8; 64],
}

impl Model {
    pub const SEED: &'static [u8] = b"model";
}
