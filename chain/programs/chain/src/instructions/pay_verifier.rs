//! Pays a verifier for an audit its flat fee out of the reserve, whatever the verdict was (SPEC 9.5). Anyone may send it.

use crate::error::ChainError;
use crate::event::VerifierPaid;
use crate::state::*;
use crate::{vault, work};
use anchor_lang::prelude::*;
use anchor_spl::token::{Token, TokenAccount};

#[derive(Accounts)]
pub struct PayVerifier<'info> {
    #[account(seeds = [Config::SEED], bump = config.bump)]
    pub config: Box<Account<'info, Config>>,
    #[account(
        mut,
        seeds = [Epoch::SEED, &config.stake_epoch.to_le_bytes()],
        bump = epoch.load()?.bump
    )]
    pub epoch: AccountLoader<'info, Epoch>,
    #[account(mut, seeds = [Escrow::SEED, escrow.reply_id.as_ref()], bump = escrow.bump)]
    pub escrow: Box<Account<'info, Escrow>>,
    #[account(
        seeds = [Operator::SEED, &[ROLE_VERIFIER], verifier.authority.as_ref()],
        bump = verifier.bump
    )]
    pub verifier: Box<Account<'info, Operator>>,
    #[account(mut)]
    pub work: Box<Account<'info, Work>>,
    #[account(
        mut,
        token::mint = config.mint,
        constraint = verifier_token.owner == verifier.payout @ ChainError::VerifierPayeeWrong
    )]
    pub verifier_token: Box<Account<'info, TokenAccount>>,
    #[account(mut, seeds = [RESERVE_SEED], bump)]
    pub reserve: Box<Account<'info, TokenAccount>>,
    pub token_program: Program<'info, Token>,
}

pub fn pay_verifier(ctx: Context<PayVerifier>) -> Result<()> {
    let accounts = ctx.accounts;
    let authority = accounts.verifier.authority;
    let decision = &mut accounts.escrow.decision;
    let place = decision.verifiers.iter().position(|verifier| *verifier == authority);
    let place = place.ok_or(ChainError::VerifierNotNamed)?;
    let bit = 1u8 << place;
    require!(decision.verifiers_paid & bit == 0, ChainError::VerifierPaid);
    decision.verifiers_paid |= bit;
    let amount = accounts.config.verifier_fee;
    require!(accounts.reserve.amount >= amount, ChainError::ReserveTooLow);

    work::required(Some(&mut *accounts.work), ROLE_VERIFIER, authority, accounts.config.stake_epoch)?;
    // the fee is owed; emission is for those whose bond answers for their word
    if accounts.verifier.is_bonded(&accounts.config) {
        accounts.work.count += 1;
        accounts.epoch.load_mut()?.verifications += 1;
    }
    let (reserve, config) = (&accounts.reserve, &accounts.config);
    vault::pay(&accounts.token_program, reserve, config, &accounts.verifier_token, amount)?;
    emit!(VerifierPaid { reply_id: accounts.escrow.reply_id, verifier: authority, amount });
    Ok(())
}
