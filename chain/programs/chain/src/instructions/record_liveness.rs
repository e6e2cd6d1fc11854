//! Credits a provider's answer to a challenge of the beacon, by a quorum (SPEC 9.13). The answer's signature stands in the
//! instruction in front.

use crate::error::ChainError;
use crate::liveness::Answer;
use crate::state::*;
use crate::{ed25519, quorum, work};
use anchor_lang::prelude::*;

/// Remaining accounts: the co-signers, where there are no approvals.
#[derive(Accounts)]
#[instruction(answer: Answer)]
pub struct RecordLiveness<'info> {
    pub handler: Signer<'info>,
    #[account(seeds = [Config::SEED], bump = config.bump)]
    pub config: Box<Account<'info, Config>>,
    #[account(mut, seeds = [Epoch::SEED, &answer.stake_epoch.to_le_bytes()], bump = epoch.load()?.bump)]
    pub epoch: AccountLoader<'info, Epoch>,
    #[account(
        seeds = [Operator::SEED, &[ROLE_PROVIDER], provider.authority.as_ref()],
        bump = provider.bump
    )]
    pub provider: Box<Account<'info, Operator>>,
    pub node_key: Box<Account<'info, NodeKey>>,
    #[account(mut)]
    pub work: Box<Account<'info, Work>>,
    #[account(mut)]
    pub approvals: Option<Box<Account<'info, Approvals>>>,
    /// CHECK: the runtime's own, by its address; only read through the sysvar's functions.
    #[account(address = solana_instructions_sysvar::ID)]
    pub instructions: UncheckedAccount<'info>,
}

pub fn record_liveness<'info>(ctx: Context<'info, RecordLiveness<'info>>, answer: &Answer) -> Result<()> {
    let accounts = ctx.accounts;
    let (config, provider) = (&accounts.config, &accounts.provider);
    let digest = answer.digest(config, &provider.authority);
    let approvals = accounts.approvals.as_mut().map(|approvals| &mut ***approvals);
    let mut epoch = accounts.epoch.load_mut()?;
    quorum::authorize(config, &epoch, &digest, approvals, accounts.handler.key, ctx.remaining_accounts)?;
    answer.check_time(config, &epoch)?;
    work::required(Some(&mut *accounts.work), ROLE_PROVIDER, provider.authority, answer.stake_epoch)?;
    // the node of the epoch's beginning: with one chosen after the beacon every round would draw somebody's provider
    let drawn = provider.node_id == accounts.work.node_id && answer.is_drawn(config, &provider.node_id);
    require!(drawn, ChainError::LivenessNotDrawn);
    let key = accounts.node_key.ed25519(&provider.node_id).ok_or(ChainError::NodeKeyUnverified)?;
    let signed = ed25519::signatures_by(&key, &accounts.instructions)?;
    let answered = matches!(&signed[..], [one] if one.message == answer.message(config));
    require!(answered, ChainError::EvidenceForeign);

    // in order, so that one number tells which rounds were credited
    require!(answer.round > accounts.work.last_round, ChainError::LivenessRepeated);
    accounts.work.last_round = answer.round;
    accounts.work.liveness += 1;
    epoch.liveness += 1;
    Ok(())
}
