use super::{Terms, meta, meta_mut, optional, signer, signer_mut};
use crate::account::Role;
use crate::bytes::{Writer, tagged};
use crate::token::{SYSTEM_PROGRAM_ID, TOKEN_PROGRAM_ID};
use crate::{Address, Instruction, address};

/// Opens a deposit or tops it up.
#[derive(Clone, Debug)]
pub struct FundDeposit {
    /// Signs and pays.
    pub owner: Address,
    /// The owner's own token account.
    pub owner_token: Address,
    /// May open escrows from it.
    pub delegate: Address,
    /// Atoms.
    pub amount: u64,
}

/// Takes what no escrow holds out of a deposit.
#[derive(Clone, Debug)]
pub struct WithdrawDeposit {
    /// Signs.
    pub owner: Address,
    /// The owner's own token account.
    pub owner_token: Address,
    /// The deposit's delegate.
    pub delegate: Address,
    /// Atoms.
    pub amount: u64,
}

/// Binds an order's `max_fee` out of a deposit to its reply id.
#[derive(Clone, Debug)]
pub struct OpenEscrowFromDeposit {
    /// Signs and pays the rent.
    pub delegate: Address,
    /// The deposit's and the order's owner.
    pub owner: Address,
    /// The order's bytes, SPEC 2.2.
    pub order: Vec<u8>,
    /// What stands in the escrow beside the order.
    pub terms: Terms,
}

impl FundDeposit {
    /// The instruction for the program at `program`.
    pub fn instruction(&self, program: &Address) -> Instruction {
        Instruction {
            program_id: *program,
            accounts: vec![
                signer_mut(&self.owner),
                meta(&address::config(program)),
                meta_mut(&address::deposit(program, &self.owner, &self.delegate)),
                meta_mut(&self.owner_token),
                meta_mut(&address::vault(program)),
                meta(&TOKEN_PROGRAM_ID),
                meta(&SYSTEM_PROGRAM_ID),
            ],
            data: Writer::instruction("fund_deposit").address(&self.delegate).u64(self.amount).finish(),
        }
    }
}

impl WithdrawDeposit {
    /// The instruction for the program at `program`.
    pub fn instruction(&self, program: &Address) -> Instruction {
        Instruction {
            program_id: *program,
            accounts: vec![
                signer(&self.owner),
                meta(&address::config(program)),
                meta_mut(&address::deposit(program, &self.owner, &self.delegate)),
                meta_mut(&self.owner_token),
                meta_mut(&address::vault(program)),
                meta(&TOKEN_PROGRAM_ID),
            ],
            data: Writer::instruction("withdraw_deposit").u64(self.amount).finish(),
        }
    }
}

impl OpenEscrowFromDeposit {
    /// `H("ogong/v1/commitment/reply-id", order)`, SPEC 2.2.
    pub fn reply_id(&self) -> [u8; 32] {
        tagged("ogong/v1/commitment/reply-id", &self.order)
    }

    /// The instruction for the program at `program`.
    pub fn instruction(&self, program: &Address) -> Instruction {
        let operator = |role, authority: Option<Address>| {
            optional(program, authority.map(|authority| address::operator(program, role, &authority)).as_ref())
        };
        let data = Writer::instruction("open_escrow_from_deposit").bytes(&self.order);
        Instruction {
            program_id: *program,
            accounts: vec![
                signer_mut(&self.delegate),
                meta(&address::config(program)),
                meta_mut(&address::deposit(program, &self.owner, &self.delegate)),
                meta_mut(&address::escrow(program, &self.reply_id())),
                operator(Role::Provider, self.terms.provider_operator),
                operator(Role::Router, self.terms.router_operator),
                meta(&SYSTEM_PROGRAM_ID),
            ],
            data: self.terms.write(data).finish(),
        }
    }
}
