//! What was decided about a reply, as far as money is concerned.

use ogong_audit::Verdict;
use ogong_base::hash::{RecordHash, VerdictHash};
use ogong_chain_interface::Address;

/// Outcome byte of an accepted reply (SPEC 5.6).
pub const OUTCOME_ACCEPT: u8 = 1;
/// Outcome byte of a reply that was not drawn for an audit.
pub const OUTCOME_NOT_SELECTED: u8 = 2;
/// Outcome byte of a rejected reply.
pub const OUTCOME_REJECT: u8 = 3;

const _: () = {
    use ogong_audit::Outcome;
    assert!(Outcome::Accept as u8 == OUTCOME_ACCEPT && Outcome::NotSelected as u8 == OUTCOME_NOT_SELECTED);
    assert!(Outcome::Reject as u8 == OUTCOME_REJECT);
};

/// What a validator decided about a reply, as far as money is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Hash of the provider's record; zero where none came.
    pub record_hash: RecordHash,
    /// Outcome byte of the verdict.
    pub outcome: u8,
    /// Hash of the verdict.
    pub verdict_hash: VerdictHash,
    /// Round the draws came from.
    pub round: u64,
    /// Prompt tokens, from the opened header.
    pub n_prompt: u32,
    /// Billed answer tokens.
    pub n_billed: u32,
    /// Of those, the ones that had more than one candidate: what counts as work.
    pub n_counted: u32,
    /// After it the settlement is void; at most the order's deadline.
    pub expiry_ms: u64,
    /// Authorities of the registered verifiers that scored the reply: the reserve owes each its flat fee.
    pub verifiers: Vec<Address>,
}

impl Decision {
    /// What a verdict decides; the counts come from the opened header and the record. Every billed token counts as work.
    pub fn of_verdict(verdict: &Verdict, n_prompt: u32, n_billed: u32, expiry_ms: u64) -> Self {
        Self {
            record_hash: verdict.record_hash,
            outcome: verdict.outcome as u8,
            verdict_hash: verdict.hash(),
            round: verdict.round.0,
            n_prompt,
            n_billed,
            n_counted: n_billed,
            expiry_ms,
            verifiers: Vec::new(),
        }
    }
}
