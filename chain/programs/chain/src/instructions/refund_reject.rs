//! Returns the whole escrow to its owner after a reject, by the quorum that a settle needs (SPEC 9.6).

use crate::error::ChainError;
use crate::event::Rejected;
use crate::settlement::{self, OUTCOME_REJECT, Verdict};
use crate::state::*;
use crate::{quorum, vault};
use anchor_lang::prelude::*;
use anchor_spl::token::{Token, TokenAccount};

/// Remaining accounts: the co-signers, where there are no approvals.
#[derive(Accounts)]
#[instruction(verdict: Verdict)]
pub struct RefundReject<'info> {
    pub handler: Signer<'info>,
    #[account(seeds = [Config::SEED], bump = config.bump)]
    pub config: Box<Account<'info, Config>>,
    #[account(
        mut,
        seeds = [Epoch::SEED, &verdict.stake_epoch.to_le_bytes()],
        bump = epoch.load()?.bump
    )]
    pub epoch: AccountLoader<'info, Epoch>,
    #[account(
        mut,
        seeds = [Escrow::SEED, escrow.reply_id.as_ref()],
        bump = escrow.bump,
        constraint = escrow.status == STATUS_OPEN @ ChainError::EscrowNotOpen
    )]
    pub escrow: Box<Account<'info, Escrow>>,
    #[account(mut, seeds = [VAULT_SEED], bump)]
    pub vault: Box<Account<'info, TokenAccount>>,
    /// Absent where a deposit paid.
    #[account(
        mut,
        token::mint = config.mint,
        constraint = owner_token.owner == escrow.owner @ ChainError::OwnerPayeeWrong
    )]
    pub owner_token: Option<Box<Account<'info, TokenAccount>>>,
    #[account(mut, address = escrow.deposit @ ChainError::OwnerPayeeWrong)]
    pub deposit: Option<Box<Account<'info, Deposit>>>,
    #[account(mut)]
    pub approvals: Option<Box<Account<'info, Approvals>>>,
    pub token_program: Program<'info, Token>,
}

pub fn refund_reject<'info>(ctx: Context<'info, RefundReject<'info>>, verdict: &Verdict) -> Result<()> {
    let accounts = ctx.accounts;
    let escrow = &mut accounts.escrow;
    require!(verdict.outcome == OUTCOME_REJECT, ChainError::OutcomeNotReject);
    let counts_nothing = verdict.n_prompt == 0 && verdict.n_billed == 0 && verdict.n_counted == 0;
    require!(counts_nothing, ChainError::RejectBills);
    require!(verdict.req_hash == escrow.req_hash, ChainError::RequestHashWrong);
    settlement::check_expiry(escrow, verdict.expiry_ms)?;
    let amount = escrow.max_fee;
    let decision = Decision {
        outcome: OUTCOME_REJECT,
        stake_epoch: verdict.stake_epoch,
        digest: settlement::digest(&accounts.config, escrow, verdict, vec![(escrow.owner, amount)]),
        amounts: [0, 0, 0, 0, amount],
        verifiers: settlement::verifiers(&verdict.verifiers)?,
        ..Decision::default()
    };
    let handler = accounts.handler.key;
    let approvals = accounts.approvals.as_mut().map(|approvals| &mut ***approvals);
    let quorum = {
        let mut epoch = accounts.epoch.load_mut()?;
        let cosigners = ctx.remaining_accounts;
        let quorum = quorum::authorize(&accounts.config, &epoch, &decision.digest, approvals, handler, cosigners)?;
        epoch.credit_audits(quorum.signers);
        quorum
    };
    settlement::write(escrow, verdict, decision);
    escrow.status = STATUS_REFUNDED;
    let (vault, config) = (&accounts.vault, &accounts.config);
    let (owner_token, deposit) = (accounts.owner_token.as_deref(), accounts.deposit.as_deref_mut());
    vault::give_back(&accounts.token_program, vault, config, escrow, owner_token, deposit, amount)?;
    emit!(Rejected {
        reply_id: escrow.reply_id,
        digest: escrow.decision.digest,
        record_hash: verdict.record_hash,
        verdict_hash: verdict.verdict_hash,
        amount,
        handler: *handler,
        signed_stake: quorum.stake,
        total_stake: quorum.total,
    });
    Ok(())
}
