//! Commits to a planted audit (SPEC 9.12) before it is handed to a verifier.

use crate::error::ChainError;
use crate::settlement::now_ms;
use crate::state::{Config, Epoch, Honeypot, VERSION};
use anchor_lang::prelude::*;

#[derive(Accounts)]
#[instruction(commitment: [u8; 32])]
pub struct PlantHoneypot<'info> {
    #[account(mut)]
    pub planter: Signer<'info>,
    #[account(seeds = [Config::SEED], bump = config.bump)]
    pub config: Box<Account<'info, Config>>,
    #[account(seeds = [Epoch::SEED, &config.stake_epoch.to_le_bytes()], bump = epoch.load()?.bump)]
    pub epoch: AccountLoader<'info, Epoch>,
    #[account(
        init,
        payer = planter,
        space = 8 + Honeypot::INIT_SPACE,
        seeds = [Honeypot::SEED, &commitment],
        bump
    )]
    pub honeypot: Box<Account<'info, Honeypot>>,
    pub system_program: Program<'info, System>,
}

pub fn plant_honeypot(ctx: Context<PlantHoneypot>, commitment: [u8; 32]) -> Result<()> {
    let planter = ctx.accounts.planter.key();
    require!(ctx.accounts.epoch.load()?.voter(&planter).is_some(), ChainError::CosignerUnregistered);
    ctx.accounts.honeypot.set_inner(Honeypot {
        version: VERSION,
        bump: ctx.bumps.honeypot,
        commitment,
        planter,
        planted_ms: now_ms()?,
        reserved: [0; 32],
    });
    Ok(())
}
