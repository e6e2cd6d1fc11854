//! Provider or verifier to validator: who serves which model, so that a verifier can be drawn (SPEC 5.3) and a payout key is known (SPEC 10).

/// A signed announcement.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Announce {
    /// Announcement bytes, as `ogong-audit` encodes them.
    #[prost(bytes = "vec", tag = "1")]
    pub announcement: Vec<u8>,
    /// Hybrid signature over `announcement`, 2484 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub signature: Vec<u8>,
    /// The announcer's node public key, 1344 bytes.
    #[prost(bytes = "vec", tag = "3")]
    pub public: Vec<u8>,
}

/// The validator holds the announcement now.
#[derive(Clone, PartialEq, prost::Message)]
pub struct AnnounceReply {
    /// The validator's node public key, 1344 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub validator_public: Vec<u8>,
    /// Announce again within this time.
    #[prost(uint64, tag = "2")]
    pub refresh_ms: u64,
    /// What the validator thinks of the announcer, in words: `active`, `ejected: ..`, `model not in the catalogue`.
    #[prost(string, tag = "3")]
    pub status: String,
}
