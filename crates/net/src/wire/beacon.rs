//! Validator to validator: the shares of a beacon round (SPEC 5.2). A share is given out only after its round has begun.

/// Asks for the peer's share of a round.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct RoundShareRequest {
    /// Round number.
    #[prost(uint64, tag = "1")]
    pub round: u64,
}

/// The share, or when to ask again.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RoundShareReply {
    /// Absent while the round has not begun.
    #[prost(message, optional, tag = "1")]
    pub share: Option<RoundShare>,
    /// When the round begins by the peer's clock, milliseconds since 1970.
    #[prost(uint64, tag = "2")]
    pub starts_ms: u64,
}

/// One validator's share.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RoundShare {
    /// Round number.
    #[prost(uint64, tag = "1")]
    pub round: u64,
    /// 32 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub consensus_id: Vec<u8>,
    /// ECVRF proof, 80 bytes.
    #[prost(bytes = "vec", tag = "3")]
    pub proof: Vec<u8>,
}
