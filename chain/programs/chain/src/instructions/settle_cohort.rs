//! `settle` of a reply that a cohort served: the shards' amounts must sum to the provider's share (SPEC 9.5).

use crate::error::ChainError;
use crate::instructions::settle::*;
use crate::settlement::{self, Verdict};
use crate::state::{Cohort, SHARDS_MAX, Shard, VERSION};
use anchor_lang::prelude::*;

/// Remaining accounts: the co-signers, where there are no approvals. The arguments are read by `Settle`, as they come first.
#[derive(Accounts)]
pub struct SettleCohort<'info> {
    pub settle: Settle<'info>,
    #[account(mut)]
    pub payer: Signer<'info>,
    #[account(
        init,
        payer = payer,
        space = 8 + Cohort::INIT_SPACE,
        seeds = [Cohort::SEED, settle.escrow.reply_id.as_ref()],
        bump
    )]
    pub cohort: Box<Account<'info, Cohort>>,
    pub system_program: Program<'info, System>,
}

pub fn settle_cohort<'info>(
    ctx: Context<'info, SettleCohort<'info>>,
    verdict: &Verdict,
    shards: Vec<Shard>,
) -> Result<()> {
    let accounts = ctx.accounts;
    require!((2..=SHARDS_MAX).contains(&shards.len()), ChainError::CohortSizeWrong);
    let escrow = &accounts.settle.escrow;
    let fee = settlement::fee(escrow, verdict.n_prompt, verdict.n_billed);
    let [provider, ..] = settlement::split(fee, &accounts.settle.config.split_bps)?;
    let sum = shards.iter().try_fold(0u64, |sum, shard| sum.checked_add(shard.amount));
    require!(sum == Some(provider), ChainError::CohortNotConserved);
    let reply_id = escrow.reply_id;
    accounts.settle.decide(verdict, Some(&shards), ctx.remaining_accounts)?;
    let bump = ctx.bumps.cohort;
    accounts.cohort.set_inner(Cohort { version: VERSION, bump, reply_id, shards, reserved: [0; 32] });
    Ok(())
}
