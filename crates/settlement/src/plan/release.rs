//! What pays a decided escrow, and whom.

use ogong_chain_interface::{
    Address, Instruction,
    account::{Escrow, Role},
    instruction::{Change, Release, Served},
    token::associated_token,
};

/// The instruction that pays a decided escrow into the associated token accounts of its payees; `epoch` is the current one.
pub fn release(program: &Address, mint: &Address, escrow: &Escrow, fee_owner: &Address, epoch: u64) -> Instruction {
    let registered = |operator: Address| (operator != Address::default()).then_some(operator);
    let release = Release {
        reply_id: escrow.reply_id,
        epoch,
        provider: Served::Provider {
            token: associated_token(&escrow.provider_payout, mint),
            operator: registered(escrow.provider_operator),
        },
        router_token: associated_token(&escrow.router_payout, mint),
        validator_token: associated_token(fee_owner, mint),
        change: change(escrow, mint),
        router_operator: registered(escrow.router_operator),
    };
    release.instruction(program)
}

/// The registered operators that an escrow names.
pub fn registered(escrow: &Escrow) -> Vec<(Role, Address)> {
    let roles = [(Role::Provider, escrow.provider_operator), (Role::Router, escrow.router_operator)];
    roles.into_iter().filter(|(_, operator)| *operator != Address::default()).collect()
}

/// Where an escrow's unspent part goes.
pub fn change(escrow: &Escrow, mint: &Address) -> Change {
    Change::of(escrow, associated_token(&escrow.owner, mint))
}
