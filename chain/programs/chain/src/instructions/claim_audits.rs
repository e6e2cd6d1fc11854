//! Mints what a validator earned in an approved epoch (SPEC 9.13). Anyone may send it: the tokens go to its fee owner's wallet.

use crate::emission::{self, Minting};
use crate::error::ChainError;
use crate::event::Claimed;
use crate::state::*;
use anchor_lang::prelude::*;
use anchor_spl::token::{Mint, Token, TokenAccount};

/// In events, where the registrations' roles are numbers.
const ROLE_VALIDATOR: u8 = 0;

#[derive(Accounts)]
pub struct ClaimAudits<'info> {
    #[account(seeds = [Config::SEED], bump = config.bump, has_one = mint)]
    pub config: Box<Account<'info, Config>>,
    #[account(mut, seeds = [Supply::SEED], bump = supply.bump)]
    pub supply: Box<Account<'info, Supply>>,
    #[account(mut)]
    pub mint: Box<Account<'info, Mint>>,
    #[account(mut, seeds = [Emission::SEED, &emission.epoch.to_le_bytes()], bump = emission.bump)]
    pub emission: Box<Account<'info, Emission>>,
    #[account(seeds = [Epoch::SEED, &emission.epoch.to_le_bytes()], bump = epoch.load()?.bump)]
    pub epoch: AccountLoader<'info, Epoch>,
    #[account(seeds = [Validator::SEED, validator.authority.as_ref()], bump = validator.bump)]
    pub validator: Box<Account<'info, Validator>>,
    #[account(mut, token::mint = mint, constraint = to.owner == validator.fee_owner @ ChainError::ClaimPayeeWrong)]
    pub to: Box<Account<'info, TokenAccount>>,
    pub token_program: Program<'info, Token>,
}

pub fn claim_audits(ctx: Context<ClaimAudits>) -> Result<()> {
    let accounts = ctx.accounts;
    let authority = accounts.validator.authority;
    let amount = {
        let epoch = &*accounts.epoch.load()?;
        let position = epoch.position(&authority).ok_or(ChainError::CosignerUnregistered)?;
        let bit = 1u64 << position;
        require!(accounts.emission.members_claimed & bit == 0, ChainError::EmissionClaimed);
        accounts.emission.members_claimed |= bit;
        emission::of_member(&accounts.emission, epoch, position)
    };
    let minting = Minting {
        token_program: &accounts.token_program,
        config: &accounts.config,
        mint: &mut accounts.mint,
        supply: &mut accounts.supply,
        emission: &mut accounts.emission,
    };
    emission::mint(minting, &accounts.to, amount)?;
    emit!(Claimed { epoch: accounts.emission.epoch, role: ROLE_VALIDATOR, earner: authority, amount });
    Ok(())
}
