//! What a watcher of the chain reads in the logs.

use anchor_lang::prelude::*;

#[event]
pub struct Settled {
    pub reply_id: [u8; 32],
    /// SPEC 9.3.
    pub digest: [u8; 32],
    pub record_hash: [u8; 32],
    pub verdict_hash: [u8; 32],
    pub outcome: u8,
    pub fee: u64,
    /// Provider, router, validator, reserve, owner (the change).
    pub amounts: [u64; 5],
    pub handler: Pubkey,
    pub signed_stake: u64,
    pub total_stake: u64,
}

#[event]
pub struct Rejected {
    pub reply_id: [u8; 32],
    /// SPEC 9.3.
    pub digest: [u8; 32],
    pub record_hash: [u8; 32],
    pub verdict_hash: [u8; 32],
    pub amount: u64,
    pub handler: Pubkey,
    pub signed_stake: u64,
    pub total_stake: u64,
}

#[event]
pub struct Expired {
    pub reply_id: [u8; 32],
    pub amount: u64,
}
