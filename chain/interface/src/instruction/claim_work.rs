use super::{meta, meta_mut};
use crate::account::Role;
use crate::bytes::Writer;
use crate::token::TOKEN_PROGRAM_ID;
use crate::{Address, Instruction, address};

/// Mints what a provider, router or verifier earned in an approved epoch (SPEC 9.13). Anyone may send it.
#[derive(Clone, Debug)]
pub struct ClaimWork {
    /// Which epoch.
    pub epoch: u64,
    /// The registration's role.
    pub role: Role,
    /// The registration's authority.
    pub authority: Address,
    /// Who opened the counters, and gets the rent back.
    pub payer: Address,
    /// A token account of the payout's wallet.
    pub to: Address,
}

impl ClaimWork {
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
                meta_mut(&address::work(program, self.epoch, self.role, &self.authority)),
                meta_mut(&self.payer),
                meta_mut(&self.to),
                meta(&TOKEN_PROGRAM_ID),
            ],
            data: Writer::instruction("claim_work").finish(),
        }
    }
}
