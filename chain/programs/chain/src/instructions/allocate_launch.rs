//! Mints the launch allocation (SPEC 9.11), once: the account that says so can be made only once.

use crate::curve::LAUNCH_ATOMS;
use crate::error::ChainError;
use crate::settlement::now_ms;
use crate::state::{BPS_TOTAL, Config, Supply, VERSION};
use crate::supply;
use anchor_lang::prelude::*;
use anchor_spl::token::{Mint, Token, TokenAccount};

/// The three may be one token account, hence `dup`.
#[derive(Accounts)]
pub struct AllocateLaunch<'info> {
    #[account(mut)]
    pub admin: Signer<'info>,
    #[account(seeds = [Config::SEED], bump = config.bump, has_one = admin @ ChainError::AdminWrong, has_one = mint)]
    pub config: Box<Account<'info, Config>>,
    #[account(init, payer = admin, space = 8 + Supply::INIT_SPACE, seeds = [Supply::SEED], bump)]
    pub supply: Box<Account<'info, Supply>>,
    #[account(mut)]
    pub mint: Box<Account<'info, Mint>>,
    #[account(mut, dup, token::mint = mint)]
    pub team_token: Box<Account<'info, TokenAccount>>,
    #[account(mut, dup, token::mint = mint)]
    pub foundation_token: Box<Account<'info, TokenAccount>>,
    #[account(mut, dup, token::mint = mint)]
    pub liquidity_token: Box<Account<'info, TokenAccount>>,
    pub token_program: Program<'info, Token>,
    pub system_program: Program<'info, System>,
}

pub fn allocate_launch(ctx: Context<AllocateLaunch>, emission_cap_bps: u16) -> Result<()> {
    let accounts = ctx.accounts;
    // more than a trade costs would pay for washing it
    require!(emission_cap_bps <= BPS_TOTAL, ChainError::EmissionCapOutOfRange);
    accounts.supply.set_inner(Supply {
        version: VERSION,
        bump: ctx.bumps.supply,
        launched_ms: now_ms()?,
        launched: LAUNCH_ATOMS.iter().sum(),
        emitted: 0,
        emission_cap_bps,
        reserved: [0; 64],
    });
    let payees = [&accounts.team_token, &accounts.foundation_token, &accounts.liquidity_token];
    for (to, amount) in payees.into_iter().zip(LAUNCH_ATOMS) {
        supply::mint(&accounts.token_program, &mut accounts.mint, &accounts.config, to, amount)?;
    }
    Ok(())
}
