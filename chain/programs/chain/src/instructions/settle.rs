//! A quorum of stake decides that a reply is paid (SPEC 9.5). The money moves in `release`, which anyone may send, in the same
//! transaction where there is room: so that nine signatures fit in here.

use crate::error::ChainError;
use crate::event::Settled;
use crate::quorum::{self, Quorum};
use crate::settlement::{self, OUTCOME_ACCEPT, Verdict};
use crate::state::{Approvals, Config, Epoch, Escrow, STATUS_OPEN, Shard, Validator};
use anchor_lang::prelude::*;

/// Remaining accounts: the co-signers, where there are no approvals.
#[derive(Accounts)]
#[instruction(verdict: Verdict)]
pub struct Settle<'info> {
    pub handler: Signer<'info>,
    #[account(seeds = [Validator::SEED, handler.key().as_ref()], bump = handler_validator.bump)]
    pub handler_validator: Box<Account<'info, Validator>>,
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
    #[account(mut)]
    pub approvals: Option<Box<Account<'info, Approvals>>>,
}

pub fn settle<'info>(ctx: Context<'info, Settle<'info>>, verdict: &Verdict) -> Result<()> {
    ctx.accounts.decide(verdict, None, ctx.remaining_accounts)
}

impl<'info> Settle<'info> {
    /// Decides, has the quorum counted, and writes the decision down.
    pub fn decide(
        &mut self,
        verdict: &Verdict,
        shards: Option<&[Shard]>,
        cosigners: &[AccountInfo<'info>],
    ) -> Result<()> {
        let fee_owner = self.handler_validator.fee_owner;
        let decision = settlement::decide(&self.config, &self.escrow, verdict, fee_owner, shards)?;
        let approvals = self.approvals.as_mut().map(|approvals| &mut ***approvals);
        let mut epoch = self.epoch.load_mut()?;
        let handler = self.handler.key;
        let quorum = quorum::authorize(&self.config, &epoch, &decision.digest, approvals, handler, cosigners)?;
        if verdict.outcome == OUTCOME_ACCEPT {
            epoch.credit_audits(quorum.signers);
        }
        settlement::write(&mut self.escrow, verdict, decision);
        announce(&self.escrow, *handler, &quorum);
        Ok(())
    }
}

/// Tells the watchers.
pub fn announce(escrow: &Escrow, handler: Pubkey, quorum: &Quorum) {
    emit!(Settled {
        reply_id: escrow.reply_id,
        digest: escrow.decision.digest,
        record_hash: escrow.record_hash,
        verdict_hash: escrow.verdict_hash,
        outcome: escrow.decision.outcome,
        fee: escrow.fee,
        amounts: escrow.decision.amounts,
        handler,
        signed_stake: quorum.stake,
        total_stake: quorum.total,
    });
}
