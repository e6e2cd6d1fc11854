//! Orders (SPEC 2.2).

use ogong_chain_interface::{Address, PROGRAM_ID};

/// An order with every field at hand, so that a test can spoil one.
#[derive(Clone, Debug)]
pub struct Order {
    pub version: u8,
    pub network: [u8; 32],
    pub program: Address,
    pub nonce: [u8; 32],
    pub owner: Address,
    pub provider: [u8; 32],
    pub router: [u8; 32],
    pub epoch: u64,
    pub model_id: Vec<u8>,
    pub model_root: [u8; 32],
    pub req_hash: [u8; 32],
    pub price_prompt: u64,
    pub price_completion: u64,
    pub max_fee: u64,
    pub max_tokens: u32,
    pub n_ctx: u32,
    pub issued_ms: u64,
    pub deadline_ms: u64,
}

impl Order {
    /// An order of `owner` that the program takes at `issued_ms`.
    pub fn new(owner: Address, network: [u8; 32], issued_ms: u64) -> Self {
        Self {
            version: 1,
            network,
            program: PROGRAM_ID,
            nonce: [7; 32],
            owner,
            provider: [0x11; 32],
            router: [0x22; 32],
            epoch: 0,
            model_id: b"ogong/verified/huggingface/smollm2-135m-instruct".to_vec(),
            model_root: [0x33; 32],
            req_hash: [0x44; 32],
            price_prompt: 2_000,
            price_completion: 6_000,
            max_fee: 1_000_000,
            max_tokens: 512,
            n_ctx: 4_096,
            issued_ms,
            deadline_ms: issued_ms + 900_000,
        }
    }

    /// The bytes that are signed, hashed and sent.
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = vec![self.version];
        out.extend_from_slice(&self.network);
        out.extend_from_slice(self.program.as_array());
        out.extend_from_slice(&self.nonce);
        out.extend_from_slice(self.owner.as_array());
        out.extend_from_slice(&self.provider);
        out.extend_from_slice(&self.router);
        out.extend_from_slice(&self.epoch.to_le_bytes());
        out.extend_from_slice(&(self.model_id.len() as u32).to_le_bytes());
        out.extend_from_slice(&self.model_id);
        out.extend_from_slice(&self.model_root);
        out.extend_from_slice(&self.req_hash);
        for number in [self.price_prompt, self.price_completion, self.max_fee] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&self.max_tokens.to_le_bytes());
        out.extend_from_slice(&self.n_ctx.to_le_bytes());
        out.extend_from_slice(&self.issued_ms.to_le_bytes());
        out.extend_from_slice(&self.deadline_ms.to_le_bytes());
        out
    }
}
