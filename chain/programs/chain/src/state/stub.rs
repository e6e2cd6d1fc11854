use super::{Escrow, VERSION};
use anchor_lang::prelude::*;

/// What remains of an escrow (SPEC 9.1): the anchor of request, record, verdict and digest, at the escrow's address, so that the
/// reply id stays used.
#[account]
#[derive(InitSpace)]
pub struct Stub {
    pub version: u8,
    pub bump: u8,
    /// As the escrow's: settled or refunded.
    pub status: u8,
    /// 0 where no quorum decided.
    pub outcome: u8,
    pub req_hash: [u8; 32],
    /// Covers commit_root (SPEC 3.9).
    pub record_hash: [u8; 32],
    pub verdict_hash: [u8; 32],
    /// SPEC 9.3.
    pub digest: [u8; 32],
    pub reserved: [u8; 16],
}

impl Stub {
    pub const SPACE: usize = 8 + Self::INIT_SPACE;

    pub fn of(escrow: &Escrow) -> Self {
        Self {
            version: VERSION,
            bump: escrow.bump,
            status: escrow.status,
            outcome: escrow.decision.outcome,
            req_hash: escrow.req_hash,
            record_hash: escrow.record_hash,
            verdict_hash: escrow.verdict_hash,
            digest: escrow.decision.digest,
            reserved: [0; 16],
        }
    }
}
