//! The order: what a consumer asks for, at which price, of whom (SPEC 2.2–2.4). Signed by the escrow's session key;
//! its hash names the reply and seeds its sampling.

use crate::error::Error;
use ogong_base::params::{ED25519_PUBLIC_BYTES, ED25519_SIGNATURE_BYTES, VERSION};
use ogong_base::{
    ChainKey, Decode, DecodeError, Encode, Hash32, ModelId, ModelRoot, NetworkId, NodeId, Reader, ReplyId, ReqHash,
    SessionKey, Writer, domain, tagged, verify_session,
};
use serde::{Deserialize, Serialize};

/// Tokens a price is for.
const PRICE_TOKENS: u128 = 1_000;

/// One order, field by field as SPEC 2.2 writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// Network the escrow lives on.
    pub network: NetworkId,
    /// Program that holds the escrow.
    pub program: ChainKey,
    /// Drawn by the consumer, so that equal orders differ.
    pub nonce: Hash32,
    /// Who pays and gets the change.
    pub owner: ChainKey,
    /// Who answers.
    pub provider: NodeId,
    /// Who matched them.
    pub router: NodeId,
    /// Epoch of the prices.
    pub epoch: u64,
    /// Model asked for.
    pub model_id: ModelId,
    /// Its root in the catalogue.
    pub model_root: ModelRoot,
    /// Hash of the frozen body.
    pub req_hash: ReqHash,
    /// Atoms per 1,000 prompt tokens.
    pub price_prompt: u64,
    /// Atoms per 1,000 generated tokens.
    pub price_completion: u64,
    /// Atoms at most.
    pub max_fee: u64,
    /// Generated tokens at most.
    pub max_tokens: u32,
    /// Context the answer has to fit.
    pub n_ctx: u32,
    /// When it was signed, Unix milliseconds; what a template's clock shows.
    pub issued_ms: u64,
    /// From when on the owner may take the escrow back, Unix milliseconds.
    pub deadline_ms: u64,
}

impl Order {
    /// `H("ogong/v1/commitment/reply-id", order)`.
    pub fn reply_id(&self) -> ReplyId {
        ReplyId::from_bytes(tagged(domain::REPLY_ID, &[&self.to_bytes()]))
    }

    /// The session key's signature.
    pub fn sign(&self, key: &SessionKey) -> [u8; ED25519_SIGNATURE_BYTES] {
        key.sign(domain::ORDER, &self.to_bytes())
    }

    /// Holds the session key's signature.
    ///
    /// # Errors
    /// When it does not verify.
    pub fn verify(
        &self,
        session: &[u8; ED25519_PUBLIC_BYTES],
        signature: &[u8; ED25519_SIGNATURE_BYTES],
    ) -> Result<(), Error> {
        Ok(verify_session(session, domain::ORDER, &self.to_bytes(), signature)?)
    }

    /// Atoms due for a reply: `min(max_fee, ⌊(n_prompt·price_prompt + n_billed·price_completion) / 1000⌋)` (SPEC 2.4).
    pub fn fee(&self, n_prompt: u32, n_billed: u32) -> u64 {
        let prompt = u128::from(n_prompt) * u128::from(self.price_prompt);
        let completion = u128::from(n_billed) * u128::from(self.price_completion);
        u64::try_from((prompt + completion) / PRICE_TOKENS).unwrap_or(u64::MAX).min(self.max_fee)
    }
}

impl Encode for Order {
    fn encode(&self, w: &mut Writer) {
        w.u8(VERSION).put(&self.network).put(&self.program).put(&self.nonce).put(&self.owner);
        w.put(&self.provider).put(&self.router).u64(self.epoch).put(&self.model_id).put(&self.model_root);
        w.put(&self.req_hash).u64(self.price_prompt).u64(self.price_completion).u64(self.max_fee);
        w.u32(self.max_tokens).u32(self.n_ctx).u64(self.issued_ms).u64(self.deadline_ms);
    }
}

impl Decode for Order {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        version("order version", r)?;
        Ok(Self {
            network: r.get()?,
            program: r.get()?,
            nonce: r.get()?,
            owner: r.get()?,
            provider: r.get()?,
            router: r.get()?,
            epoch: r.u64()?,
            model_id: r.get()?,
            model_root: r.get()?,
            req_hash: r.get()?,
            price_prompt: r.u64()?,
            price_completion: r.u64()?,
            max_fee: r.u64()?,
            max_tokens: r.u32()?,
            n_ctx: r.u32()?,
            issued_ms: r.u64()?,
            deadline_ms: r.u64()?,
        })
    }
}

/// Sampling seed of a reply: `H("ogong/v1/commitment/seed", reply_id)` (SPEC 2.3). Nobody who gains from it chooses it.
pub fn seed(reply_id: ReplyId) -> [u8; 32] {
    tagged(domain::SEED, &[reply_id.as_bytes()])
}

/// Reads a version byte and refuses any but ours.
pub(crate) fn version(what: &'static str, r: &mut Reader<'_>) -> Result<(), DecodeError> {
    match r.u8()? {
        VERSION => Ok(()),
        other => Err(DecodeError::invalid(what, other)),
    }
}
