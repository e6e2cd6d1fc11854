use super::{meta, meta_mut};
use crate::account::Role;
use crate::bytes::Writer;
use crate::token::TOKEN_PROGRAM_ID;
use crate::{Address, Instruction, address};

/// Pays a verifier that a settlement or reject names its flat fee out of the reserve (SPEC 9.5). Anyone may send it.
#[derive(Clone, Debug)]
pub struct PayVerifier {
    /// For which reply.
    pub reply_id: [u8; 32],
    /// The current epoch: the audit is counted in it.
    pub epoch: u64,
    /// The registered verifier's authority.
    pub verifier: Address,
    /// A token account of the verifier's `payout`.
    pub verifier_token: Address,
}

impl PayVerifier {
    /// The instruction for the program at `program`.
    pub fn instruction(&self, program: &Address) -> Instruction {
        Instruction {
            program_id: *program,
            accounts: vec![
                meta(&address::config(program)),
                meta_mut(&address::epoch(program, self.epoch)),
                meta_mut(&address::escrow(program, &self.reply_id)),
                meta(&address::operator(program, Role::Verifier, &self.verifier)),
                meta_mut(&address::work(program, self.epoch, Role::Verifier, &self.verifier)),
                meta_mut(&self.verifier_token),
                meta_mut(&address::reserve(program)),
                meta(&TOKEN_PROGRAM_ID),
            ],
            data: Writer::instruction("pay_verifier").finish(),
        }
    }
}
