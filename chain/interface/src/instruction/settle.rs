use super::{Verdict, meta, meta_mut, optional_mut, signer};
use crate::bytes::Writer;
use crate::{Address, Instruction, address};

/// Decides that a reply is paid (SPEC 9.5); [`super::Release`] pays. Without approvals the handler and the co-signers together
/// need more than two thirds of the stake; each is named once.
#[derive(Clone, Debug)]
pub struct Settle {
    /// The registered validator that sends it (and should pay the transaction's fee); signs, counts, and is paid the
    /// validator's share.
    pub handler: Address,
    /// The other registered validators that sign, the handler not among them; none where there are approvals.
    pub cosigners: Vec<Address>,
    /// The account that the approvals of the settlement's digest were collected in.
    pub approvals: Option<Address>,
    /// Which escrow.
    pub reply_id: [u8; 32],
    /// What was decided.
    pub verdict: Verdict,
}

impl Settle {
    /// The instruction for the program at `program`.
    pub fn instruction(&self, program: &Address) -> Instruction {
        let mut accounts = vec![
            signer(&self.handler),
            meta(&address::validator(program, &self.handler)),
            meta(&address::config(program)),
            meta_mut(&address::epoch(program, self.verdict.stake_epoch)),
            meta_mut(&address::escrow(program, &self.reply_id)),
            optional_mut(program, self.approvals.as_ref()),
        ];
        accounts.extend(self.cosigners.iter().map(signer));
        let data = self.verdict.write(Writer::instruction("settle")).finish();
        Instruction { program_id: *program, accounts, data }
    }
}
