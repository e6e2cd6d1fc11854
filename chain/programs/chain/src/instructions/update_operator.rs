//! Gives an operator another node, payout or list of models. Open escrows and work accounts keep what they were opened with.

use crate::error::ChainError;
use crate::state::Operator;
use anchor_lang::prelude::*;

#[derive(Accounts)]
pub struct UpdateOperator<'info> {
    pub authority: Signer<'info>,
    #[account(
        mut,
        seeds = [Operator::SEED, &[operator.role], authority.key().as_ref()],
        bump = operator.bump
    )]
    pub operator: Box<Account<'info, Operator>>,
}

pub fn update_operator(
    ctx: Context<UpdateOperator>,
    node_id: [u8; 32],
    payout: Pubkey,
    models: Vec<[u8; 32]>,
) -> Result<()> {
    let operator = &mut ctx.accounts.operator;
    require!(Operator::models_are_valid(operator.role, &models), ChainError::ModelsInvalid);
    (operator.node_id, operator.payout, operator.models) = (node_id, payout, models);
    Ok(())
}
