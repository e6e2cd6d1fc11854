//! Pays what a quorum decided out of an escrow, and counts the work (SPEC 9.5, 9.9). Anyone may send it: amounts and payees
//! are the decision's.

use crate::error::ChainError;
use crate::event::Released;
use crate::state::*;
use crate::{vault, work};
use anchor_lang::prelude::*;
use anchor_spl::token::{Token, TokenAccount};

/// Payees may share token accounts, hence `dup`. Remaining accounts, of a cohort: for each shard its token account and, where
/// the shard is registered, its work account.
#[derive(Accounts)]
pub struct Release<'info> {
    #[account(seeds = [Config::SEED], bump = config.bump)]
    pub config: Box<Account<'info, Config>>,
    #[account(
        mut,
        seeds = [Epoch::SEED, &config.stake_epoch.to_le_bytes()],
        bump = epoch.load()?.bump
    )]
    pub epoch: AccountLoader<'info, Epoch>,
    #[account(
        mut,
        seeds = [Escrow::SEED, escrow.reply_id.as_ref()],
        bump = escrow.bump,
        constraint = escrow.status == STATUS_DECIDED @ ChainError::EscrowNotDecided
    )]
    pub escrow: Box<Account<'info, Escrow>>,
    #[account(mut, seeds = [VAULT_SEED], bump)]
    pub vault: Box<Account<'info, TokenAccount>>,
    /// Absent where a cohort served.
    #[account(
        mut,
        dup,
        token::mint = config.mint,
        constraint = provider_token.owner == escrow.provider_payout @ ChainError::ProviderPayeeWrong
    )]
    pub provider_token: Option<Box<Account<'info, TokenAccount>>>,
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
        constraint = validator_token.owner == escrow.decision.fee_owner @ ChainError::ValidatorPayeeWrong
    )]
    pub validator_token: Box<Account<'info, TokenAccount>>,
    #[account(mut, seeds = [RESERVE_SEED], bump)]
    pub reserve: Box<Account<'info, TokenAccount>>,
    /// Absent where a deposit paid.
    #[account(
        mut,
        dup,
        token::mint = config.mint,
        constraint = owner_token.owner == escrow.owner @ ChainError::OwnerPayeeWrong
    )]
    pub owner_token: Option<Box<Account<'info, TokenAccount>>>,
    #[account(mut, address = escrow.deposit @ ChainError::OwnerPayeeWrong)]
    pub deposit: Option<Box<Account<'info, Deposit>>>,
    /// Of the registered provider, absent where a cohort served.
    #[account(mut)]
    pub provider_work: Option<Box<Account<'info, Work>>>,
    /// Of the registered router.
    #[account(mut)]
    pub router_work: Option<Box<Account<'info, Work>>>,
    #[account(
        constraint = cohort.reply_id == escrow.reply_id && escrow.decision.cohort @ ChainError::CohortWrong
    )]
    pub cohort: Option<Box<Account<'info, Cohort>>>,
    pub token_program: Program<'info, Token>,
}

pub fn release<'info>(ctx: Context<'info, Release<'info>>) -> Result<()> {
    let accounts = ctx.accounts;
    let [provider, router, validator, reserve, change] = accounts.escrow.decision.amounts;
    accounts.escrow.status = STATUS_SETTLED;
    let counted = work::Counted::of(&accounts.escrow, &accounts.config);
    if accounts.escrow.decision.cohort {
        accounts.pay_cohort(&counted, ctx.remaining_accounts)?;
    } else {
        accounts.pay_provider(&counted, provider)?;
    }
    accounts.count_route()?;
    let (config, vault, token_program) = (&accounts.config, &accounts.vault, &accounts.token_program);
    vault::pay(token_program, vault, config, &accounts.router_token, router)?;
    vault::pay(token_program, vault, config, &accounts.validator_token, validator)?;
    vault::pay(token_program, vault, config, &accounts.reserve, reserve)?;
    let (owner_token, deposit) = (accounts.owner_token.as_deref(), accounts.deposit.as_deref_mut());
    vault::give_back(token_program, vault, config, &accounts.escrow, owner_token, deposit, change)?;
    emit!(Released { reply_id: accounts.escrow.reply_id, amounts: accounts.escrow.decision.amounts });
    Ok(())
}

impl<'info> Release<'info> {
    fn pay_provider(&mut self, counted: &work::Counted, amount: u64) -> Result<()> {
        let operator = self.escrow.provider_operator;
        let work = self.provider_work.as_deref_mut().map(|work| &mut **work);
        let to = self.provider_token.as_deref().ok_or(ChainError::ProviderPayeeWrong)?;
        if let Some(work) = work::required(work, ROLE_PROVIDER, operator, self.config.stake_epoch)? {
            counted.credit(work, &mut *self.epoch.load_mut()?, counted.fee)?;
        }
        vault::pay(&self.token_program, &self.vault, &self.config, to, amount)
    }

    /// Each shard its amount, and its part of the counted fee.
    fn pay_cohort(&mut self, counted: &work::Counted, accounts: &'info [AccountInfo<'info>]) -> Result<()> {
        let cohort = self.cohort.as_deref().ok_or(ChainError::CohortWrong)?;
        // Anchor would write it back as it was read, over what a shard is credited below
        require!(self.provider_work.is_none(), ChainError::WorkWrong);
        let mut rest = accounts.iter();
        for shard in &cohort.shards {
            let to = Account::<TokenAccount>::try_from(rest.next().ok_or(ChainError::ProviderPayeeWrong)?)?;
            let ours = to.owner == shard.payout && to.mint == self.config.mint;
            require!(ours, ChainError::ProviderPayeeWrong);
            if shard.operator != Pubkey::default() {
                let account = rest.next().ok_or(ChainError::WorkMissing)?;
                let mut work = Account::<Work>::try_from(account)?;
                work::required(Some(&mut *work), ROLE_PROVIDER, shard.operator, self.config.stake_epoch)?;
                let part = work::part(counted.fee, shard.amount, self.escrow.decision.amounts[0]);
                counted.credit(&mut work, &mut *self.epoch.load_mut()?, part)?;
                work.exit(&crate::ID)?;
            }
            vault::pay(&self.token_program, &self.vault, &self.config, &to, shard.amount)?;
        }
        Ok(())
    }

    fn count_route(&mut self) -> Result<()> {
        let operator = self.escrow.router_operator;
        let work = self.router_work.as_deref_mut().map(|work| &mut **work);
        if let Some(work) = work::required(work, ROLE_ROUTER, operator, self.config.stake_epoch)? {
            work.count += 1;
            self.epoch.load_mut()?.routes += 1;
        }
        Ok(())
    }
}
