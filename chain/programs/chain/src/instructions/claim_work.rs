//! Mints what a provider, router or verifier earned in an approved epoch, and closes its counters (SPEC 9.13). Anyone may send
//! it: the tokens go to the payout's wallet, the rent to whom it came from.

use crate::emission::{self, Minting};
use crate::error::ChainError;
use crate::event::Claimed;
use crate::state::*;
use anchor_lang::prelude::*;
use anchor_spl::token::{Mint, Token, TokenAccount};

#[derive(Accounts)]
pub struct ClaimWork<'info> {
    #[account(seeds = [Config::SEED], bump = config.bump, has_one = mint)]
    pub config: Box<Account<'info, Config>>,
    #[account(mut, seeds = [Supply::SEED], bump = supply.bump)]
    pub supply: Box<Account<'info, Supply>>,
    #[account(mut)]
    pub mint: Box<Account<'info, Mint>>,
    #[account(mut, seeds = [Emission::SEED, &work.epoch.to_le_bytes()], bump = emission.bump)]
    pub emission: Box<Account<'info, Emission>>,
    #[account(seeds = [Epoch::SEED, &work.epoch.to_le_bytes()], bump = epoch.load()?.bump)]
    pub epoch: AccountLoader<'info, Epoch>,
    #[account(mut, has_one = payer, close = payer)]
    pub work: Box<Account<'info, Work>>,
    /// CHECK: the one noted in `work`. It only receives; were its owner asked for, whoever opens counters for another and then
    /// gives its wallet away to a program could keep the other from its tokens.
    #[account(mut)]
    pub payer: UncheckedAccount<'info>,
    #[account(mut, token::mint = mint, constraint = to.owner == work.payout @ ChainError::ClaimPayeeWrong)]
    pub to: Box<Account<'info, TokenAccount>>,
    pub token_program: Program<'info, Token>,
}

pub fn claim_work(ctx: Context<ClaimWork>) -> Result<()> {
    let accounts = ctx.accounts;
    let amount = {
        let epoch = &*accounts.epoch.load()?;
        emission::of_operator(&accounts.supply, &accounts.emission, epoch, &accounts.work)
    };
    let minting = Minting {
        token_program: &accounts.token_program,
        config: &accounts.config,
        mint: &mut accounts.mint,
        supply: &mut accounts.supply,
        emission: &mut accounts.emission,
    };
    emission::mint(minting, &accounts.to, amount)?;
    emit!(Claimed { epoch: accounts.work.epoch, role: accounts.work.role, earner: accounts.work.operator, amount });
    Ok(())
}
