//! Tokens into and out of the program's two vaults.

use crate::state::Config;
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
