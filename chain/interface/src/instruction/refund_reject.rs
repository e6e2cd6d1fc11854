use super::{Change, Verdict, meta, meta_mut, optional_mut, signer};
use crate::bytes::Writer;
use crate::token::TOKEN_PROGRAM_ID;
use crate::{Address, Instruction, address};

/// Returns the whole escrow to its owner after a reject (SPEC 9.6), by the same quorum as [`super::Settle`].
#[derive(Clone, Debug)]
pub struct RefundReject {
    /// The registered validator that sends it; signs and counts.
    pub handler: Address,
    /// The other registered validators that sign, the handler not among them; none where there are approvals.
    pub cosigners: Vec<Address>,
    /// The account that the approvals of the refund's digest were collected in.
    pub approvals: Option<Address>,
    /// Which escrow.
    pub reply_id: [u8; 32],
    /// Where the money goes.
    pub change: Change,
    /// What was decided: outcome 3, no tokens.
    pub verdict: Verdict,
}

impl RefundReject {
    /// The instruction for the program at `program`.
    pub fn instruction(&self, program: &Address) -> Instruction {
        let [owner_token, deposit] = self.change.accounts(program);
        let mut accounts = vec![
            signer(&self.handler),
            meta(&address::config(program)),
            meta_mut(&address::epoch(program, self.verdict.stake_epoch)),
            meta_mut(&address::escrow(program, &self.reply_id)),
            meta_mut(&address::vault(program)),
            owner_token,
            deposit,
            optional_mut(program, self.approvals.as_ref()),
            meta(&TOKEN_PROGRAM_ID),
        ];
        accounts.extend(self.cosigners.iter().map(signer));
        let data = self.verdict.write(Writer::instruction("refund_reject")).finish();
        Instruction { program_id: *program, accounts, data }
    }
}
