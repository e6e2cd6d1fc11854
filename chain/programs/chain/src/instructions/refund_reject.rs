//! Returns the whole escrow to its owner after a reject, by the quorum that a settle needs (SPEC 9.6).

use crate::error::ChainError;
use crate::event::Rejected;
use crate::settlement::{self, OUTCOME_REJECT, Settlement};
use crate::state::{Config, Escrow, STATUS_OPEN, STATUS_REFUNDED, VAULT_SEED, ValidatorSet};
use crate::{quorum, vault};
use anchor_lang::prelude::*;
use anchor_spl::token::{Token, TokenAccount};

/// Remaining accounts: the co-signers.
#[derive(Accounts)]
#[instruction(reject: Reject)]
pub struct RefundReject<'info> {
    pub handler: Signer<'info>,
    #[account(seeds = [Config::SEED], bump = config.bump)]
    pub config: Box<Account<'info, Config>>,
    #[account(
        seeds = [ValidatorSet::SEED],
        bump = validator_set.bump,
        constraint = validator_set.epoch == reject.stake_epoch @ ChainError::StakeEpochWrong
    )]
    pub validator_set: Box<Account<'info, ValidatorSet>>,
    #[account(
        mut,
        seeds = [Escrow::SEED, escrow.reply_id.as_ref()],
        bump = escrow.bump,
        constraint = escrow.status == STATUS_OPEN @ ChainError::EscrowNotOpen
    )]
    pub escrow: Box<Account<'info, Escrow>>,
    #[account(mut, seeds = [VAULT_SEED], bump)]
    pub vault: Box<Account<'info, TokenAccount>>,
    #[account(
        mut,
        token::mint = config.mint,
        constraint = owner_token.owner == escrow.owner @ ChainError::OwnerPayeeWrong
    )]
    pub owner_token: Box<Account<'info, TokenAccount>>,
    pub token_program: Program<'info, Token>,
}

#[derive(AnchorSerialize, AnchorDeserialize)]
pub struct Reject {
    pub record_hash: [u8; 32],
    pub verdict_hash: [u8; 32],
    pub round: u64,
    pub stake_epoch: u64,
    pub expiry_ms: u64,
}

pub fn refund_reject<'info>(ctx: Context<'info, RefundReject<'info>>, reject: &Reject) -> Result<()> {
    let accounts = ctx.accounts;
    settlement::check_expiry(&accounts.escrow, reject.expiry_ms)?;
    let set = &accounts.validator_set;
    let signed_stake = quorum::signed_stake(set, accounts.handler.key, ctx.remaining_accounts)?;

    let escrow = &mut accounts.escrow;
    escrow.status = STATUS_REFUNDED;
    escrow.record_hash = reject.record_hash;
    escrow.verdict_hash = reject.verdict_hash;
    let amount = escrow.max_fee;
    let (vault, config) = (&accounts.vault, &accounts.config);
    vault::pay(&accounts.token_program, vault, config, &accounts.owner_token, amount)?;

    let digest = Settlement {
        network: accounts.config.network,
        reply_id: accounts.escrow.reply_id,
        record_hash: reject.record_hash,
        outcome: OUTCOME_REJECT,
        verdict_hash: reject.verdict_hash,
        round: reject.round,
        n_prompt: 0,
        n_billed: 0,
        payees: &[(accounts.escrow.owner, amount)],
        stake_epoch: reject.stake_epoch,
        expiry_ms: reject.expiry_ms,
    }
    .digest();
    emit!(Rejected {
        reply_id: accounts.escrow.reply_id,
        digest,
        record_hash: reject.record_hash,
        verdict_hash: reject.verdict_hash,
        amount,
        handler: accounts.handler.key(),
        signed_stake,
        total_stake: accounts.validator_set.total_stake,
    });
    Ok(())
}
