//! Validator to verifier: one scoring job, answered by a signed report (SPEC 5.4).
//!
//! The job carries no price, no consumer and no opening.

/// Work for a verifier: one teacher-forced prefill over the prompt and the claimed answer.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ScoreJob {
    /// 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub record_hash: Vec<u8>,
    /// 32 bytes; the coins of the sampler come from it.
    #[prost(bytes = "vec", tag = "2")]
    pub reply_id: Vec<u8>,
    /// The frozen body.
    #[prost(bytes = "vec", tag = "3")]
    pub body: Vec<u8>,
    /// Generated token ids.
    #[prost(uint32, repeated, tag = "4")]
    pub ids: Vec<u32>,
    /// Window indices to report sketches and digests of, ascending.
    #[prost(uint32, repeated, tag = "5")]
    pub windows: Vec<u32>,
    /// 1 tolerance, 2 exact, 3 logprobs only (SPEC 5.4).
    #[prost(uint32, tag = "6")]
    pub mode: u32,
    /// From the order: the clock a template may read.
    #[prost(uint64, tag = "7")]
    pub issued_ms: u64,
    /// From the order.
    #[prost(uint32, tag = "8")]
    pub max_tokens: u32,
    /// From the order.
    #[prost(uint32, tag = "9")]
    pub n_ctx: u32,
    /// The model to score with, 32 bytes.
    #[prost(bytes = "vec", tag = "10")]
    pub model_root: Vec<u8>,
    /// The model's name, for logs and for a verifier that serves several.
    #[prost(string, tag = "11")]
    pub model_id: String,
    /// The validator that asks, 1344 bytes.
    #[prost(bytes = "vec", tag = "12")]
    pub validator_public: Vec<u8>,
}

/// A verifier's report.
#[derive(Clone, PartialEq, prost::Message)]
pub struct SignedReport {
    /// Report bytes, SPEC 5.4.
    #[prost(bytes = "vec", tag = "1")]
    pub report: Vec<u8>,
    /// The verifier's hybrid signature over `report`, 2484 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub signature: Vec<u8>,
    /// The verifier's node public key, 1344 bytes.
    #[prost(bytes = "vec", tag = "3")]
    pub verifier_public: Vec<u8>,
}
