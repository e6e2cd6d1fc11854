use super::{meta, meta_mut, signer_mut};
use crate::account::Role;
use crate::bytes::Writer;
use crate::token::SYSTEM_PROGRAM_ID;
use crate::{Address, INSTRUCTIONS_SYSVAR_ID, Instruction, address};

/// Opens a case against a router with routes that it signed: two providers for one query, or one over its ceiling (SPEC 9.12). [`crate::ed25519::verify`]
/// stands in front of it.
#[derive(Clone, Debug)]
pub struct AccuseRouter {
    /// Signs and pays the rent.
    pub accuser: Address,
    /// The router's authority.
    pub authority: Address,
    /// Account of its published key.
    pub node_key: Address,
    /// Which query.
    pub query: [u8; 32],
    /// [`crate::evidence::hash`] of what is verified in front.
    pub evidence: [u8; 32],
}

impl AccuseRouter {
    /// The instruction for the program at `program`.
    pub fn instruction(&self, program: &Address) -> Instruction {
        let culprit = address::operator(program, Role::Router, &self.authority);
        Instruction {
            program_id: *program,
            accounts: vec![
                signer_mut(&self.accuser),
                meta(&address::config(program)),
                meta(&culprit),
                meta(&self.node_key),
                meta_mut(&address::case(program, &culprit, &self.query, &self.evidence)),
                meta(&INSTRUCTIONS_SYSVAR_ID),
                meta(&SYSTEM_PROGRAM_ID),
            ],
            data: Writer::instruction("accuse_router").raw(&self.query).finish(),
        }
    }
}
