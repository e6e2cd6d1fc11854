//! A quorum of stake signs the Merkle root over many settlements at once (SPEC 9.8). Each is then carried out by
//! `settle_batched`, which needs no more signatures.

use crate::error::ChainError;
use crate::event::Batched;
use crate::settlement::now_ms;
use crate::state::{Approvals, Batch, Config, Epoch, VERSION, Validator};
use crate::{hash, quorum};
use anchor_lang::prelude::*;

/// Remaining accounts: the co-signers, where there are no approvals.
#[derive(Accounts)]
#[instruction(root: [u8; 32], count: u32, stake_epoch: u64)]
pub struct SettleBatch<'info> {
    #[account(mut)]
    pub handler: Signer<'info>,
    #[account(seeds = [Validator::SEED, handler.key().as_ref()], bump = handler_validator.bump)]
    pub handler_validator: Box<Account<'info, Validator>>,
    #[account(seeds = [Config::SEED], bump = config.bump)]
    pub config: Box<Account<'info, Config>>,
    #[account(seeds = [Epoch::SEED, &stake_epoch.to_le_bytes()], bump = epoch.load()?.bump)]
    pub epoch: AccountLoader<'info, Epoch>,
    #[account(
        init,
        payer = handler,
        space = 8 + Batch::INIT_SPACE,
        seeds = [Batch::SEED, &root],
        bump
    )]
    pub batch: Box<Account<'info, Batch>>,
    #[account(mut)]
    pub approvals: Option<Box<Account<'info, Approvals>>>,
    pub system_program: Program<'info, System>,
}

pub fn settle_batch<'info>(
    ctx: Context<'info, SettleBatch<'info>>,
    root: [u8; 32],
    count: u32,
    stake_epoch: u64,
    expiry_ms: u64,
) -> Result<()> {
    let accounts = ctx.accounts;
    require!(count > 0, ChainError::BatchEmpty);
    require!(now_ms()? <= expiry_ms, ChainError::SettleExpired);
    let (config, fee_owner) = (&accounts.config, accounts.handler_validator.fee_owner);
    let digest = digest(config, &root, count, &fee_owner, stake_epoch, expiry_ms);
    let approvals = accounts.approvals.as_mut().map(|approvals| &mut ***approvals);
    let (epoch, cosigners) = (accounts.epoch.load()?, ctx.remaining_accounts);
    let quorum = quorum::authorize(config, &epoch, &digest, approvals, accounts.handler.key, cosigners)?;
    accounts.batch.set_inner(Batch {
        version: VERSION,
        bump: ctx.bumps.batch,
        root,
        count,
        settled: 0,
        stake_epoch,
        signers: quorum.signers,
        signed_stake: quorum.stake,
        handler: accounts.handler.key(),
        fee_owner,
        expiry_ms,
        payer: accounts.handler.key(),
        reserved: [0; 32],
    });
    emit!(Batched {
        root,
        digest,
        count,
        handler: accounts.handler.key(),
        signed_stake: quorum.stake,
        total_stake: quorum.total,
    });
    Ok(())
}

/// What the quorum of a batch agrees to (SPEC 9.8).
fn digest(
    config: &Config,
    root: &[u8; 32],
    count: u32,
    fee_owner: &Pubkey,
    stake_epoch: u64,
    expiry_ms: u64,
) -> [u8; 32] {
    let mut message = Vec::with_capacity(160);
    message.extend_from_slice(&config.network);
    message.extend_from_slice(crate::ID.as_ref());
    message.extend_from_slice(root);
    message.extend_from_slice(&count.to_le_bytes());
    message.extend_from_slice(fee_owner.as_ref());
    message.extend_from_slice(&stake_epoch.to_le_bytes());
    message.extend_from_slice(&expiry_ms.to_le_bytes());
    hash::tagged("ogong/v1/settlement/batch", &message)
}
