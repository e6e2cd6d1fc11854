use anchor_lang::prelude::*;

/// Bytes of a hybrid public key (SPEC 1.1): Ed25519, then ML-DSA-44.
pub const NODE_PUBLIC_BYTES: usize = 1_344;

/// A node's whole public key, written in parts: registries hold only its hash, and evidence needs its Ed25519 half.
#[account]
#[derive(InitSpace)]
pub struct NodeKey {
    pub version: u8,
    pub bump: u8,
    pub node_id: [u8; 32],
    /// Writes it, and paid the rent.
    pub payer: Pubkey,
    /// Whether `public` is complete and hashes to `node_id`.
    pub verified: bool,
    #[max_len(NODE_PUBLIC_BYTES)]
    pub public: Vec<u8>,
    pub reserved: [u8; 32],
}

impl NodeKey {
    pub const SEED: &'static [u8] = b"node-key";

    /// The Ed25519 half, of a key that was verified and is `node_id`'s.
    pub fn ed25519(&self, node_id: &[u8; 32]) -> Option<[u8; 32]> {
        let ours = self.verified && self.node_id == *node_id;
        self.public.get(..32).filter(|_| ours)?.try_into().ok()
    }
}
