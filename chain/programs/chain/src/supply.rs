//! The only way to new atoms (SPEC 9.11): the mint's authority is the config account, and nothing else of the program mints.

use crate::curve::CAP_ATOMS;
use crate::error::ChainError;
use crate::state::Config;
use anchor_lang::prelude::*;
use anchor_spl::token::{self, Mint, MintTo, Token, TokenAccount};

/// Mints to a token account, signed by the config; past the cap nothing is minted. Nothing happens for an amount of 0.
pub fn mint<'info>(
    token_program: &Program<'info, Token>,
    mint: &mut Account<'info, Mint>,
    config: &Account<'info, Config>,
    to: &Account<'info, TokenAccount>,
    amount: u64,
) -> Result<()> {
    if amount == 0 {
        return Ok(());
    }
    // an earlier call of the same instruction may have changed it
    mint.reload()?;
    let supply = mint.supply.checked_add(amount).ok_or(ChainError::CapExceeded)?;
    require!(supply <= CAP_ATOMS, ChainError::CapExceeded);
    let seeds: &[&[u8]] = &[Config::SEED, &[config.bump]];
    let accounts =
        MintTo { mint: mint.to_account_info(), to: to.to_account_info(), authority: config.to_account_info() };
    token::mint_to(CpiContext::new_with_signer(token_program.key(), accounts, &[seeds]), amount)
}
