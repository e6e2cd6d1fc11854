use super::{meta, meta_mut, signer_mut};
use crate::bytes::Writer;
use crate::token::SYSTEM_PROGRAM_ID;
use crate::{Address, Instruction, address};

/// A validator agrees to a digest (SPEC 9.4).
#[derive(Clone, Debug)]
pub struct Approve {
    /// Signs; the first one pays the rent.
    pub validator: Address,
    /// Of a settlement, refund or batch.
    pub digest: [u8; 32],
    /// The epoch whose stake counts.
    pub stake_epoch: u64,
}

/// Returns the rent of approvals that are done with. Anyone may send it.
#[derive(Clone, Debug)]
pub struct CloseApprovals {
    /// Of what.
    pub digest: [u8; 32],
    /// Of which epoch.
    pub stake_epoch: u64,
    /// Who paid the rent.
    pub payer: Address,
}

impl Approve {
    /// The instruction for the program at `program`.
    pub fn instruction(&self, program: &Address) -> Instruction {
        Instruction {
            program_id: *program,
            accounts: vec![
                signer_mut(&self.validator),
                meta(&address::config(program)),
                meta(&address::epoch(program, self.stake_epoch)),
                meta_mut(&address::approvals(program, &self.digest, self.stake_epoch)),
                meta(&SYSTEM_PROGRAM_ID),
            ],
            data: Writer::instruction("approve").raw(&self.digest).u64(self.stake_epoch).finish(),
        }
    }
}

impl CloseApprovals {
    /// The instruction for the program at `program`.
    pub fn instruction(&self, program: &Address) -> Instruction {
        let approvals = address::approvals(program, &self.digest, self.stake_epoch);
        Instruction {
            program_id: *program,
            accounts: vec![meta(&address::config(program)), meta_mut(&approvals), meta_mut(&self.payer)],
            data: Writer::instruction("close_approvals").finish(),
        }
    }
}
