//! Takes a verifier's or router's whole bond for a case, by a quorum (SPEC 9.12). It goes to the reserve, never to the accuser.
//! A provider's stake is refused whatever the quorum says.

use crate::event::Slashed;
use crate::state::*;
use crate::{quorum, slashing, vault};
use anchor_lang::prelude::*;
use anchor_spl::token::{Token, TokenAccount};

/// Remaining accounts: the co-signers, where there are no approvals.
#[derive(Accounts)]
#[instruction(stake_epoch: u64)]
pub struct SlashOperator<'info> {
    pub handler: Signer<'info>,
    #[account(seeds = [Config::SEED], bump = config.bump)]
    pub config: Box<Account<'info, Config>>,
    #[account(seeds = [Epoch::SEED, &stake_epoch.to_le_bytes()], bump = epoch.load()?.bump)]
    pub epoch: AccountLoader<'info, Epoch>,
    #[account(
        mut,
        seeds = [Operator::SEED, &[operator.role], operator.authority.as_ref()],
        bump = operator.bump,
        constraint = operator.role != ROLE_PROVIDER @ crate::error::ChainError::ProviderStakeNotSlashable
    )]
    pub operator: Box<Account<'info, Operator>>,
    #[account(mut, seeds = [Case::SEED, operator.key().as_ref(), case.subject.as_ref(), case.evidence.as_ref()], bump = case.bump)]
    pub case: Box<Account<'info, Case>>,
    #[account(mut, seeds = [STAKE_VAULT_SEED], bump)]
    pub stake_vault: Box<Account<'info, TokenAccount>>,
    #[account(mut, seeds = [RESERVE_SEED], bump)]
    pub reserve: Box<Account<'info, TokenAccount>>,
    #[account(mut)]
    pub approvals: Option<Box<Account<'info, Approvals>>>,
    pub token_program: Program<'info, Token>,
}

pub fn slash_operator<'info>(ctx: Context<'info, SlashOperator<'info>>, stake_epoch: u64) -> Result<()> {
    let accounts = ctx.accounts;
    let digest = slashing::digest(&accounts.config, &accounts.case, stake_epoch);
    let approvals = accounts.approvals.as_mut().map(|approvals| &mut ***approvals);
    let handler = accounts.handler.key;
    let epoch = &*accounts.epoch.load()?;
    quorum::authorize(&accounts.config, epoch, &digest, approvals, handler, ctx.remaining_accounts)?;
    let amount = slashing::forfeit(&mut accounts.operator.bond, &mut accounts.case)?;
    let (from, config, to) = (&accounts.stake_vault, &accounts.config, &accounts.reserve);
    vault::pay(&accounts.token_program, from, config, to, amount)?;
    emit!(Slashed { kind: accounts.case.kind, culprit: accounts.case.culprit, subject: accounts.case.subject, amount });
    Ok(())
}
