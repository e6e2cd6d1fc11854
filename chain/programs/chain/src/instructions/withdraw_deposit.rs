//! Takes what no escrow holds out of a deposit (SPEC 9.2). The owner alone may.

use crate::error::ChainError;
use crate::state::{Config, Deposit, VAULT_SEED};
use crate::vault;
use anchor_lang::prelude::*;
use anchor_spl::token::{Token, TokenAccount};

#[derive(Accounts)]
pub struct WithdrawDeposit<'info> {
    pub owner: Signer<'info>,
    #[account(seeds = [Config::SEED], bump = config.bump)]
    pub config: Box<Account<'info, Config>>,
    #[account(
        mut,
        seeds = [Deposit::SEED, owner.key().as_ref(), deposit.delegate.as_ref()],
        bump = deposit.bump
    )]
    pub deposit: Box<Account<'info, Deposit>>,
    #[account(mut, token::mint = config.mint, token::authority = owner)]
    pub owner_token: Box<Account<'info, TokenAccount>>,
    #[account(mut, seeds = [VAULT_SEED], bump)]
    pub vault: Box<Account<'info, TokenAccount>>,
    pub token_program: Program<'info, Token>,
}

pub fn withdraw_deposit(ctx: Context<WithdrawDeposit>, amount: u64) -> Result<()> {
    let accounts = ctx.accounts;
    require!(amount > 0, ChainError::AmountZero);
    let deposit = &mut accounts.deposit;
    deposit.balance = deposit.balance.checked_sub(amount).ok_or(ChainError::DepositTooLow)?;
    let (vault, config) = (&accounts.vault, &accounts.config);
    vault::pay(&accounts.token_program, vault, config, &accounts.owner_token, amount)
}
