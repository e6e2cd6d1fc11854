use anchor_lang::prelude::*;

pub const STATUS_OPEN: u8 = 1;
/// Paid out.
pub const STATUS_SETTLED: u8 = 2;
pub const STATUS_REFUNDED: u8 = 3;
/// A quorum decided to pay; the money is in the vault until `release`.
pub const STATUS_DECIDED: u8 = 4;

/// Verifiers that can be paid for one reply: the drawn one, a second opinion, and the third that decides.
pub const VERIFIERS_MAX: usize = 3;

/// One reply's escrow. Never closed: a reply id is used once. When everybody is paid it can shrink to a [`super::Stub`].
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
    /// Zero while open, as everything of the decision below.
    pub record_hash: [u8; 32],
    pub verdict_hash: [u8; 32],
    pub fee: u64,
    /// The deposit that it was opened from and that the change returns to; zero where a wallet paid.
    pub deposit: Pubkey,
    /// Authorities of the registered provider and router; zero where they are not registered.
    pub provider_operator: Pubkey,
    pub router_operator: Pubkey,
    pub decision: Decision,
    /// Paid the rent, and gets back what a stub does not need.
    pub payer: Pubkey,
    pub reserved: [u8; 32],
}

/// What a quorum decided about a reply.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Default, InitSpace)]
pub struct Decision {
    pub outcome: u8,
    /// Whether `provider`'s amount is divided by a cohort account.
    pub cohort: bool,
    pub stake_epoch: u64,
    /// SPEC 9.3.
    pub digest: [u8; 32],
    /// Wallet that receives the validator's share.
    pub fee_owner: Pubkey,
    /// Atoms to provider, router, validator, reserve, owner (the change).
    pub amounts: [u64; 5],
    /// The part of the fee that counts as work, in parts of `n_billed`.
    pub n_billed: u32,
    pub n_counted: u32,
    /// Authorities of the verifiers to be paid; unused ones are zero.
    pub verifiers: [Pubkey; VERIFIERS_MAX],
    /// Bit i: verifier i has been paid.
    pub verifiers_paid: u8,
}

impl Escrow {
    pub const SEED: &'static [u8] = b"escrow";
}
