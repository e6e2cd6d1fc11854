//! Opens a case against a validator with two contradicting votes on one reply (SPEC 9.12), which the Ed25519 precompile verifies
//! in the instruction in front. Anyone may; nothing moves.

use crate::error::ChainError;
use crate::event::Accused;
use crate::evidence::{self, Vote};
use crate::state::*;
use crate::{ed25519, slashing};
use anchor_lang::prelude::*;

#[derive(Accounts)]
#[instruction(reply_id: [u8; 32])]
pub struct AccuseValidator<'info> {
    #[account(mut)]
    pub accuser: Signer<'info>,
    #[account(seeds = [Config::SEED], bump = config.bump)]
    pub config: Box<Account<'info, Config>>,
    #[account(seeds = [Validator::SEED, validator.authority.as_ref()], bump = validator.bump)]
    pub validator: Box<Account<'info, Validator>>,
    pub node_key: Box<Account<'info, NodeKey>>,
    #[account(
        init,
        payer = accuser,
        space = 8 + Case::INIT_SPACE,
        seeds = [Case::SEED, validator.key().as_ref(), &reply_id, &evidence::hash_in_front(&instructions)?],
        bump
    )]
    pub case: Box<Account<'info, Case>>,
    /// CHECK: the runtime's own, by its address; only read through the sysvar's functions.
    #[account(address = solana_instructions_sysvar::ID)]
    pub instructions: UncheckedAccount<'info>,
    pub system_program: Program<'info, System>,
}

pub fn accuse_validator(ctx: Context<AccuseValidator>, reply_id: [u8; 32]) -> Result<()> {
    let accounts = ctx.accounts;
    let key = accounts.node_key.ed25519(&accounts.validator.node_id).ok_or(ChainError::NodeKeyUnverified)?;
    let signed = ed25519::signatures_by(&key, &accounts.instructions)?;
    let votes = signed.iter().map(|one| Vote::read(one, &accounts.config)).collect::<Result<Vec<_>>>()?;
    let [first, second] = &votes[..] else { return err!(ChainError::EvidenceInnocent) };
    require!(first.reply_id == reply_id && first.contradicts(second), ChainError::EvidenceInnocent);
    let (culprit, accuser) = (accounts.validator.key(), accounts.accuser.key());
    let evidence = evidence::hash_of(&signed);
    let case = slashing::open_case(ctx.bumps.case, CASE_VERDICTS, culprit, reply_id, evidence, accuser)?;
    accounts.case.set_inner(case);
    emit!(Accused { kind: CASE_VERDICTS, culprit, subject: reply_id, evidence });
    Ok(())
}
