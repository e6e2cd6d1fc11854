//! Binds an order's `max_fee` out of a deposit to its reply id (SPEC 9.2): what a gateway does on its consumer's behalf, one
//! deposit serving many replies. The tokens are in the vault already.

use crate::error::ChainError;
use crate::escrow::{self, Terms};
use crate::order;
use crate::state::{Config, Deposit, Escrow, Operator};
use anchor_lang::prelude::*;

#[derive(Accounts)]
#[instruction(order: Vec<u8>)]
pub struct OpenEscrowFromDeposit<'info> {
    #[account(mut)]
    pub delegate: Signer<'info>,
    #[account(seeds = [Config::SEED], bump = config.bump)]
    pub config: Box<Account<'info, Config>>,
    #[account(
        mut,
        seeds = [Deposit::SEED, deposit.owner.as_ref(), deposit.delegate.as_ref()],
        bump = deposit.bump,
        has_one = delegate @ ChainError::DelegateWrong
    )]
    pub deposit: Box<Account<'info, Deposit>>,
    #[account(
        init,
        payer = delegate,
        space = 8 + Escrow::INIT_SPACE,
        seeds = [Escrow::SEED, &order::reply_id(&order)],
        bump
    )]
    pub escrow: Box<Account<'info, Escrow>>,
    /// The provider's registration, where it has one.
    pub provider: Option<Box<Account<'info, Operator>>>,
    /// The router's registration, where it has one.
    pub router: Option<Box<Account<'info, Operator>>>,
    pub system_program: Program<'info, System>,
}

pub fn open_escrow_from_deposit(ctx: Context<OpenEscrowFromDeposit>, order: &[u8], terms: &Terms) -> Result<()> {
    let accounts = ctx.accounts;
    let registered = [&accounts.provider, &accounts.router].map(|operator| operator.as_ref().map(|o| &***o));
    let owner = accounts.deposit.owner;
    let payer = accounts.delegate.key();
    let mut escrow = escrow::open(order, terms, &accounts.config, owner, registered, payer, ctx.bumps.escrow)?;
    escrow.deposit = accounts.deposit.key();
    let balance = accounts.deposit.balance.checked_sub(escrow.max_fee).ok_or(ChainError::DepositTooLow)?;
    accounts.deposit.balance = balance;
    accounts.escrow.set_inner(escrow);
    Ok(())
}
