//! The order (SPEC 2.2) as `open_escrow` reads it: what settlement needs, and nothing that fails to parse.

use crate::error::ChainError;
use crate::{hash, model_id};
use anchor_lang::prelude::*;

/// The version that this program knows.
const VERSION: u8 = 1;

/// The order's fields that stand in an escrow or are checked against the chain.
pub struct Order {
    pub network: [u8; 32],
    pub program: Pubkey,
    pub owner: Pubkey,
    pub provider: [u8; 32],
    pub router: [u8; 32],
    pub model_root: [u8; 32],
    pub req_hash: [u8; 32],
    pub price_prompt: u64,
    pub price_completion: u64,
    pub max_fee: u64,
    pub max_tokens: u32,
    pub deadline_ms: u64,
}

/// `H("ogong/v1/commitment/reply-id", order)`.
pub fn reply_id(order: &[u8]) -> [u8; 32] {
    hash::tagged("ogong/v1/commitment/reply-id", order)
}

impl Order {
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let mut rest = Reader(bytes);
        let [version] = rest.array()?;
        require!(version == VERSION, ChainError::OrderVersionUnknown);
        let network = rest.array()?;
        let program = Pubkey::new_from_array(rest.array()?);
        let _nonce: [u8; 32] = rest.array()?;
        let owner = Pubkey::new_from_array(rest.array()?);
        let provider = rest.array()?;
        let router = rest.array()?;
        let _epoch = rest.u64()?;
        require!(model_id::is_valid(rest.str()?), ChainError::ModelIdInvalid);
        let order = Self {
            network,
            program,
            owner,
            provider,
            router,
            model_root: rest.array()?,
            req_hash: rest.array()?,
            price_prompt: rest.u64()?,
            price_completion: rest.u64()?,
            max_fee: rest.u64()?,
            max_tokens: rest.u32()?,
            deadline_ms: {
                let (_n_ctx, _issued_ms) = (rest.u32()?, rest.u64()?);
                rest.u64()?
            },
        };
        require!(rest.0.is_empty(), ChainError::OrderMalformed);
        Ok(order)
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(length).ok_or(ChainError::OrderMalformed)?;
        self.0 = tail;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N)?);
        Ok(out)
    }

    fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    fn str(&mut self) -> Result<&'a str> {
        let length = self.u32()? as usize;
        core::str::from_utf8(self.take(length)?).map_err(|_| ChainError::OrderMalformed.into())
    }
}
