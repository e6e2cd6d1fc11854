//! Moves a validator to another endpoint or certificate.

use crate::error::ChainError;
use crate::state::Validator;
use anchor_lang::prelude::*;

#[derive(Accounts)]
pub struct UpdateValidator<'info> {
    pub authority: Signer<'info>,
    #[account(mut, seeds = [Validator::SEED, authority.key().as_ref()], bump = validator.bump)]
    pub validator: Box<Account<'info, Validator>>,
}

pub fn update_validator(ctx: Context<UpdateValidator>, consensus_id: [u8; 32], endpoint: String) -> Result<()> {
    require!(Validator::endpoint_is_valid(&endpoint), ChainError::EndpointInvalid);
    let validator = &mut ctx.accounts.validator;
    validator.consensus_id = consensus_id;
    validator.endpoint = endpoint;
    Ok(())
}
