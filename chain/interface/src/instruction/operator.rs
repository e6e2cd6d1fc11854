use super::{meta, meta_mut, signer, signer_mut};
use crate::account::Role;
use crate::bytes::Writer;
use crate::token::{SYSTEM_PROGRAM_ID, TOKEN_PROGRAM_ID};
use crate::{Address, Instruction, address};

/// Registers a provider, router or verifier.
#[derive(Clone, Debug)]
pub struct RegisterOperator {
    /// The stake's owner; signs and pays the rent.
    pub authority: Address,
    /// The authority's own token account.
    pub stake_source: Address,
    /// As what.
    pub role: Role,
    /// SPEC 1.1.
    pub node_id: [u8; 32],
    /// Wallet that is paid.
    pub payout: Address,
    /// Atoms; a provider may stake none.
    pub stake: u64,
    /// Roots of the models that a provider serves, at most 8.
    pub models: Vec<[u8; 32]>,
}

/// Gives an operator another node, payout or list of models.
#[derive(Clone, Debug)]
pub struct UpdateOperator {
    /// Signs.
    pub authority: Address,
    /// Of which role.
    pub role: Role,
    /// SPEC 1.1.
    pub node_id: [u8; 32],
    /// Wallet that is paid.
    pub payout: Address,
    /// Roots of the models that a provider serves, at most 8.
    pub models: Vec<[u8; 32]>,
}

/// Opens an operator's counters in the current epoch. Anyone may send it.
#[derive(Clone, Debug)]
pub struct OpenWork {
    /// Signs and pays the rent.
    pub payer: Address,
    /// The current epoch.
    pub epoch: u64,
    /// Of which role.
    pub role: Role,
    /// The operator's authority.
    pub operator: Address,
}

impl RegisterOperator {
    /// The instruction for the program at `program`.
    pub fn instruction(&self, program: &Address) -> Instruction {
        let data = Writer::instruction("register_operator").u8(self.role as u8).raw(&self.node_id);
        Instruction {
            program_id: *program,
            accounts: vec![
                signer_mut(&self.authority),
                meta(&address::config(program)),
                meta_mut(&address::operator(program, self.role, &self.authority)),
                meta_mut(&self.stake_source),
                meta_mut(&address::stake_vault(program)),
                meta(&TOKEN_PROGRAM_ID),
                meta(&SYSTEM_PROGRAM_ID),
            ],
            data: data.address(&self.payout).u64(self.stake).list(self.models.iter()).finish(),
        }
    }
}

impl UpdateOperator {
    /// The instruction for the program at `program`.
    pub fn instruction(&self, program: &Address) -> Instruction {
        let data = Writer::instruction("update_operator").raw(&self.node_id).address(&self.payout);
        Instruction {
            program_id: *program,
            accounts: vec![signer(&self.authority), meta_mut(&address::operator(program, self.role, &self.authority))],
            data: data.list(self.models.iter()).finish(),
        }
    }
}

impl OpenWork {
    /// The instruction for the program at `program`.
    pub fn instruction(&self, program: &Address) -> Instruction {
        Instruction {
            program_id: *program,
            accounts: vec![
                signer_mut(&self.payer),
                meta(&address::config(program)),
                meta(&address::operator(program, self.role, &self.operator)),
                meta_mut(&address::work(program, self.epoch, self.role, &self.operator)),
                meta(&SYSTEM_PROGRAM_ID),
            ],
            data: Writer::instruction("open_work").finish(),
        }
    }
}
