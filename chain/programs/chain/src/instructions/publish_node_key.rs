//! Writes a node's public key, in parts, and verifies it against its node id (SPEC 9.12). Anyone may: a key is whose hash it
//! has. Each payer writes an account of its own, so that nobody can spoil another's.

use crate::error::ChainError;
use crate::hash;
use crate::state::{NODE_PUBLIC_BYTES, NodeKey, VERSION};
use anchor_lang::prelude::*;

#[derive(Accounts)]
#[instruction(node_id: [u8; 32])]
pub struct PublishNodeKey<'info> {
    #[account(mut)]
    pub payer: Signer<'info>,
    // The seeds hold everything that is not checked again below.
    #[account(
        init_if_needed,
        payer = payer,
        space = 8 + NodeKey::INIT_SPACE,
        seeds = [NodeKey::SEED, &node_id, payer.key().as_ref()],
        bump
    )]
    pub node_key: Box<Account<'info, NodeKey>>,
    pub system_program: Program<'info, System>,
}

pub fn publish_node_key(ctx: Context<PublishNodeKey>, node_id: [u8; 32], offset: u16, part: &[u8]) -> Result<()> {
    let node_key = &mut ctx.accounts.node_key;
    (node_key.version, node_key.bump) = (VERSION, ctx.bumps.node_key);
    (node_key.node_id, node_key.payer) = (node_id, ctx.accounts.payer.key());
    if offset == 0 {
        node_key.public.clear();
        node_key.verified = false;
    }
    let fits = node_key.public.len() == usize::from(offset) && node_key.public.len() + part.len() <= NODE_PUBLIC_BYTES;
    require!(fits, ChainError::NodeKeyOffset);
    node_key.public.extend_from_slice(part);
    if node_key.public.len() == NODE_PUBLIC_BYTES {
        let ours = hash::tagged("ogong/v1/base/node-id", &node_key.public) == node_id;
        require!(ours, ChainError::NodeKeyWrong);
        node_key.verified = true;
    }
    Ok(())
}
