//! Enters a validator's BLS key, once it has shown that it has the secret one (SPEC 9.10): a key made out of the others' keys
//! would let its owner sign for all.

use crate::bls;
use crate::error::ChainError;
use crate::state::{Config, Validator};
use anchor_lang::prelude::*;

#[derive(Accounts)]
pub struct RegisterBlsKey<'info> {
    pub authority: Signer<'info>,
    #[account(seeds = [Config::SEED], bump = config.bump)]
    pub config: Box<Account<'info, Config>>,
    #[account(mut, seeds = [Validator::SEED, authority.key().as_ref()], bump = validator.bump)]
    pub validator: Box<Account<'info, Validator>>,
}

pub fn register_bls_key(ctx: Context<RegisterBlsKey>, key: [u8; 96], proof: bls::Proof) -> Result<()> {
    let accounts = ctx.accounts;
    let (network, authority) = (&accounts.config.network, accounts.authority.key);
    require!(bls::has_secret(&key, &proof, network, authority), ChainError::BlsProofInvalid);
    accounts.validator.bls_key = key;
    Ok(())
}
