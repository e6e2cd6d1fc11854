//! Moves an order's `max_fee` into the vault under its reply id (SPEC 9.2).

use crate::error::ChainError;
use crate::order::{self, Order};
use crate::settlement::now_ms;
use crate::state::{Config, Escrow, STATUS_OPEN, VAULT_SEED, VERSION};
use crate::vault;
use anchor_lang::prelude::*;
use anchor_spl::token::{Token, TokenAccount};

#[derive(Accounts)]
#[instruction(order: Vec<u8>)]
pub struct OpenEscrow<'info> {
    #[account(mut)]
    pub owner: Signer<'info>,
    #[account(seeds = [Config::SEED], bump = config.bump)]
    pub config: Box<Account<'info, Config>>,
    #[account(
        init,
        payer = owner,
        space = 8 + Escrow::INIT_SPACE,
        seeds = [Escrow::SEED, &order::reply_id(&order)],
        bump
    )]
    pub escrow: Box<Account<'info, Escrow>>,
    #[account(mut, token::mint = config.mint, token::authority = owner)]
    pub owner_token: Box<Account<'info, TokenAccount>>,
    #[account(mut, seeds = [VAULT_SEED], bump)]
    pub vault: Box<Account<'info, TokenAccount>>,
    pub token_program: Program<'info, Token>,
    pub system_program: Program<'info, System>,
}

pub fn open_escrow(
    ctx: Context<OpenEscrow>,
    order_bytes: &[u8],
    session_key: [u8; 32],
    provider_payout: Pubkey,
    router_payout: Pubkey,
) -> Result<()> {
    let accounts = ctx.accounts;
    let order = Order::parse(order_bytes)?;
    require!(order.network == accounts.config.network, ChainError::OrderNetworkWrong);
    require_keys_eq!(order.program, crate::ID, ChainError::OrderProgramWrong);
    require_keys_eq!(order.owner, accounts.owner.key(), ChainError::OrderOwnerWrong);
    require!(now_ms()? < order.deadline_ms, ChainError::OrderDeadlinePassed);

    accounts.escrow.set_inner(Escrow {
        version: VERSION,
        bump: ctx.bumps.escrow,
        status: STATUS_OPEN,
        reply_id: order::reply_id(order_bytes),
        owner: order.owner,
        session_key,
        provider: order.provider,
        router: order.router,
        provider_payout,
        router_payout,
        model_root: order.model_root,
        req_hash: order.req_hash,
        price_prompt: order.price_prompt,
        price_completion: order.price_completion,
        max_fee: order.max_fee,
        max_tokens: order.max_tokens,
        deadline_ms: order.deadline_ms,
        opened_slot: Clock::get()?.slot,
        record_hash: [0; 32],
        verdict_hash: [0; 32],
        fee: 0,
        reserved: [0; 64],
    });
    let (from, to) = (&accounts.owner_token, &accounts.vault);
    vault::deposit(&accounts.token_program, from, to, &accounts.owner, order.max_fee)
}
