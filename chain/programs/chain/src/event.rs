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

/// A settlement's money has moved.
#[event]
pub struct Released {
    pub reply_id: [u8; 32],
    /// Provider (or cohort), router, validator, reserve, owner (the change).
    pub amounts: [u64; 5],
}

#[event]
pub struct VerifierPaid {
    pub reply_id: [u8; 32],
    pub verifier: Pubkey,
    pub amount: u64,
}

/// A quorum signed many settlements at once.
#[event]
pub struct Batched {
    pub root: [u8; 32],
    /// SPEC 9.8.
    pub digest: [u8; 32],
    pub count: u32,
    pub handler: Pubkey,
    pub signed_stake: u64,
    pub total_stake: u64,
}

#[event]
pub struct EpochBegan {
    pub epoch: u64,
    pub started_ms: u64,
    pub total_stake: u64,
}

#[event]
pub struct Accused {
    /// 1 verdicts, 2 honeypot, 3 misrouting.
    pub kind: u8,
    /// The registration's account.
    pub culprit: Pubkey,
    pub subject: [u8; 32],
    pub evidence: [u8; 32],
}

#[event]
pub struct Slashed {
    pub kind: u8,
    pub culprit: Pubkey,
    pub subject: [u8; 32],
    /// Atoms that went to the reserve.
    pub amount: u64,
}

#[event]
pub struct EmissionApproved {
    pub epoch: u64,
    /// Atoms to providers, routers, validators, verifiers, and for liveness.
    pub amounts: [u64; 5],
    pub digest: [u8; 32],
}

#[event]
pub struct Claimed {
    pub epoch: u64,
    /// 0 validator, 1 provider, 2 router, 3 verifier.
    pub role: u8,
    /// Its authority.
    pub earner: Pubkey,
    pub amount: u64,
}
