//! Creates the mint, the config, the empty validator set, epoch 0, both vaults and the reserve. Whoever sends it first becomes the admin, so a deployment
//! sends it in the transaction after its own.

use crate::curve::DECIMALS;
use crate::error::ChainError;
use crate::settlement::now_ms;
use crate::state::*;
use anchor_lang::prelude::*;
use anchor_spl::token::{Mint, Token, TokenAccount};

#[derive(Accounts)]
pub struct Initialize<'info> {
    #[account(mut)]
    pub admin: Signer<'info>,
    // Authority is the config, and there is no freeze authority: nobody holds a key to the supply.
    #[account(init, payer = admin, mint::decimals = DECIMALS, mint::authority = config, seeds = [MINT_SEED], bump)]
    pub mint: Box<Account<'info, Mint>>,
    #[account(init, payer = admin, space = 8 + Config::INIT_SPACE, seeds = [Config::SEED], bump)]
    pub config: Box<Account<'info, Config>>,
    #[account(init, payer = admin, space = 8 + ValidatorSet::INIT_SPACE, seeds = [ValidatorSet::SEED], bump)]
    pub validator_set: Box<Account<'info, ValidatorSet>>,
    #[account(init, payer = admin, space = Epoch::SPACE, seeds = [Epoch::SEED, &0u64.to_le_bytes()], bump)]
    pub epoch: AccountLoader<'info, Epoch>,
    #[account(init, payer = admin, token::mint = mint, token::authority = config, seeds = [VAULT_SEED], bump)]
    pub vault: Box<Account<'info, TokenAccount>>,
    #[account(init, payer = admin, token::mint = mint, token::authority = config, seeds = [STAKE_VAULT_SEED], bump)]
    pub stake_vault: Box<Account<'info, TokenAccount>>,
    #[account(init, payer = admin, token::mint = mint, token::authority = config, seeds = [RESERVE_SEED], bump)]
    pub reserve: Box<Account<'info, TokenAccount>>,
    pub token_program: Program<'info, Token>,
    pub system_program: Program<'info, System>,
}

#[derive(AnchorSerialize, AnchorDeserialize)]
pub struct Parameters {
    pub network: [u8; 32],
    pub split_bps: [u16; 5],
    pub min_stake: u64,
    pub alpha_ppm: u64,
    pub beacon_genesis_ms: u64,
    pub beacon_period_ms: u64,
    pub epoch_length_ms: u64,
    pub cooldown_epochs: u64,
    pub verifier_fee: u64,
}

pub fn initialize(ctx: Context<Initialize>, parameters: Parameters) -> Result<()> {
    let sum: u32 = parameters.split_bps.iter().copied().map(u32::from).sum();
    require!(sum == u32::from(BPS_TOTAL), ChainError::SplitSumWrong);
    let [.., maker] = parameters.split_bps;
    require!(maker == 0, ChainError::MakerShareReserved);
    require!(parameters.alpha_ppm <= PPM, ChainError::AlphaOutOfRange);
    require!(parameters.beacon_period_ms > 0, ChainError::BeaconPeriodZero);
    require!(parameters.min_stake > 0, ChainError::MinStakeZero);
    require!(parameters.epoch_length_ms > 0, ChainError::EpochLengthZero);
    require!(parameters.cooldown_epochs >= COOLDOWN_EPOCHS_MIN, ChainError::CooldownTooShort);
    let now = now_ms()?;

    ctx.accounts.config.set_inner(Config {
        version: VERSION,
        bump: ctx.bumps.config,
        admin: ctx.accounts.admin.key(),
        network: parameters.network,
        mint: ctx.accounts.mint.key(),
        reserve_owner: ctx.accounts.config.key(),
        split_bps: parameters.split_bps,
        min_stake: parameters.min_stake,
        alpha_ppm: parameters.alpha_ppm,
        beacon_genesis_ms: parameters.beacon_genesis_ms,
        beacon_period_ms: parameters.beacon_period_ms,
        stake_epoch: 0,
        epoch_started_ms: now,
        epoch_length_ms: parameters.epoch_length_ms,
        cooldown_epochs: parameters.cooldown_epochs,
        verifier_fee: parameters.verifier_fee,
        reserved: [0; 128],
    });
    ctx.accounts.validator_set.set_inner(ValidatorSet {
        version: VERSION,
        bump: ctx.bumps.validator_set,
        epoch: 0,
        total_stake: 0,
        members: Vec::new(),
        reserved: [0; 64],
    });
    ctx.accounts.epoch.load_init()?.begin(0, ctx.bumps.epoch, now, &ctx.accounts.validator_set);
    Ok(())
}
