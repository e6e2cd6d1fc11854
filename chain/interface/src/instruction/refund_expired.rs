use super::{Change, meta, meta_mut};
use crate::bytes::Writer;
use crate::token::TOKEN_PROGRAM_ID;
use crate::{Address, Instruction, address};

/// Returns the whole escrow to its owner after the order's deadline (SPEC 9.6). Anyone may send it.
#[derive(Clone, Debug)]
pub struct RefundExpired {
    /// Which escrow.
    pub reply_id: [u8; 32],
    /// Where the money goes.
    pub change: Change,
}

impl RefundExpired {
    /// The instruction for the program at `program`.
    pub fn instruction(&self, program: &Address) -> Instruction {
        let [owner_token, deposit] = self.change.accounts(program);
        Instruction {
            program_id: *program,
            accounts: vec![
                meta(&address::config(program)),
                meta_mut(&address::escrow(program, &self.reply_id)),
                meta_mut(&address::vault(program)),
                owner_token,
                deposit,
                meta(&TOKEN_PROGRAM_ID),
            ],
            data: Writer::instruction("refund_expired").finish(),
        }
    }
}
