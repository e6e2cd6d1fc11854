//! Opens a deposit or tops it up (SPEC 9.2).

use crate::error::ChainError;
use crate::state::{Config, Deposit, VAULT_SEED, VERSION};
use crate::vault;
use anchor_lang::prelude::*;
use anchor_spl::token::{Token, TokenAccount};

#[derive(Accounts)]
#[instruction(delegate: Pubkey)]
pub struct FundDeposit<'info> {
    #[account(mut)]
    pub owner: Signer<'info>,
    #[account(seeds = [Config::SEED], bump = config.bump)]
    pub config: Box<Account<'info, Config>>,
    // Owner and delegate are in its seeds, so that it does not matter whether it was there.
    #[account(
        init_if_needed,
        payer = owner,
        space = 8 + Deposit::INIT_SPACE,
        seeds = [Deposit::SEED, owner.key().as_ref(), delegate.as_ref()],
        bump
    )]
    pub deposit: Box<Account<'info, Deposit>>,
    #[account(mut, token::mint = config.mint, token::authority = owner)]
    pub owner_token: Box<Account<'info, TokenAccount>>,
    #[account(mut, seeds = [VAULT_SEED], bump)]
    pub vault: Box<Account<'info, TokenAccount>>,
    pub token_program: Program<'info, Token>,
    pub system_program: Program<'info, System>,
}

pub fn fund_deposit(ctx: Context<FundDeposit>, delegate: Pubkey, amount: u64) -> Result<()> {
    let accounts = ctx.accounts;
    require!(amount > 0, ChainError::AmountZero);
    let deposit = &mut accounts.deposit;
    (deposit.version, deposit.bump) = (VERSION, ctx.bumps.deposit);
    (deposit.owner, deposit.delegate) = (accounts.owner.key(), delegate);
    deposit.balance = deposit.balance.checked_add(amount).ok_or(ChainError::AmountOverflow)?;
    let (from, to) = (&accounts.owner_token, &accounts.vault);
    vault::deposit(&accounts.token_program, from, to, &accounts.owner, amount)
}
