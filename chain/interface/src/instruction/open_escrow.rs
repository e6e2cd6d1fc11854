use super::{meta, meta_mut, optional, signer_mut};
use crate::account::Role;
use crate::bytes::{Writer, tagged};
use crate::token::{SYSTEM_PROGRAM_ID, TOKEN_PROGRAM_ID};
use crate::{Address, Instruction, address};

/// What stands in an escrow beside the order.
#[derive(Clone, Debug)]
pub struct Terms {
    /// Ed25519 key that signs the order.
    pub session_key: [u8; 32],
    /// Wallet that receives the provider's share.
    pub provider_payout: Address,
    /// Wallet that receives the router's share.
    pub router_payout: Address,
    /// Authority under which the provider is registered with this node id and payout; without it the reply earns it no
    /// emission.
    pub provider_operator: Option<Address>,
    /// The same of the router.
    pub router_operator: Option<Address>,
}

/// Moves an order's `max_fee` into the vault, under its reply id.
#[derive(Clone, Debug)]
pub struct OpenEscrow {
    /// The order's owner; signs and pays the rent.
    pub owner: Address,
    /// The owner's own token account that the fee comes from.
    pub owner_token: Address,
    /// The order's bytes, SPEC 2.2.
    pub order: Vec<u8>,
    /// What stands in the escrow beside the order.
    pub terms: Terms,
}

impl Terms {
    pub(super) fn write(&self, data: Writer) -> Writer {
        data.raw(&self.session_key).address(&self.provider_payout).address(&self.router_payout)
    }
}

impl OpenEscrow {
    /// `H("ogong/v1/commitment/reply-id", order)`, SPEC 2.2.
    pub fn reply_id(&self) -> [u8; 32] {
        tagged("ogong/v1/commitment/reply-id", &self.order)
    }

    /// The instruction for the program at `program`.
    pub fn instruction(&self, program: &Address) -> Instruction {
        let operator = |role, authority: Option<Address>| {
            optional(program, authority.map(|authority| address::operator(program, role, &authority)).as_ref())
        };
        let data = Writer::instruction("open_escrow").bytes(&self.order);
        Instruction {
            program_id: *program,
            accounts: vec![
                signer_mut(&self.owner),
                meta(&address::config(program)),
                meta_mut(&address::escrow(program, &self.reply_id())),
                meta_mut(&self.owner_token),
                meta_mut(&address::vault(program)),
                operator(Role::Provider, self.terms.provider_operator),
                operator(Role::Router, self.terms.router_operator),
                meta(&TOKEN_PROGRAM_ID),
                meta(&SYSTEM_PROGRAM_ID),
            ],
            data: self.terms.write(data).finish(),
        }
    }
}
