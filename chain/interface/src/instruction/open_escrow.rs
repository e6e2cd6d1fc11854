use super::{meta, meta_mut, signer_mut};
use crate::bytes::{Writer, tagged};
use crate::token::{SYSTEM_PROGRAM_ID, TOKEN_PROGRAM_ID};
use crate::{Address, Instruction, address};

/// Moves an order's `max_fee` into the vault, under its reply id.
#[derive(Clone, Debug)]
pub struct OpenEscrow {
    /// The order's owner; signs and pays the rent.
    pub owner: Address,
    /// The owner's own token account that the fee comes from.
    pub owner_token: Address,
    /// The order's bytes, SPEC 2.2.
    pub order: Vec<u8>,
    /// Ed25519 key that signs the order.
    pub session_key: [u8; 32],
    /// Wallet that receives the provider's share.
    pub provider_payout: Address,
    /// Wallet that receives the router's share.
    pub router_payout: Address,
}

impl OpenEscrow {
    /// `H("ogong/v1/commitment/reply-id", order)`, SPEC 2.2.
    pub fn reply_id(&self) -> [u8; 32] {
        tagged("ogong/v1/commitment/reply-id", &self.order)
    }

    /// The instruction for the program at `program`.
    pub fn instruction(&self, program: &Address) -> Instruction {
        Instruction {
            program_id: *program,
            accounts: vec![
                signer_mut(&self.owner),
                meta(&address::config(program)),
                meta_mut(&address::escrow(program, &self.reply_id())),
                meta_mut(&self.owner_token),
                meta_mut(&address::vault(program)),
                meta(&TOKEN_PROGRAM_ID),
                meta(&SYSTEM_PROGRAM_ID),
            ],
            data: Writer::instruction("open_escrow")
                .bytes(&self.order)
                .raw(&self.session_key)
                .address(&self.provider_payout)
                .address(&self.router_payout)
                .finish(),
        }
    }
}
