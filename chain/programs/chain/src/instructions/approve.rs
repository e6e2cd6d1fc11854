//! A validator agrees to a digest (SPEC 9.4): for quorums that one transaction cannot hold.

use crate::error::ChainError;
use crate::quorum;
use crate::settlement::now_ms;
use crate::state::{Approvals, Config, Epoch, VERSION};
use anchor_lang::prelude::*;

#[derive(Accounts)]
#[instruction(digest: [u8; 32], stake_epoch: u64)]
pub struct Approve<'info> {
    #[account(mut)]
    pub validator: Signer<'info>,
    #[account(seeds = [Config::SEED], bump = config.bump)]
    pub config: Box<Account<'info, Config>>,
    #[account(seeds = [Epoch::SEED, &stake_epoch.to_le_bytes()], bump = epoch.load()?.bump)]
    pub epoch: AccountLoader<'info, Epoch>,
    // The first of them makes the account; digest and epoch are in its seeds, so that nothing else can have written it.
    #[account(
        init_if_needed,
        payer = validator,
        space = 8 + Approvals::INIT_SPACE,
        seeds = [Approvals::SEED, &digest, &stake_epoch.to_le_bytes()],
        bump
    )]
    pub approvals: Box<Account<'info, Approvals>>,
    pub system_program: Program<'info, System>,
}

pub fn approve(ctx: Context<Approve>, digest: [u8; 32], stake_epoch: u64) -> Result<()> {
    let accounts = ctx.accounts;
    require!(accounts.config.counts(stake_epoch, now_ms()?), ChainError::StakeEpochWrong);
    let approvals = &mut accounts.approvals;
    if approvals.version == 0 {
        (approvals.version, approvals.bump) = (VERSION, ctx.bumps.approvals);
        (approvals.digest, approvals.epoch) = (digest, stake_epoch);
        approvals.payer = accounts.validator.key();
    }
    approvals.signers = quorum::with_signer(&*accounts.epoch.load()?, approvals.signers, accounts.validator.key)?;
    Ok(())
}
