//! A quorum lets a closed epoch's work be paid (SPEC 9.13). The amounts follow from the counters: nobody can type in others.

use crate::error::ChainError;
use crate::event::EmissionApproved;
use crate::settlement::now_ms;
use crate::state::*;
use crate::{emission, quorum};
use anchor_lang::prelude::*;

/// Remaining accounts: the co-signers, where there are no approvals.
#[derive(Accounts)]
#[instruction(number: u64, stake_epoch: u64)]
pub struct ApproveEmission<'info> {
    #[account(mut)]
    pub handler: Signer<'info>,
    #[account(seeds = [Config::SEED], bump = config.bump)]
    pub config: Box<Account<'info, Config>>,
    #[account(seeds = [Supply::SEED], bump = supply.bump)]
    pub supply: Box<Account<'info, Supply>>,
    /// Whose stake votes.
    #[account(seeds = [Epoch::SEED, &stake_epoch.to_le_bytes()], bump = epoch.load()?.bump)]
    pub epoch: AccountLoader<'info, Epoch>,
    /// Whose work is paid.
    #[account(seeds = [Epoch::SEED, &number.to_le_bytes()], bump = worked.load()?.bump)]
    pub worked: AccountLoader<'info, Epoch>,
    #[account(
        init,
        payer = handler,
        space = 8 + Emission::INIT_SPACE,
        seeds = [Emission::SEED, &number.to_le_bytes()],
        bump
    )]
    pub emission: Box<Account<'info, Emission>>,
    #[account(mut)]
    pub approvals: Option<Box<Account<'info, Approvals>>>,
    pub system_program: Program<'info, System>,
}

pub fn approve_emission<'info>(
    ctx: Context<'info, ApproveEmission<'info>>,
    number: u64,
    stake_epoch: u64,
) -> Result<()> {
    let accounts = ctx.accounts;
    let now_ms = now_ms()?;
    require!(accounts.config.is_closed(number, now_ms), ChainError::EpochNotClosed);
    let worked = &*accounts.worked.load()?;
    let amounts = emission::amounts(&accounts.supply, worked);
    let digest = emission::digest(&accounts.config, worked, &amounts, stake_epoch);
    let approvals = accounts.approvals.as_mut().map(|approvals| &mut ***approvals);
    let epoch = &*accounts.epoch.load()?;
    let handler = accounts.handler.key;
    quorum::authorize(&accounts.config, epoch, &digest, approvals, handler, ctx.remaining_accounts)?;
    accounts.emission.set_inner(Emission {
        version: VERSION,
        bump: ctx.bumps.emission,
        epoch: number,
        amounts,
        minted: 0,
        members_claimed: 0,
        approved_ms: now_ms,
        reserved: [0; 64],
    });
    emit!(EmissionApproved { epoch: number, amounts, digest });
    Ok(())
}
