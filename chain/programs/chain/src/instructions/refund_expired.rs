//! Returns the whole escrow to its owner after the order's deadline (SPEC 9.6). Anyone may send it; nobody else is paid.

use crate::error::ChainError;
use crate::event::Expired;
use crate::settlement::now_ms;
use crate::state::{Config, Deposit, Escrow, STATUS_OPEN, STATUS_REFUNDED, VAULT_SEED};
use crate::vault;
use anchor_lang::prelude::*;
use anchor_spl::token::{Token, TokenAccount};

#[derive(Accounts)]
pub struct RefundExpired<'info> {
    #[account(seeds = [Config::SEED], bump = config.bump)]
    pub config: Box<Account<'info, Config>>,
    #[account(
        mut,
        seeds = [Escrow::SEED, escrow.reply_id.as_ref()],
        bump = escrow.bump,
        constraint = escrow.status == STATUS_OPEN @ ChainError::EscrowNotOpen
    )]
    pub escrow: Box<Account<'info, Escrow>>,
    #[account(mut, seeds = [VAULT_SEED], bump)]
    pub vault: Box<Account<'info, TokenAccount>>,
    /// Absent where a deposit paid.
    #[account(
        mut,
        token::mint = config.mint,
        constraint = owner_token.owner == escrow.owner @ ChainError::OwnerPayeeWrong
    )]
    pub owner_token: Option<Box<Account<'info, TokenAccount>>>,
    #[account(mut, address = escrow.deposit @ ChainError::OwnerPayeeWrong)]
    pub deposit: Option<Box<Account<'info, Deposit>>>,
    pub token_program: Program<'info, Token>,
}

pub fn refund_expired(ctx: Context<RefundExpired>) -> Result<()> {
    let accounts = ctx.accounts;
    require!(now_ms()? > accounts.escrow.deadline_ms, ChainError::DeadlineNotPassed);
    accounts.escrow.status = STATUS_REFUNDED;
    let amount = accounts.escrow.max_fee;
    let (vault, config) = (&accounts.vault, &accounts.config);
    let (owner_token, deposit) = (accounts.owner_token.as_deref(), accounts.deposit.as_deref_mut());
    vault::give_back(&accounts.token_program, vault, config, &accounts.escrow, owner_token, deposit, amount)?;
    emit!(Expired { reply_id: accounts.escrow.reply_id, amount });
    Ok(())
}
