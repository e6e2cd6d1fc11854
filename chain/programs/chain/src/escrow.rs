//! A new escrow out of an order (SPEC 9.2), whoever pays.

use crate::error::ChainError;
use crate::order::{self, Order};
use crate::settlement::now_ms;
use crate::state::*;
use anchor_lang::prelude::*;

/// What stands in an escrow beside the order.
#[derive(AnchorSerialize, AnchorDeserialize, Clone)]
pub struct Terms {
    pub session_key: [u8; 32],
    pub provider_payout: Pubkey,
    pub router_payout: Pubkey,
}

/// The escrow of an order that `owner` gave; `payer` paid the rent. Registrations are those of the order's provider and router, where there are any.
pub fn open(
    order_bytes: &[u8],
    terms: &Terms,
    config: &Config,
    owner: Pubkey,
    registered: [Option<&Operator>; 2],
    payer: Pubkey,
    bump: u8,
) -> Result<Escrow> {
    let order = Order::parse(order_bytes)?;
    require!(order.network == config.network, ChainError::OrderNetworkWrong);
    require_keys_eq!(order.program, crate::ID, ChainError::OrderProgramWrong);
    require_keys_eq!(order.owner, owner, ChainError::OrderOwnerWrong);
    require!(now_ms()? < order.deadline_ms, ChainError::OrderDeadlinePassed);
    let [provider, router] = registered;
    Ok(Escrow {
        version: VERSION,
        bump,
        status: STATUS_OPEN,
        reply_id: order::reply_id(order_bytes),
        owner: order.owner,
        session_key: terms.session_key,
        provider: order.provider,
        router: order.router,
        provider_payout: terms.provider_payout,
        router_payout: terms.router_payout,
        model_root: order.model_root,
        req_hash: order.req_hash,
        price_prompt: order.price_prompt,
        price_completion: order.price_completion,
        max_fee: order.max_fee,
        max_tokens: order.max_tokens,
        deadline_ms: order.deadline_ms,
        opened_slot: Clock::get()?.slot,
        record_hash: [0; 32],
        verdict_hash: [0; 32],
        fee: 0,
        deposit: Pubkey::default(),
        provider_operator: authority(config, provider, ROLE_PROVIDER, &order.provider, &terms.provider_payout)?,
        router_operator: authority(config, router, ROLE_ROUTER, &order.router, &terms.router_payout)?,
        decision: Decision::default(),
        payer,
        reserved: [0; 32],
    })
}

/// Who earns for the reply's work: node id and payout must both be the escrow's, so that a registration of somebody else's
/// node earns nothing. A router without its bond counts as one that is not registered.
fn authority(
    config: &Config,
    operator: Option<&Operator>,
    role: u8,
    node_id: &[u8; 32],
    payout: &Pubkey,
) -> Result<Pubkey> {
    let Some(operator) = operator else { return Ok(Pubkey::default()) };
    let same = operator.role == role && operator.node_id == *node_id && operator.payout == *payout;
    require!(same, ChainError::OperatorMismatch);
    Ok(if operator.is_bonded(config) { operator.authority } else { Pubkey::default() })
}
