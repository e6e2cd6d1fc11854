use super::{meta, meta_mut, signer_mut};
use crate::account::Role;
use crate::bytes::Writer;
use crate::evidence::Honeypot;
use crate::token::SYSTEM_PROGRAM_ID;
use crate::{Address, INSTRUCTIONS_SYSVAR_ID, Instruction, address};

/// Opens a case against a verifier with its word on a planted audit (SPEC 9.12). [`crate::ed25519::verify`] stands in front
/// of it.
#[derive(Clone, Debug)]
pub struct AccuseVerifier {
    /// Signs and pays the rent.
    pub accuser: Address,
    /// The verifier's authority.
    pub authority: Address,
    /// Account of its published key.
    pub node_key: Address,
    /// The honeypot's opening.
    pub honeypot: Honeypot,
    /// [`crate::evidence::hash`] of what is verified in front.
    pub evidence: [u8; 32],
}

impl AccuseVerifier {
    /// The instruction for the program at `program`.
    pub fn instruction(&self, program: &Address) -> Instruction {
        let culprit = address::operator(program, Role::Verifier, &self.authority);
        Instruction {
            program_id: *program,
            accounts: vec![
                signer_mut(&self.accuser),
                meta(&address::config(program)),
                meta(&culprit),
                meta(&self.node_key),
                meta(&address::honeypot(program, &self.honeypot.commitment())),
                meta_mut(&address::case(program, &culprit, &self.honeypot.job, &self.evidence)),
                meta(&INSTRUCTIONS_SYSVAR_ID),
                meta(&SYSTEM_PROGRAM_ID),
            ],
            data: Writer::instruction("accuse_verifier")
                .raw(&self.honeypot.job)
                .u8(self.honeypot.expected)
                .raw(&self.honeypot.salt)
                .finish(),
        }
    }
}
