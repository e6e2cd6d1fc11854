//! Begins the next epoch once the current one is over (SPEC 9.9). Anyone may send it.

use crate::error::ChainError;
use crate::event::EpochBegan;
use crate::settlement::now_ms;
use crate::state::{Config, Epoch, ValidatorSet};
use anchor_lang::prelude::*;

#[derive(Accounts)]
pub struct AdvanceEpoch<'info> {
    #[account(mut)]
    pub payer: Signer<'info>,
    #[account(mut, seeds = [Config::SEED], bump = config.bump)]
    pub config: Box<Account<'info, Config>>,
    #[account(seeds = [ValidatorSet::SEED], bump = validator_set.bump)]
    pub validator_set: Box<Account<'info, ValidatorSet>>,
    #[account(
        mut,
        seeds = [Epoch::SEED, &config.stake_epoch.to_le_bytes()],
        bump = current.load()?.bump
    )]
    pub current: AccountLoader<'info, Epoch>,
    #[account(
        init,
        payer = payer,
        space = Epoch::SPACE,
        seeds = [Epoch::SEED, &config.stake_epoch.wrapping_add(1).to_le_bytes()],
        bump
    )]
    pub next: AccountLoader<'info, Epoch>,
    pub system_program: Program<'info, System>,
}

pub fn advance_epoch(ctx: Context<AdvanceEpoch>) -> Result<()> {
    let accounts = ctx.accounts;
    let (config, now) = (&mut accounts.config, now_ms()?);
    let over_ms = config.epoch_started_ms.saturating_add(config.epoch_length_ms);
    require!(now >= over_ms, ChainError::EpochNotOver);
    accounts.current.load_mut()?.ended_ms = now;
    config.stake_epoch = config.stake_epoch.checked_add(1).ok_or(ChainError::AmountOverflow)?;
    config.epoch_started_ms = now;
    let mut next = accounts.next.load_init()?;
    next.begin(config.stake_epoch, ctx.bumps.next, now, &accounts.validator_set);
    emit!(EpochBegan { epoch: config.stake_epoch, started_ms: now, total_stake: next.total_stake });
    Ok(())
}
