use crate::curve::ROLES;
use anchor_lang::prelude::*;

/// What the work of one epoch is worth (SPEC 9.13): approved by a quorum, claimed by each earner.
#[account]
#[derive(InitSpace)]
pub struct Emission {
    pub version: u8,
    pub bump: u8,
    pub epoch: u64,
    /// Atoms to providers, routers, validators, verifiers, and for liveness.
    pub amounts: [u64; ROLES],
    /// Atoms claimed so far.
    pub minted: u64,
    /// Bit i: member i of the epoch has claimed.
    pub members_claimed: u64,
    pub approved_ms: u64,
    pub reserved: [u8; 64],
}

impl Emission {
    pub const SEED: &'static [u8] = b"emission";
}
