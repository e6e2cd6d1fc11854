//! Settles one reply of a batch by its inclusion proof (SPEC 9.8). Anyone may send it; `release` pays.

use crate::error::ChainError;
use crate::instructions::settle::announce;
use crate::merkle;
use crate::quorum::Quorum;
use crate::settlement::{self, OUTCOME_ACCEPT, Verdict, now_ms};
use crate::state::{Batch, Config, Epoch, Escrow, STATUS_OPEN};
use anchor_lang::prelude::*;

#[derive(Accounts)]
pub struct SettleBatched<'info> {
    #[account(seeds = [Config::SEED], bump = config.bump)]
    pub config: Box<Account<'info, Config>>,
    #[account(
        mut,
        seeds = [Epoch::SEED, &batch.stake_epoch.to_le_bytes()],
        bump = epoch.load()?.bump
    )]
    pub epoch: AccountLoader<'info, Epoch>,
    #[account(mut, seeds = [Batch::SEED, batch.root.as_ref()], bump = batch.bump)]
    pub batch: Box<Account<'info, Batch>>,
    #[account(
        mut,
        seeds = [Escrow::SEED, escrow.reply_id.as_ref()],
        bump = escrow.bump,
        constraint = escrow.status == STATUS_OPEN @ ChainError::EscrowNotOpen
    )]
    pub escrow: Box<Account<'info, Escrow>>,
}

pub fn settle_batched(ctx: Context<SettleBatched>, verdict: &Verdict, index: u32, proof: &[[u8; 32]]) -> Result<()> {
    let accounts = ctx.accounts;
    let batch = &mut accounts.batch;
    require!(verdict.stake_epoch == batch.stake_epoch, ChainError::StakeEpochWrong);
    require!(now_ms()? <= batch.expiry_ms, ChainError::SettleExpired);
    let decision = settlement::decide(&accounts.config, &accounts.escrow, verdict, batch.fee_owner, None)?;
    let included = merkle::includes(&batch.root, batch.count, index, &decision.digest, proof);
    require!(included, ChainError::BatchProofWrong);
    batch.settled += 1;
    let mut epoch = accounts.epoch.load_mut()?;
    // what an epoch counted stands once it is closed
    let open = accounts.config.counts(batch.stake_epoch, now_ms()?);
    if open && verdict.outcome == OUTCOME_ACCEPT {
        epoch.credit_audits(batch.signers);
    }
    settlement::write(&mut accounts.escrow, verdict, decision);
    let quorum = Quorum { signers: batch.signers, stake: batch.signed_stake, total: epoch.total_stake };
    announce(&accounts.escrow, batch.handler, &quorum);
    Ok(())
}
