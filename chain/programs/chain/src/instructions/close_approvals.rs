//! Returns the rent of approvals that were used, or whose epoch no quorum can name any more. Anyone may send it.

use crate::error::ChainError;
use crate::settlement::now_ms;
use crate::state::{Approvals, Config};
use anchor_lang::prelude::*;

#[derive(Accounts)]
pub struct CloseApprovals<'info> {
    #[account(seeds = [Config::SEED], bump = config.bump)]
    pub config: Box<Account<'info, Config>>,
    #[account(
        mut,
        seeds = [Approvals::SEED, &approvals.digest, &approvals.epoch.to_le_bytes()],
        bump = approvals.bump,
        has_one = payer,
        close = payer
    )]
    pub approvals: Box<Account<'info, Approvals>>,
    #[account(mut)]
    pub payer: SystemAccount<'info>,
}

pub fn close_approvals(ctx: Context<CloseApprovals>) -> Result<()> {
    let approvals = &ctx.accounts.approvals;
    let in_use = !approvals.used && ctx.accounts.config.counts(approvals.epoch, now_ms()?);
    require!(!in_use, ChainError::ApprovalsInUse);
    Ok(())
}
