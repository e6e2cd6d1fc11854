//! Returns the rent of a batch that is settled to the last reply, or that has expired. Anyone may send it.

use crate::error::ChainError;
use crate::settlement::now_ms;
use crate::state::Batch;
use anchor_lang::prelude::*;

#[derive(Accounts)]
pub struct CloseBatch<'info> {
    #[account(
        mut,
        seeds = [Batch::SEED, batch.root.as_ref()],
        bump = batch.bump,
        has_one = payer,
        close = payer
    )]
    pub batch: Box<Account<'info, Batch>>,
    #[account(mut)]
    pub payer: SystemAccount<'info>,
}

pub fn close_batch(ctx: Context<CloseBatch>) -> Result<()> {
    let batch = &ctx.accounts.batch;
    let done = batch.settled == batch.count || now_ms()? > batch.expiry_ms;
    require!(done, ChainError::BatchInUse);
    Ok(())
}
