//! Opens a case against a router with routes that it signed (SPEC 9.12): two providers for one query, or one over the
//! consumer's ceiling. Anyone may; nothing moves.

use crate::error::ChainError;
use crate::event::Accused;
use crate::evidence::{self, Route};
use crate::state::*;
use crate::{ed25519, slashing};
use anchor_lang::prelude::*;

#[derive(Accounts)]
#[instruction(query: [u8; 32])]
pub struct AccuseRouter<'info> {
    #[account(mut)]
    pub accuser: Signer<'info>,
    #[account(seeds = [Config::SEED], bump = config.bump)]
    pub config: Box<Account<'info, Config>>,
    #[account(
        seeds = [Operator::SEED, &[router.role], router.authority.as_ref()],
        bump = router.bump
    )]
    pub router: Box<Account<'info, Operator>>,
    pub node_key: Box<Account<'info, NodeKey>>,
    #[account(
        init,
        payer = accuser,
        space = 8 + Case::INIT_SPACE,
        seeds = [Case::SEED, router.key().as_ref(), &query, &evidence::hash_in_front(&instructions)?],
        bump
    )]
    pub case: Box<Account<'info, Case>>,
    /// CHECK: the runtime's own, by its address; only read through the sysvar's functions.
    #[account(address = solana_instructions_sysvar::ID)]
    pub instructions: UncheckedAccount<'info>,
    pub system_program: Program<'info, System>,
}

pub fn accuse_router(ctx: Context<AccuseRouter>, query: [u8; 32]) -> Result<()> {
    let accounts = ctx.accounts;
    slashing::check_slashable(&accounts.router, ROLE_ROUTER)?;
    let key = accounts.node_key.ed25519(&accounts.router.node_id).ok_or(ChainError::NodeKeyUnverified)?;
    let signed = ed25519::signatures_by(&key, &accounts.instructions)?;
    let routes = signed.iter().map(|one| Route::read(one, &accounts.config)).collect::<Result<Vec<_>>>()?;
    let guilty = match &routes[..] {
        [one] => one.query == query && one.is_over_ceiling(),
        [one, other] => one.query == query && one.contradicts(other),
        _ => false,
    };
    require!(guilty, ChainError::EvidenceInnocent);
    let (culprit, accuser) = (accounts.router.key(), accounts.accuser.key());
    let evidence = evidence::hash_of(&signed);
    let case = slashing::open_case(ctx.bumps.case, CASE_MISROUTING, culprit, query, evidence, accuser)?;
    accounts.case.set_inner(case);
    emit!(Accused { kind: CASE_MISROUTING, culprit, subject: query, evidence });
    Ok(())
}
