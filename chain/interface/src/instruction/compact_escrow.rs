use super::{meta, meta_mut, signer_mut};
use crate::bytes::Writer;
use crate::token::SYSTEM_PROGRAM_ID;
use crate::{Address, Instruction, address};

/// Shrinks a finished escrow to [`crate::account::Stub`] and returns the rent in between (SPEC 9.14).
#[derive(Clone, Debug)]
pub struct CompactEscrow {
    /// Which escrow.
    pub reply_id: [u8; 32],
    /// Who paid its rent: its owner, or the delegate of the deposit that it was opened from. Signs.
    pub payer: Address,
}

impl CompactEscrow {
    /// The instruction for the program at `program`.
    pub fn instruction(&self, program: &Address) -> Instruction {
        Instruction {
            program_id: *program,
            accounts: vec![
                meta_mut(&address::escrow(program, &self.reply_id)),
                signer_mut(&self.payer),
                meta(&SYSTEM_PROGRAM_ID),
            ],
            data: Writer::instruction("compact_escrow").finish(),
        }
    }
}
