//! Moves an order's `max_fee` from the owner's wallet into the vault under its reply id (SPEC 9.2).

use crate::escrow::{self, Terms};
use crate::order;
use crate::state::{Config, Escrow, Operator, VAULT_SEED};
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
    /// The provider's registration, where it has one.
    pub provider: Option<Box<Account<'info, Operator>>>,
    /// The router's registration, where it has one.
    pub router: Option<Box<Account<'info, Operator>>>,
    pub token_program: Program<'info, Token>,
    pub system_program: Program<'info, System>,
}

pub fn open_escrow(ctx: Context<OpenEscrow>, order: &[u8], terms: &Terms) -> Result<()> {
    let accounts = ctx.accounts;
    let registered = [&accounts.provider, &accounts.router].map(|operator| operator.as_ref().map(|o| &***o));
    let owner = accounts.owner.key();
    let escrow = escrow::open(order, terms, &accounts.config, owner, registered, owner, ctx.bumps.escrow)?;
    let amount = escrow.max_fee;
    accounts.escrow.set_inner(escrow);
    let (from, to) = (&accounts.owner_token, &accounts.vault);
    vault::deposit(&accounts.token_program, from, to, &accounts.owner, amount)
}
