use anchor_lang::prelude::*;

pub const STATUS_ACTIVE: u8 = 1;

/// Bytes of an endpoint.
const ENDPOINT_BYTES_MAX: usize = 64;

/// One validator's registration.
#[account]
#[derive(InitSpace)]
pub struct Validator {
    pub version: u8,
    pub bump: u8,
    /// The key that co-signs.
    pub authority: Pubkey,
    /// SPEC 1.1.
    pub node_id: [u8; 32],
    /// SPEC 1.3.
    pub consensus_id: [u8; 32],
    pub vrf_key: [u8; 32],
    /// Wallet that receives the validator's share of what it handles.
    pub fee_owner: Pubkey,
    pub stake: u64,
    pub status: u8,
    #[max_len(ENDPOINT_BYTES_MAX)]
    pub endpoint: String,
    pub reserved: [u8; 128],
}

impl Validator {
    pub const SEED: &'static [u8] = b"validator";

    /// Whether `endpoint` can stand in a registration; what it means is the peers' business.
    pub fn endpoint_is_valid(endpoint: &str) -> bool {
        (1..=ENDPOINT_BYTES_MAX).contains(&endpoint.len())
    }
}
