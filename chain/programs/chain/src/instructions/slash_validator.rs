//! Takes a validator's whole bond for a case, by a quorum (SPEC 9.12). It goes to the reserve, never to the accuser.

use crate::event::Slashed;
use crate::state::*;
use crate::{quorum, slashing, vault};
use anchor_lang::prelude::*;
use anchor_spl::token::{Token, TokenAccount};

/// Remaining accounts: the co-signers, where there are no approvals.
#[derive(Accounts)]
#[instruction(stake_epoch: u64)]
pub struct SlashValidator<'info> {
    pub handler: Signer<'info>,
    // the epoch that began last, so that no other one still counts the stake
    #[account(
        seeds = [Config::SEED],
        bump = config.bump,
        constraint = config.stake_epoch == stake_epoch @ crate::error::ChainError::StakeEpochWrong
    )]
    pub config: Box<Account<'info, Config>>,
    #[account(mut, seeds = [Epoch::SEED, &stake_epoch.to_le_bytes()], bump = epoch.load()?.bump)]
    pub epoch: AccountLoader<'info, Epoch>,
    #[account(mut, seeds = [ValidatorSet::SEED], bump = validator_set.bump)]
    pub validator_set: Box<Account<'info, ValidatorSet>>,
    #[account(mut, seeds = [Validator::SEED, validator.authority.as_ref()], bump = validator.bump)]
    pub validator: Box<Account<'info, Validator>>,
    #[account(mut, seeds = [Case::SEED, validator.key().as_ref(), case.subject.as_ref(), case.evidence.as_ref()], bump = case.bump)]
    pub case: Box<Account<'info, Case>>,
    #[account(mut, seeds = [STAKE_VAULT_SEED], bump)]
    pub stake_vault: Box<Account<'info, TokenAccount>>,
    #[account(mut, seeds = [RESERVE_SEED], bump)]
    pub reserve: Box<Account<'info, TokenAccount>>,
    #[account(mut)]
    pub approvals: Option<Box<Account<'info, Approvals>>>,
    pub token_program: Program<'info, Token>,
}

pub fn slash_validator<'info>(ctx: Context<'info, SlashValidator<'info>>, stake_epoch: u64) -> Result<()> {
    let accounts = ctx.accounts;
    let digest = slashing::digest(&accounts.config, &accounts.case, stake_epoch);
    let approvals = accounts.approvals.as_mut().map(|approvals| &mut ***approvals);
    let handler = accounts.handler.key;
    let authority = accounts.validator.authority;
    {
        let mut epoch = accounts.epoch.load_mut()?;
        quorum::authorize(&accounts.config, &epoch, &digest, approvals, handler, ctx.remaining_accounts)?;
        // what it no longer has stops counting at once: that gives nobody else a vote
        if epoch.position(&authority).is_some() {
            epoch.set_stake(authority, 0)?;
        }
    }
    accounts.validator_set.set_stake(authority, 0)?;
    accounts.validator_set.epoch = accounts.config.stake_epoch;
    let amount = slashing::forfeit(&mut accounts.validator.bond, &mut accounts.case)?;
    let (from, config, to) = (&accounts.stake_vault, &accounts.config, &accounts.reserve);
    vault::pay(&accounts.token_program, from, config, to, amount)?;
    emit!(Slashed { kind: accounts.case.kind, culprit: accounts.case.culprit, subject: accounts.case.subject, amount });
    Ok(())
}
