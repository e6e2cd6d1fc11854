use super::{meta, meta_mut, signer};
use crate::bytes::Writer;
use crate::token::TOKEN_PROGRAM_ID;
use crate::{Address, Instruction, address};

/// Returns the whole escrow to its owner after a reject (SPEC 9.6), by the same quorum as [`super::Settle`].
#[derive(Clone, Debug)]
pub struct RefundReject {
    /// The registered validator that sends it; signs and counts.
    pub handler: Address,
    /// The other registered validators that sign, the handler not among them.
    pub cosigners: Vec<Address>,
    /// Which escrow.
    pub reply_id: [u8; 32],
    /// A token account of the escrow's `owner`.
    pub owner_token: Address,
    /// SPEC 3.9; zero where no record came.
    pub record_hash: [u8; 32],
    /// SPEC 5.7.
    pub verdict_hash: [u8; 32],
    /// The beacon round of the draw.
    pub round: u64,
    /// The validator set's epoch.
    pub stake_epoch: u64,
    /// Unix milliseconds, at most the order's deadline.
    pub expiry_ms: u64,
}

impl RefundReject {
    /// The instruction for the program at `program`.
    pub fn instruction(&self, program: &Address) -> Instruction {
        let mut accounts = vec![
            signer(&self.handler),
            meta(&address::config(program)),
            meta(&address::validator_set(program)),
            meta_mut(&address::escrow(program, &self.reply_id)),
            meta_mut(&address::vault(program)),
            meta_mut(&self.owner_token),
            meta(&TOKEN_PROGRAM_ID),
        ];
        accounts.extend(self.cosigners.iter().map(signer));
        Instruction {
            program_id: *program,
            accounts,
            data: Writer::instruction("refund_reject")
                .raw(&self.record_hash)
                .raw(&self.verdict_hash)
                .u64(self.round)
                .u64(self.stake_epoch)
                .u64(self.expiry_ms)
                .finish(),
        }
    }
}
