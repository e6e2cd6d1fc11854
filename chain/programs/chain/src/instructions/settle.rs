//! Pays an accepted reply out of its escrow, by a quorum of stake (SPEC 9.5).

use crate::error::ChainError;
use crate::event::Settled;
use crate::settlement::{self, OUTCOME_ACCEPT, OUTCOME_NOT_SELECTED, Settlement};
use crate::state::{Config, Escrow, STATUS_OPEN, STATUS_SETTLED, VAULT_SEED, Validator, ValidatorSet};
use crate::{quorum, vault};
use anchor_lang::prelude::*;
use anchor_spl::token::{Token, TokenAccount};

/// Remaining accounts: the co-signers. Payees may share token accounts, hence `dup`.
#[derive(Accounts)]
#[instruction(release: Release)]
pub struct Settle<'info> {
    pub handler: Signer<'info>,
    #[account(seeds = [Validator::SEED, handler.key().as_ref()], bump = handler_validator.bump)]
    pub handler_validator: Box<Account<'info, Validator>>,
    #[account(seeds = [Config::SEED], bump = config.bump)]
    pub config: Box<Account<'info, Config>>,
    #[account(
        seeds = [ValidatorSet::SEED],
        bump = validator_set.bump,
        constraint = validator_set.epoch == release.stake_epoch @ ChainError::StakeEpochWrong
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
        dup,
        token::mint = config.mint,
        constraint = provider_token.owner == escrow.provider_payout @ ChainError::ProviderPayeeWrong
    )]
    pub provider_token: Box<Account<'info, TokenAccount>>,
    #[account(
        mut,
        dup,
        token::mint = config.mint,
        constraint = router_token.owner == escrow.router_payout @ ChainError::RouterPayeeWrong
    )]
    pub router_token: Box<Account<'info, TokenAccount>>,
    #[account(
        mut,
        dup,
        token::mint = config.mint,
        constraint = validator_token.owner == handler_validator.fee_owner @ ChainError::ValidatorPayeeWrong
    )]
    pub validator_token: Box<Account<'info, TokenAccount>>,
    #[account(
        mut,
        dup,
        token::mint = config.mint,
        constraint = reserve_token.owner == config.reserve_owner @ ChainError::ReservePayeeWrong
    )]
    pub reserve_token: Box<Account<'info, TokenAccount>>,
    #[account(
        mut,
        dup,
        token::mint = config.mint,
        constraint = owner_token.owner == escrow.owner @ ChainError::OwnerPayeeWrong
    )]
    pub owner_token: Box<Account<'info, TokenAccount>>,
    pub token_program: Program<'info, Token>,
}

#[derive(AnchorSerialize, AnchorDeserialize)]
pub struct Release {
    pub record_hash: [u8; 32],
    pub outcome: u8,
    pub verdict_hash: [u8; 32],
    pub round: u64,
    pub n_prompt: u32,
    pub n_billed: u32,
    pub stake_epoch: u64,
    pub expiry_ms: u64,
}

pub fn settle<'info>(ctx: Context<'info, Settle<'info>>, release: &Release) -> Result<()> {
    let accounts = ctx.accounts;
    let payable = matches!(release.outcome, OUTCOME_ACCEPT | OUTCOME_NOT_SELECTED);
    require!(payable, ChainError::OutcomeNotPayable);
    require!(release.n_billed <= accounts.escrow.max_tokens, ChainError::BilledOverMax);
    settlement::check_expiry(&accounts.escrow, release.expiry_ms)?;
    let set = &accounts.validator_set;
    let signed_stake = quorum::signed_stake(set, accounts.handler.key, ctx.remaining_accounts)?;

    let fee = settlement::fee(&accounts.escrow, release.n_prompt, release.n_billed);
    let change = accounts.escrow.max_fee.checked_sub(fee).ok_or(ChainError::AmountOverflow)?;
    let [provider, router, validator, reserve] = settlement::split(fee, &accounts.config.split_bps)?;
    let amounts = [provider, router, validator, reserve, change];

    let escrow = &mut accounts.escrow;
    escrow.status = STATUS_SETTLED;
    escrow.record_hash = release.record_hash;
    escrow.verdict_hash = release.verdict_hash;
    escrow.fee = fee;
    accounts.pay(&amounts)?;
    emit!(Settled {
        reply_id: accounts.escrow.reply_id,
        digest: accounts.digest(release, &amounts),
        record_hash: release.record_hash,
        verdict_hash: release.verdict_hash,
        outcome: release.outcome,
        fee,
        amounts,
        handler: accounts.handler.key(),
        signed_stake,
        total_stake: accounts.validator_set.total_stake,
    });
    Ok(())
}

impl<'info> Settle<'info> {
    fn pay(&self, amounts: &[u64; 5]) -> Result<()> {
        let payees =
            [&self.provider_token, &self.router_token, &self.validator_token, &self.reserve_token, &self.owner_token];
        for (to, amount) in payees.into_iter().zip(amounts) {
            vault::pay(&self.token_program, &self.vault, &self.config, to, *amount)?;
        }
        Ok(())
    }

    fn digest(&self, release: &Release, amounts: &[u64; 5]) -> [u8; 32] {
        let [provider, router, validator, reserve, change] = *amounts;
        Settlement {
            network: self.config.network,
            reply_id: self.escrow.reply_id,
            record_hash: release.record_hash,
            outcome: release.outcome,
            verdict_hash: release.verdict_hash,
            round: release.round,
            n_prompt: release.n_prompt,
            n_billed: release.n_billed,
            payees: &[
                (self.escrow.provider_payout, provider),
                (self.escrow.router_payout, router),
                (self.handler_validator.fee_owner, validator),
                (self.config.reserve_owner, reserve),
                (self.escrow.owner, change),
            ],
            stake_epoch: release.stake_epoch,
            expiry_ms: release.expiry_ms,
        }
        .digest()
    }
}
