use crate::Address;
use crate::bytes::Writer;

/// What validators agreed on about a reply, apart from what the chain knows itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The record's request hash, SPEC 2.1; must be the order's.
    pub req_hash: [u8; 32],
    /// SPEC 3.9; zero where no record came.
    pub record_hash: [u8; 32],
    /// 1 accept, 2 not selected, 3 reject.
    pub outcome: u8,
    /// SPEC 5.7.
    pub verdict_hash: [u8; 32],
    /// The beacon round of the draw.
    pub round: u64,
    /// Prompt tokens; 0 in a reject.
    pub n_prompt: u32,
    /// Billed tokens, at most the order's `max_tokens`; 0 in a reject.
    pub n_billed: u32,
    /// Of those, the ones that had more than one candidate; 0 in a reject.
    pub n_counted: u32,
    /// The epoch whose stake signs.
    pub stake_epoch: u64,
    /// Unix milliseconds, at most the order's deadline.
    pub expiry_ms: u64,
    /// Authorities of the verifiers that scored the reply.
    pub verifiers: Vec<Address>,
}

impl Verdict {
    pub(super) fn write(&self, data: Writer) -> Writer {
        data.raw(&self.req_hash)
            .raw(&self.record_hash)
            .u8(self.outcome)
            .raw(&self.verdict_hash)
            .u64(self.round)
            .u32(self.n_prompt)
            .u32(self.n_billed)
            .u32(self.n_counted)
            .u64(self.stake_epoch)
            .u64(self.expiry_ms)
            .list(self.verifiers.iter().map(Address::as_array))
    }
}
