use anchor_lang::prelude::*;

pub const STATUS_OPEN: u8 = 1;
pub const STATUS_SETTLED: u8 = 2;
pub const STATUS_REFUNDED: u8 = 3;

/// One reply's escrow. Never closed: a reply id is used once.
#[account]
#[derive(InitSpace)]
pub struct Escrow {
    pub version: u8,
    pub bump: u8,
    pub status: u8,
    pub reply_id: [u8; 32],
    /// Wallet that paid and gets the change.
    pub owner: Pubkey,
    /// Ed25519 key that signs the order.
    pub session_key: [u8; 32],
    /// Node ids.
    pub provider: [u8; 32],
    pub router: [u8; 32],
    /// Wallets.
    pub provider_payout: Pubkey,
    pub router_payout: Pubkey,
    pub model_root: [u8; 32],
    pub req_hash: [u8; 32],
    /// Atoms per 1,000 tokens.
    pub price_prompt: u64,
    pub price_completion: u64,
    pub max_fee: u64,
    pub max_tokens: u32,
    pub deadline_ms: u64,
    pub opened_slot: u64,
    /// Zero while open.
    pub record_hash: [u8; 32],
    pub verdict_hash: [u8; 32],
    pub fee: u64,
    pub reserved: [u8; 64],
}

impl Escrow {
    pub const SEED: &'static [u8] = b"escrow";
}
