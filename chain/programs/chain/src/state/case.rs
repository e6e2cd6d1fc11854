use anchor_lang::prelude::*;

/// A validator signed two verdicts that contradict each other.
pub const CASE_VERDICTS: u8 = 1;
/// A verifier passed a bad honeypot, or failed a good one.
pub const CASE_HONEYPOT: u8 = 2;
/// A router answered one query in two ways, or over its ceiling.
pub const CASE_MISROUTING: u8 = 3;

/// Evidence against one registration that the chain has checked (SPEC 9.12). It moves nothing by itself: that takes a quorum.
#[account]
#[derive(InitSpace)]
pub struct Case {
    pub version: u8,
    pub bump: u8,
    pub kind: u8,
    /// The registration's account, whose bond answers.
    pub culprit: Pubkey,
    /// Reply id, job or query.
    pub subject: [u8; 32],
    /// sha256 of the signed statements, keys included.
    pub evidence: [u8; 32],
    /// Paid the rent; gets nothing for it.
    pub accuser: Pubkey,
    pub opened_ms: u64,
    /// 0 until the quorum's decision.
    pub slashed_ms: u64,
    /// Atoms that went to the reserve.
    pub slashed: u64,
    pub reserved: [u8; 64],
}

impl Case {
    pub const SEED: &'static [u8] = b"case";
}
