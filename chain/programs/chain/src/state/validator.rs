use super::Bond;
use anchor_lang::prelude::*;

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
    pub bond: Bond,
    #[max_len(ENDPOINT_BYTES_MAX)]
    pub endpoint: String,
    /// Compressed point of G2 of BLS12-381 whose secret key the validator has shown to have; zero until then.
    pub bls_key: [u8; 96],
    pub reserved: [u8; 128],
}

impl Validator {
    pub const SEED: &'static [u8] = b"validator";

    /// Whether `endpoint` can stand in a registration; what it means is the peers' business.
    pub fn endpoint_is_valid(endpoint: &str) -> bool {
        (1..=ENDPOINT_BYTES_MAX).contains(&endpoint.len())
    }
}
