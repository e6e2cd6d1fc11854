//! Opens a case against a verifier with its word on a planted audit and the opening of the honeypot (SPEC 9.12). Anyone may;
//! nothing moves.

use crate::error::ChainError;
use crate::event::Accused;
use crate::evidence::{self, Word};
use crate::state::*;
use crate::{ed25519, slashing};
use anchor_lang::prelude::*;

#[derive(Accounts)]
#[instruction(opening: Opening)]
pub struct AccuseVerifier<'info> {
    #[account(mut)]
    pub accuser: Signer<'info>,
    #[account(seeds = [Config::SEED], bump = config.bump)]
    pub config: Box<Account<'info, Config>>,
    #[account(
        seeds = [Operator::SEED, &[verifier.role], verifier.authority.as_ref()],
        bump = verifier.bump
    )]
    pub verifier: Box<Account<'info, Operator>>,
    pub node_key: Box<Account<'info, NodeKey>>,
    #[account(
        seeds = [Honeypot::SEED, &evidence::honeypot(&opening.job, opening.expected, &opening.salt)],
        bump = honeypot.bump
    )]
    pub honeypot: Box<Account<'info, Honeypot>>,
    #[account(
        init,
        payer = accuser,
        space = 8 + Case::INIT_SPACE,
        seeds = [Case::SEED, verifier.key().as_ref(), &opening.job, &evidence::hash_in_front(&instructions)?],
        bump
    )]
    pub case: Box<Account<'info, Case>>,
    /// CHECK: the runtime's own, by its address; only read through the sysvar's functions.
    #[account(address = solana_instructions_sysvar::ID)]
    pub instructions: UncheckedAccount<'info>,
    pub system_program: Program<'info, System>,
}

/// Of a honeypot: which audit it was, and its right answer.
#[derive(AnchorSerialize, AnchorDeserialize, Clone)]
pub struct Opening {
    pub job: [u8; 32],
    /// 1 accept or 3 reject.
    pub expected: u8,
    pub salt: [u8; 32],
}

pub fn accuse_verifier(ctx: Context<AccuseVerifier>, opening: &Opening) -> Result<()> {
    let accounts = ctx.accounts;
    slashing::check_slashable(&accounts.verifier, ROLE_VERIFIER)?;
    let key = accounts.node_key.ed25519(&accounts.verifier.node_id).ok_or(ChainError::NodeKeyUnverified)?;
    let signed = ed25519::signatures_by(&key, &accounts.instructions)?;
    let [one] = &signed[..] else { return err!(ChainError::EvidenceInnocent) };
    let word = Word::read(one, &accounts.config)?;
    require!(word.job == opening.job && word.is_wrong(opening.expected), ChainError::EvidenceInnocent);
    // a commitment made after the word proves nothing
    require!(accounts.honeypot.planted_ms < word.signed_ms, ChainError::HoneypotTooLate);
    let (culprit, accuser) = (accounts.verifier.key(), accounts.accuser.key());
    let evidence = evidence::hash_of(&signed);
    let case = slashing::open_case(ctx.bumps.case, CASE_HONEYPOT, culprit, opening.job, evidence, accuser)?;
    accounts.case.set_inner(case);
    emit!(Accused { kind: CASE_HONEYPOT, culprit, subject: opening.job, evidence });
    Ok(())
}
