use super::{meta, meta_mut, signer, signer_mut};
use crate::bytes::Writer;
use crate::token::SYSTEM_PROGRAM_ID;
use crate::{Address, Instruction, address};

/// Lets a closed epoch's work be paid, by a quorum (SPEC 9.13).
#[derive(Clone, Debug)]
pub struct ApproveEmission {
    /// The registered validator that sends it; signs, counts, and pays the rent.
    pub handler: Address,
    /// The other registered validators that sign, the handler not among them.
    pub cosigners: Vec<Address>,
    /// The account of the approvals, where they were collected.
    pub approvals: Option<Address>,
    /// The epoch whose work is paid.
    pub epoch: u64,
    /// The epoch whose stake votes.
    pub stake_epoch: u64,
}

impl ApproveEmission {
    /// The instruction for the program at `program`.
    pub fn instruction(&self, program: &Address) -> Instruction {
        let mut accounts = vec![
            signer_mut(&self.handler),
            meta(&address::config(program)),
            meta(&address::supply(program)),
            meta(&address::epoch(program, self.stake_epoch)),
            meta(&address::epoch(program, self.epoch)),
            meta_mut(&address::emission(program, self.epoch)),
            super::optional_mut(program, self.approvals.as_ref()),
            meta(&SYSTEM_PROGRAM_ID),
        ];
        accounts.extend(self.cosigners.iter().map(signer));
        Instruction {
            program_id: *program,
            accounts,
            data: Writer::instruction("approve_emission").u64(self.epoch).u64(self.stake_epoch).finish(),
        }
    }
}
