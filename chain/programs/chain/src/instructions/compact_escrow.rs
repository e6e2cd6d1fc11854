//! Shrinks an escrow that nobody is paid from any more to its stub, and returns the rent in between to whoever paid it, who
//! alone may ask for it (SPEC 9.14). Until the deadline the nodes of the reply may still want to read the escrow.

use crate::error::ChainError;
use crate::settlement::now_ms;
use crate::state::{Escrow, STATUS_REFUNDED, STATUS_SETTLED, Stub};
use anchor_lang::prelude::*;

/// How long after the deadline a verifier that could not be paid, for want of a registration or of a reserve, keeps an escrow
/// from shrinking: 30 days.
pub const VERIFIER_CLAIM_MS: u64 = 30 * 86_400_000;

#[derive(Accounts)]
pub struct CompactEscrow<'info> {
    #[account(
        mut,
        seeds = [Escrow::SEED, escrow.reply_id.as_ref()],
        bump = escrow.bump,
        has_one = payer,
        constraint = matches!(escrow.status, STATUS_SETTLED | STATUS_REFUNDED) @ ChainError::EscrowNotOver,
        realloc = Stub::SPACE,
        realloc::payer = payer,
        realloc::zero = false
    )]
    pub escrow: Migration<'info, Escrow, Stub>,
    #[account(mut)]
    pub payer: Signer<'info>,
    pub system_program: Program<'info, System>,
}

pub fn compact_escrow(ctx: Context<CompactEscrow>) -> Result<()> {
    let escrow = &mut ctx.accounts.escrow;
    let now = now_ms()?;
    require!(now > escrow.deadline_ms, ChainError::DeadlineNotPassed);
    let named = escrow.decision.verifiers.iter().enumerate().filter(|(_, verifier)| **verifier != Pubkey::default());
    let owed = named.into_iter().any(|(place, _)| escrow.decision.verifiers_paid & (1 << place) == 0);
    let waited = now > escrow.deadline_ms.saturating_add(VERIFIER_CLAIM_MS);
    require!(!owed || waited, ChainError::VerifierOwed);
    let stub = Stub::of(escrow);
    escrow.migrate(stub)
}
