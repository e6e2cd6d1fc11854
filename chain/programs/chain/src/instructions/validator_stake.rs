//! Moves a validator's stake: in, into cooldown, out (SPEC 9.1). What it counts from the next epoch on is in the validator
//! set; epoch 0 follows at once.

use crate::error::ChainError;
use crate::state::{Bond, Config, Epoch, STAKE_VAULT_SEED, STATUS_ACTIVE, Validator, ValidatorSet};
use crate::vault;
use anchor_lang::prelude::*;
use anchor_spl::token::{Token, TokenAccount};

#[derive(Accounts)]
pub struct ValidatorStake<'info> {
    pub authority: Signer<'info>,
    #[account(seeds = [Config::SEED], bump = config.bump)]
    pub config: Box<Account<'info, Config>>,
    #[account(mut, seeds = [ValidatorSet::SEED], bump = validator_set.bump)]
    pub validator_set: Box<Account<'info, ValidatorSet>>,
    #[account(
        mut,
        seeds = [Epoch::SEED, &config.stake_epoch.to_le_bytes()],
        bump = epoch.load()?.bump
    )]
    pub epoch: AccountLoader<'info, Epoch>,
    #[account(mut, seeds = [Validator::SEED, authority.key().as_ref()], bump = validator.bump)]
    pub validator: Box<Account<'info, Validator>>,
    #[account(mut, token::mint = config.mint, token::authority = authority)]
    pub authority_token: Box<Account<'info, TokenAccount>>,
    #[account(mut, seeds = [STAKE_VAULT_SEED], bump)]
    pub stake_vault: Box<Account<'info, TokenAccount>>,
    pub token_program: Program<'info, Token>,
}

pub fn stake_validator(ctx: Context<ValidatorStake>, amount: u64) -> Result<()> {
    let accounts = ctx.accounts;
    accounts.validator.bond.add(amount)?;
    require!(accounts.validator.bond.stake >= accounts.config.min_stake, ChainError::StakeTooLow);
    accounts.count()?;
    let (from, to) = (&accounts.authority_token, &accounts.stake_vault);
    vault::deposit(&accounts.token_program, from, to, &accounts.authority, amount)
}

pub fn unstake_validator(ctx: Context<ValidatorStake>, amount: u64) -> Result<()> {
    let accounts = ctx.accounts;
    let config = &accounts.config;
    accounts.validator.bond.cool(amount, config.unlock_epoch())?;
    let left = accounts.validator.bond.stake;
    require!(left == 0 || left >= config.min_stake, ChainError::StakeTooLow);
    accounts.count()
}

/// By then no quorum can name an epoch in which the tokens counted: the cooldown is two epochs at least.
pub fn withdraw_validator(ctx: Context<ValidatorStake>) -> Result<()> {
    let accounts = ctx.accounts;
    let amount = accounts.validator.bond.withdraw(accounts.config.stake_epoch)?;
    let (vault, config) = (&accounts.stake_vault, &accounts.config);
    vault::pay(&accounts.token_program, vault, config, &accounts.authority_token, amount)
}

impl ValidatorStake<'_> {
    fn count(&mut self) -> Result<()> {
        let epoch = &mut *self.epoch.load_mut()?;
        count(&self.config, &mut self.validator_set, epoch, self.validator.authority, &self.validator.bond)
    }
}

/// Enters what a validator's bond counts from now on.
pub fn count(config: &Config, set: &mut ValidatorSet, epoch: &mut Epoch, authority: Pubkey, bond: &Bond) -> Result<()> {
    let counts = bond.status == STATUS_ACTIVE && bond.stake >= config.min_stake;
    let stake = if counts { bond.stake } else { 0 };
    set.epoch = config.stake_epoch;
    set.set_stake(authority, stake)?;
    if config.stake_epoch == 0 {
        epoch.set_stake(authority, stake)?;
    }
    Ok(())
}
