use super::{meta, meta_mut, signer_mut};
use crate::bytes::Writer;
use crate::token::SYSTEM_PROGRAM_ID;
use crate::{Address, INSTRUCTIONS_SYSVAR_ID, Instruction, address};

/// Opens a case against a validator with two contradicting votes on one reply (SPEC 9.12). [`crate::ed25519::verify`]
/// stands in front of it.
#[derive(Clone, Debug)]
pub struct AccuseValidator {
    /// Signs and pays the rent.
    pub accuser: Address,
    /// The validator's authority.
    pub authority: Address,
    /// Account of its published key.
    pub node_key: Address,
    /// Which reply, SPEC 2.2.
    pub reply_id: [u8; 32],
    /// [`crate::evidence::hash`] of what is verified in front.
    pub evidence: [u8; 32],
}

impl AccuseValidator {
    /// The instruction for the program at `program`.
    pub fn instruction(&self, program: &Address) -> Instruction {
        let culprit = address::validator(program, &self.authority);
        Instruction {
            program_id: *program,
            accounts: vec![
                signer_mut(&self.accuser),
                meta(&address::config(program)),
                meta(&culprit),
                meta(&self.node_key),
                meta_mut(&address::case(program, &culprit, &self.reply_id, &self.evidence)),
                meta(&INSTRUCTIONS_SYSVAR_ID),
                meta(&SYSTEM_PROGRAM_ID),
            ],
            data: Writer::instruction("accuse_validator").raw(&self.reply_id).finish(),
        }
    }
}
