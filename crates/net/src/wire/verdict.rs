//! An operator to its own validator: a verdict by hand, where no verifier is configured.
//!
//! A validator takes it only from a connection that presents the validator's own certificate.

/// The operator's decision on a reply that awaits one.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ManualVerdict {
    /// 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub reply_id: Vec<u8>,
    /// Accept or reject.
    #[prost(bool, tag = "2")]
    pub accept: bool,
    /// Why, for the log; at most 1,024 bytes.
    #[prost(string, tag = "3")]
    pub reason: String,
}

/// The decision was taken.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ManualVerdictReply {
    /// The reply's state now, as in [`super::status::ReplyStatus::state`].
    #[prost(string, tag = "1")]
    pub state: String,
}
