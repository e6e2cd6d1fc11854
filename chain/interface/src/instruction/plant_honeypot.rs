use super::{meta, meta_mut, signer_mut};
use crate::bytes::Writer;
use crate::token::SYSTEM_PROGRAM_ID;
use crate::{Address, Instruction, address};

/// Commits to a planted audit before a verifier is asked (SPEC 9.12).
#[derive(Clone, Debug)]
pub struct PlantHoneypot {
    /// A validator of the current epoch; signs and pays the rent.
    pub planter: Address,
    /// [`crate::evidence::Honeypot::commitment`].
    pub commitment: [u8; 32],
    /// The current epoch.
    pub stake_epoch: u64,
}

impl PlantHoneypot {
    /// The instruction for the program at `program`.
    pub fn instruction(&self, program: &Address) -> Instruction {
        Instruction {
            program_id: *program,
            accounts: vec![
                signer_mut(&self.planter),
                meta(&address::config(program)),
                meta(&address::epoch(program, self.stake_epoch)),
                meta_mut(&address::honeypot(program, &self.commitment)),
                meta(&SYSTEM_PROGRAM_ID),
            ],
            data: Writer::instruction("plant_honeypot").raw(&self.commitment).finish(),
        }
    }
}
