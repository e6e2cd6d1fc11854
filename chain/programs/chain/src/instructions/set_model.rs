//! Enters a model into the catalogue, or gives it another root (SPEC 1.5).

use crate::error::ChainError;
use crate::state::{Config, Model, VERSION};
use crate::{hash, model_id};
use anchor_lang::prelude::*;

#[derive(Accounts)]
#[instruction(model_id: String)]
pub struct SetModel<'info> {
    #[account(mut)]
    pub admin: Signer<'info>,
    #[account(seeds = [Config::SEED], bump = config.bump, has_one = admin @ ChainError::AdminWrong)]
    pub config: Box<Account<'info, Config>>,
    // Every field is written below, so that it does not matter whether the account was there.
    #[account(
        init_if_needed,
        payer = admin,
        space = 8 + Model::INIT_SPACE,
        seeds = [Model::SEED, &hash::sha256(&[model_id.as_bytes()])],
        bump
    )]
    pub model: Box<Account<'info, Model>>,
    pub system_program: Program<'info, System>,
}

pub fn set_model(ctx: Context<SetModel>, model_id: String, model_root: [u8; 32], maker: Pubkey) -> Result<()> {
    require!(model_id::is_valid(&model_id), ChainError::ModelIdInvalid);
    ctx.accounts.model.set_inner(Model {
        version: VERSION,
        bump: ctx.bumps.model,
        model_root,
        maker,
        royalty_bps: 0,
        model_id,
        reserved: [0; 64],
    });
    Ok(())
}
