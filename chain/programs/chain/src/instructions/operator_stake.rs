//! Moves a provider's, router's or verifier's stake: in, into cooldown, out (SPEC 9.1).

use crate::error::ChainError;
use crate::state::{Config, Operator, STAKE_VAULT_SEED};
use crate::vault;
use anchor_lang::prelude::*;
use anchor_spl::token::{Token, TokenAccount};

#[derive(Accounts)]
pub struct OperatorStake<'info> {
    pub authority: Signer<'info>,
    #[account(seeds = [Config::SEED], bump = config.bump)]
    pub config: Box<Account<'info, Config>>,
    #[account(
        mut,
        seeds = [Operator::SEED, &[operator.role], authority.key().as_ref()],
        bump = operator.bump
    )]
    pub operator: Box<Account<'info, Operator>>,
    #[account(mut, token::mint = config.mint, token::authority = authority)]
    pub authority_token: Box<Account<'info, TokenAccount>>,
    #[account(mut, seeds = [STAKE_VAULT_SEED], bump)]
    pub stake_vault: Box<Account<'info, TokenAccount>>,
    pub token_program: Program<'info, Token>,
}

pub fn stake_operator(ctx: Context<OperatorStake>, amount: u64) -> Result<()> {
    let accounts = ctx.accounts;
    let operator = &mut accounts.operator;
    operator.bond.add(amount)?;
    let enough = operator.bond.stake >= Operator::stake_min(operator.role, &accounts.config);
    require!(enough, ChainError::StakeTooLow);
    let (from, to) = (&accounts.authority_token, &accounts.stake_vault);
    vault::deposit(&accounts.token_program, from, to, &accounts.authority, amount)
}

pub fn unstake_operator(ctx: Context<OperatorStake>, amount: u64) -> Result<()> {
    let (operator, config) = (&mut ctx.accounts.operator, &ctx.accounts.config);
    operator.bond.cool(amount, config.unlock_epoch())?;
    let left = operator.bond.stake;
    require!(left == 0 || left >= Operator::stake_min(operator.role, config), ChainError::StakeTooLow);
    Ok(())
}

pub fn withdraw_operator(ctx: Context<OperatorStake>) -> Result<()> {
    let accounts = ctx.accounts;
    let amount = accounts.operator.bond.withdraw(accounts.config.stake_epoch)?;
    let (vault, config) = (&accounts.stake_vault, &accounts.config);
    vault::pay(&accounts.token_program, vault, config, &accounts.authority_token, amount)
}
