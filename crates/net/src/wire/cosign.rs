//! Handling validator to its peers: decide again from the evidence, then sign (SPEC 9.4).
//!
//! A peer rebuilds the verdict and the transaction from the evidence and signs only what it built itself; what it cannot check it refuses.

/// Asks a peer to co-sign one settlement.
#[derive(Clone, PartialEq, prost::Message)]
pub struct CosignRequest {
    /// Everything needed to decide again, as `ogong-audit` encodes it.
    #[prost(bytes = "vec", tag = "1")]
    pub evidence: Vec<u8>,
    /// Verdict bytes, SPEC 5.7.
    #[prost(bytes = "vec", tag = "2")]
    pub verdict: Vec<u8>,
    /// The settle or refund transaction's message, as the chain serialises it.
    #[prost(bytes = "vec", tag = "3")]
    pub message: Vec<u8>,
}

/// The peer agrees.
#[derive(Clone, PartialEq, prost::Message)]
pub struct CosignReply {
    /// Ed25519 signature over `message` by the registered validator account, 64 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub chain_signature: Vec<u8>,
    /// The validator's chain account, 32 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub chain_key: Vec<u8>,
    /// Hybrid signature over the settlement digest, 2484 bytes.
    #[prost(bytes = "vec", tag = "3")]
    pub signature: Vec<u8>,
    /// The validator's node public key, 1344 bytes.
    #[prost(bytes = "vec", tag = "4")]
    pub validator_public: Vec<u8>,
}

/// Asks a peer to approve an ended epoch's emission. It computes the figures from its own reading of the chain.
#[derive(Clone, PartialEq, prost::Message)]
pub struct EmissionRequest {
    /// The epoch whose work is paid.
    #[prost(uint64, tag = "1")]
    pub epoch: u64,
    /// The epoch whose stake votes.
    #[prost(uint64, tag = "2")]
    pub stake_epoch: u64,
    /// Atoms to providers, routers, validators, verifiers, and for liveness (SPEC 9.13).
    #[prost(uint64, repeated, tag = "3")]
    pub amounts: Vec<u64>,
    /// Counted fees, outside fees, routes, audits, verifications, liveness answers.
    #[prost(uint64, repeated, tag = "4")]
    pub sums: Vec<u64>,
    /// The transaction's message, as the chain serialises it.
    #[prost(bytes = "vec", tag = "5")]
    pub message: Vec<u8>,
}

/// The peer computed the same.
#[derive(Clone, PartialEq, prost::Message)]
pub struct EmissionReply {
    /// Ed25519 signature over `message` by the registered validator account, 64 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub chain_signature: Vec<u8>,
    /// The validator's chain account, 32 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub chain_key: Vec<u8>,
}

/// One reply of a batch.
#[derive(Clone, PartialEq, prost::Message)]
pub struct BatchCase {
    /// As in [`CosignRequest`].
    #[prost(bytes = "vec", tag = "1")]
    pub evidence: Vec<u8>,
    /// Verdict bytes, SPEC 5.7.
    #[prost(bytes = "vec", tag = "2")]
    pub verdict: Vec<u8>,
}

/// Asks a peer to co-sign many settlements by their root. It decides every one of them again.
#[derive(Clone, PartialEq, prost::Message)]
pub struct BatchRequest {
    /// The replies, in the order of the batch's leaves.
    #[prost(message, repeated, tag = "1")]
    pub cases: Vec<BatchCase>,
    /// The transaction's message, as the chain serialises it.
    #[prost(bytes = "vec", tag = "2")]
    pub message: Vec<u8>,
}

/// The peer agrees to all of them.
#[derive(Clone, PartialEq, prost::Message)]
pub struct BatchReply {
    /// Ed25519 signature over `message` by the registered validator account, 64 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub chain_signature: Vec<u8>,
    /// The validator's chain account, 32 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub chain_key: Vec<u8>,
    /// Hybrid signatures over the votes, 2484 bytes each, in the order of the cases.
    #[prost(bytes = "vec", repeated, tag = "3")]
    pub votes: Vec<Vec<u8>>,
    /// The validator's node public key, 1344 bytes.
    #[prost(bytes = "vec", tag = "4")]
    pub validator_public: Vec<u8>,
}
