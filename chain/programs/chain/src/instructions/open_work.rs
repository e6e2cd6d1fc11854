//! Opens the counters of a registered operator in the current epoch (SPEC 9.9). Anyone may send it; a release needs it.

use crate::state::{Config, Operator, Work};
use anchor_lang::prelude::*;

#[derive(Accounts)]
pub struct OpenWork<'info> {
    #[account(mut)]
    pub payer: Signer<'info>,
    #[account(seeds = [Config::SEED], bump = config.bump)]
    pub config: Box<Account<'info, Config>>,
    #[account(
        seeds = [Operator::SEED, &[operator.role], operator.authority.as_ref()],
        bump = operator.bump
    )]
    pub operator: Box<Account<'info, Operator>>,
    #[account(
        init,
        payer = payer,
        space = 8 + Work::INIT_SPACE,
        seeds = [
            Work::SEED,
            &config.stake_epoch.to_le_bytes(),
            &[operator.role],
            operator.authority.as_ref()
        ],
        bump
    )]
    pub work: Box<Account<'info, Work>>,
    pub system_program: Program<'info, System>,
}

pub fn open_work(ctx: Context<OpenWork>) -> Result<()> {
    let accounts = ctx.accounts;
    let (epoch, payer) = (accounts.config.stake_epoch, accounts.payer.key());
    accounts.work.open(&accounts.operator, epoch, payer, ctx.bumps.work);
    Ok(())
}
