//! Registers a provider, router or verifier, with stake (SPEC 9.1). A provider may have none: it is priority, not a bond.

use crate::error::ChainError;
use crate::state::*;
use crate::vault;
use anchor_lang::prelude::*;
use anchor_spl::token::{Token, TokenAccount};

#[derive(Accounts)]
#[instruction(enrolment: Enrolment)]
pub struct RegisterOperator<'info> {
    #[account(mut)]
    pub authority: Signer<'info>,
    #[account(seeds = [Config::SEED], bump = config.bump)]
    pub config: Box<Account<'info, Config>>,
    #[account(
        init,
        payer = authority,
        space = 8 + Operator::INIT_SPACE,
        seeds = [Operator::SEED, &[enrolment.role], authority.key().as_ref()],
        bump
    )]
    pub operator: Box<Account<'info, Operator>>,
    #[account(mut, token::mint = config.mint, token::authority = authority)]
    pub stake_source: Box<Account<'info, TokenAccount>>,
    #[account(mut, seeds = [STAKE_VAULT_SEED], bump)]
    pub stake_vault: Box<Account<'info, TokenAccount>>,
    pub token_program: Program<'info, Token>,
    pub system_program: Program<'info, System>,
}

#[derive(AnchorSerialize, AnchorDeserialize)]
pub struct Enrolment {
    pub role: u8,
    pub node_id: [u8; 32],
    pub payout: Pubkey,
    pub stake: u64,
    pub models: Vec<[u8; 32]>,
}

pub fn register_operator(ctx: Context<RegisterOperator>, enrolment: Enrolment) -> Result<()> {
    let accounts = ctx.accounts;
    let Enrolment { role, node_id, payout, stake, models } = enrolment;
    require!(matches!(role, ROLE_PROVIDER | ROLE_ROUTER | ROLE_VERIFIER), ChainError::RoleUnknown);
    require!(Operator::models_are_valid(role, &models), ChainError::ModelsInvalid);
    require!(stake >= Operator::stake_min(role, &accounts.config), ChainError::StakeTooLow);
    accounts.operator.set_inner(Operator {
        version: VERSION,
        bump: ctx.bumps.operator,
        role,
        authority: accounts.authority.key(),
        node_id,
        payout,
        bond: Bond::new(stake),
        models,
        reserved: [0; 64],
    });
    let (from, to) = (&accounts.stake_source, &accounts.stake_vault);
    vault::deposit(&accounts.token_program, from, to, &accounts.authority, stake)
}
