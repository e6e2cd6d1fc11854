use super::{meta, meta_mut};
use crate::bytes::Writer;
use crate::token::TOKEN_PROGRAM_ID;
use crate::{Address, Instruction, address};

/// Returns the whole escrow to its owner after the order's deadline (SPEC 9.6). Anyone may send it.
#[derive(Clone, Debug)]
pub struct RefundExpired {
    /// Which escrow.
    pub reply_id: [u8; 32],
    /// A token account of the escrow's `owner`.
    pub owner_token: Address,
}

impl RefundExpired {
    /// The instruction for the program at `program`.
    pub fn instruction(&self, program: &Address) -> Instruction {
        Instruction {
            program_id: *program,
            accounts: vec![
                meta(&address::config(program)),
                meta_mut(&address::escrow(program, &self.reply_id)),
                meta_mut(&address::vault(program)),
                meta_mut(&self.owner_token),
                meta(&TOKEN_PROGRAM_ID),
            ],
            data: Writer::instruction("refund_expired").finish(),
        }
    }
}
