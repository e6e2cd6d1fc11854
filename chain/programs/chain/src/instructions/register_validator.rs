//! Moves stake into the stake vault and enters its owner into the validator set: it counts from the next epoch on, in epoch 0 at
//! once.

use crate::error::ChainError;
use crate::instructions::validator_stake::count;
use crate::state::*;
use crate::vault;
use anchor_lang::prelude::*;
use anchor_spl::token::{Token, TokenAccount};

#[derive(Accounts)]
pub struct RegisterValidator<'info> {
    #[account(mut)]
    pub authority: Signer<'info>,
    #[account(seeds = [Config::SEED], bump = config.bump)]
    pub config: Box<Account<'info, Config>>,
    #[account(mut, seeds = [ValidatorSet::SEED], bump = validator_set.bump)]
    pub validator_set: Box<Account<'info, ValidatorSet>>,
    #[account(
        mut,
        seeds = [Epoch::SEED, &config.stake_epoch.to_le_bytes()],
        bump = epoch.load()?.bump
    )]
    pub epoch: AccountLoader<'info, Epoch>,
    #[account(
        init,
        payer = authority,
        space = 8 + Validator::INIT_SPACE,
        seeds = [Validator::SEED, authority.key().as_ref()],
        bump
    )]
    pub validator: Box<Account<'info, Validator>>,
    #[account(mut, token::mint = config.mint, token::authority = authority)]
    pub stake_source: Box<Account<'info, TokenAccount>>,
    #[account(mut, seeds = [STAKE_VAULT_SEED], bump)]
    pub stake_vault: Box<Account<'info, TokenAccount>>,
    pub token_program: Program<'info, Token>,
    pub system_program: Program<'info, System>,
}

#[derive(AnchorSerialize, AnchorDeserialize)]
pub struct Registration {
    pub node_id: [u8; 32],
    pub consensus_id: [u8; 32],
    pub vrf_key: [u8; 32],
    pub fee_owner: Pubkey,
    pub stake: u64,
    pub endpoint: String,
}

pub fn register_validator(ctx: Context<RegisterValidator>, registration: Registration) -> Result<()> {
    let accounts = ctx.accounts;
    let authority = accounts.authority.key();
    let stake = registration.stake;
    require!(stake >= accounts.config.min_stake, ChainError::StakeTooLow);
    require!(Validator::endpoint_is_valid(&registration.endpoint), ChainError::EndpointInvalid);
    let bond = Bond::new(stake);
    let epoch = &mut *accounts.epoch.load_mut()?;
    count(&accounts.config, &mut accounts.validator_set, epoch, authority, &bond)?;

    accounts.validator.set_inner(Validator {
        version: VERSION,
        bump: ctx.bumps.validator,
        authority,
        node_id: registration.node_id,
        consensus_id: registration.consensus_id,
        vrf_key: registration.vrf_key,
        fee_owner: registration.fee_owner,
        bond,
        endpoint: registration.endpoint,
        bls_key: [0; 96],
        reserved: [0; 128],
    });
    let (from, to) = (&accounts.stake_source, &accounts.stake_vault);
    vault::deposit(&accounts.token_program, from, to, &accounts.authority, stake)
}
