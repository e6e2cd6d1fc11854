use super::{meta, meta_mut, signer};
use crate::bytes::Writer;
use crate::token::TOKEN_PROGRAM_ID;
use crate::{Address, Instruction, address};

/// Takes a validator's whole bond for a case, by a quorum, into the reserve (SPEC 9.12).
#[derive(Clone, Debug)]
pub struct SlashValidator {
    /// The registered validator that sends it; signs and counts.
    pub handler: Address,
    /// The other registered validators that sign, the handler not among them.
    pub cosigners: Vec<Address>,
    /// The account of the approvals, where they were collected.
    pub approvals: Option<Address>,
    /// The registration's authority.
    pub authority: Address,
    /// Of the case: reply id, job or query.
    pub subject: [u8; 32],
    /// Of the case.
    pub evidence: [u8; 32],
    /// The epoch whose stake votes.
    pub stake_epoch: u64,
}

impl SlashValidator {
    /// The instruction for the program at `program`.
    pub fn instruction(&self, program: &Address) -> Instruction {
        let culprit = address::validator(program, &self.authority);
        let mut accounts = vec![
            signer(&self.handler),
            meta(&address::config(program)),
            meta_mut(&address::epoch(program, self.stake_epoch)),
            meta_mut(&address::validator_set(program)),
            meta_mut(&culprit),
            meta_mut(&address::case(program, &culprit, &self.subject, &self.evidence)),
            meta_mut(&address::stake_vault(program)),
            meta_mut(&address::reserve(program)),
            super::optional_mut(program, self.approvals.as_ref()),
            meta(&TOKEN_PROGRAM_ID),
        ];
        accounts.extend(self.cosigners.iter().map(signer));
        Instruction {
            program_id: *program,
            accounts,
            data: Writer::instruction("slash_validator").u64(self.stake_epoch).finish(),
        }
    }
}
