use super::{meta, meta_mut};
use crate::bytes::Writer;
use crate::token::TOKEN_PROGRAM_ID;
use crate::{Address, Instruction, address};

/// Mints what a validator earned in an approved epoch (SPEC 9.13). Anyone may send it.
#[derive(Clone, Debug)]
pub struct ClaimAudits {
    /// Which epoch.
    pub epoch: u64,
    /// The validator's authority.
    pub authority: Address,
    /// A token account of its fee owner's wallet.
    pub to: Address,
}

impl ClaimAudits {
    /// The instruction for the program at `program`.
    pub fn instruction(&self, program: &Address) -> Instruction {
        Instruction {
            program_id: *program,
            accounts: vec![
                meta(&address::config(program)),
                meta_mut(&address::supply(program)),
                meta_mut(&address::mint(program)),
                meta_mut(&address::emission(program, self.epoch)),
                meta(&address::epoch(program, self.epoch)),
                meta(&address::validator(program, &self.authority)),
                meta_mut(&self.to),
                meta(&TOKEN_PROGRAM_ID),
            ],
            data: Writer::instruction("claim_audits").finish(),
        }
    }
}
