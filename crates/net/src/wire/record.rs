//! Provider to validator at the end of a reply: the signed record (SPEC 3.9), answered by a signed receipt (SPEC 5.1).

/// A record with everything needed to check whom it binds. The provider repeats it until it holds a receipt.
#[derive(Clone, PartialEq, prost::Message)]
pub struct PushRecord {
    /// Record bytes, SPEC 3.9.
    #[prost(bytes = "vec", tag = "1")]
    pub record: Vec<u8>,
    /// The provider's hybrid signature over `record`, 2484 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub record_signature: Vec<u8>,
    /// The provider's node public key, 1344 bytes.
    #[prost(bytes = "vec", tag = "3")]
    pub provider_public: Vec<u8>,
    /// Order bytes, SPEC 2.2.
    #[prost(bytes = "vec", tag = "4")]
    pub order: Vec<u8>,
    /// The session key's signature over `order`, 64 bytes.
    #[prost(bytes = "vec", tag = "5")]
    pub order_signature: Vec<u8>,
    /// The escrow's session key, 32 bytes.
    #[prost(bytes = "vec", tag = "6")]
    pub session_key: Vec<u8>,
    /// The provider's payout account, 32 bytes.
    #[prost(bytes = "vec", tag = "7")]
    pub provider_payout: Vec<u8>,
    /// Prompt tokens, as the header leaf says.
    #[prost(uint32, tag = "8")]
    pub n_prompt: u32,
}

/// The record is stored durably.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ReceiptReply {
    /// Receipt bytes, SPEC 5.1.
    #[prost(bytes = "vec", tag = "1")]
    pub receipt: Vec<u8>,
    /// The validator's hybrid signature over `receipt`, 2484 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub signature: Vec<u8>,
    /// The validator's node public key, 1344 bytes.
    #[prost(bytes = "vec", tag = "3")]
    pub validator_public: Vec<u8>,
}
