//! Tokens into and out of the program's two vaults.

use crate::error::ChainError;
use crate::state::{Config, Deposit, Escrow};
use anchor_lang::prelude::*;
use anchor_spl::token::{self, Token, TokenAccount, Transfer};

/// From a signer's token account into a vault.
pub fn deposit<'info>(
    token_program: &Program<'info, Token>,
    from: &Account<'info, TokenAccount>,
    vault: &Account<'info, TokenAccount>,
    authority: &Signer<'info>,
    amount: u64,
) -> Result<()> {
    let accounts =
        Transfer { from: from.to_account_info(), to: vault.to_account_info(), authority: authority.to_account_info() };
    token::transfer(CpiContext::new(token_program.key(), accounts), amount)
}

/// From a vault to a payee, signed by the config. Nothing moves for an amount of 0.
pub fn pay<'info>(
    token_program: &Program<'info, Token>,
    vault: &Account<'info, TokenAccount>,
    config: &Account<'info, Config>,
    to: &Account<'info, TokenAccount>,
    amount: u64,
) -> Result<()> {
    if amount == 0 {
        return Ok(());
    }
    let seeds: &[&[u8]] = &[Config::SEED, &[config.bump]];
    let accounts =
        Transfer { from: vault.to_account_info(), to: to.to_account_info(), authority: config.to_account_info() };
    token::transfer(CpiContext::new_with_signer(token_program.key(), accounts, &[seeds]), amount)
}

/// What an escrow did not spend: to its owner's token account, or to the deposit that it was opened from.
pub fn give_back<'info>(
    token_program: &Program<'info, Token>,
    vault: &Account<'info, TokenAccount>,
    config: &Account<'info, Config>,
    escrow: &Escrow,
    owner_token: Option<&Account<'info, TokenAccount>>,
    deposit: Option<&mut Account<'info, Deposit>>,
    amount: u64,
) -> Result<()> {
    if escrow.deposit == Pubkey::default() {
        let to = owner_token.ok_or(ChainError::OwnerPayeeWrong)?;
        return pay(token_program, vault, config, to, amount);
    }
    let deposit = deposit.ok_or(ChainError::OwnerPayeeWrong)?;
    deposit.balance = deposit.balance.checked_add(amount).ok_or(ChainError::AmountOverflow)?;
    Ok(())
}
