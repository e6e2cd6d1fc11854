//! Provider and gateway to router: offers, heartbeats, matching, and the relay (`--relay`).
//!
//! A provider sends [`Upsert`] once and again whenever its offer changes, then a [`Heartbeat`] every `heartbeat_ms`. An offer that misses its heartbeats
//! for `expiry_ms` is no longer matched (SPEC 6). A gateway sends [`Route`]; what it gets back is the provider's own signed offer, so a router cannot
//! change a price on the way.

/// A provider's offer, as signed.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Upsert {
    /// The bytes of [`crate::offer::Offer`].
    #[prost(bytes = "vec", tag = "1")]
    pub offer: Vec<u8>,
    /// The provider's node public key, 1344 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub public: Vec<u8>,
    /// Hybrid signature over `offer`, 2484 bytes.
    #[prost(bytes = "vec", tag = "3")]
    pub signature: Vec<u8>,
}

/// The router holds the offer now.
#[derive(Clone, PartialEq, prost::Message)]
pub struct UpsertReply {
    /// The router's node public key; its node id goes into orders.
    #[prost(bytes = "vec", tag = "1")]
    pub router_public: Vec<u8>,
    /// How often to send a heartbeat.
    #[prost(uint64, tag = "2")]
    pub heartbeat_ms: u64,
    /// Silence after which the offer is dropped.
    #[prost(uint64, tag = "3")]
    pub expiry_ms: u64,
    /// Where the router's share of the fee goes, 32 bytes.
    #[prost(bytes = "vec", tag = "4")]
    pub router_payout: Vec<u8>,
}

/// A provider is alive. Believed only over the connection that presented the certificate of the offer.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Heartbeat {
    /// The provider's node id, 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub node_id: Vec<u8>,
    /// The model the numbers are about.
    #[prost(string, tag = "2")]
    pub model_id: String,
    /// Slots that would start a request now.
    #[prost(uint32, tag = "3")]
    pub free_slots: u32,
    /// Requests that wait for a slot.
    #[prost(uint32, tag = "4")]
    pub queued: u32,
}

/// Answer to a heartbeat.
#[derive(Clone, PartialEq, prost::Message)]
pub struct HeartbeatReply {
    /// False when the router no longer holds the offer (it restarted, or the offer expired): upsert again.
    #[prost(bool, tag = "1")]
    pub known: bool,
    /// How often to send a heartbeat.
    #[prost(uint64, tag = "2")]
    pub heartbeat_ms: u64,
}

/// A provider takes its offer back before it stops.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Withdraw {
    /// The provider's node id, 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub node_id: Vec<u8>,
    /// The model of the offer.
    #[prost(string, tag = "2")]
    pub model_id: String,
}

/// The offer is gone.
#[derive(Clone, PartialEq, prost::Message)]
pub struct WithdrawReply {
    /// Whether there was such an offer.
    #[prost(bool, tag = "1")]
    pub known: bool,
}

/// Asks for one provider of a model. The model id carries the tier.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Route {
    /// `ogong/<tier>/<maker>/<model>`.
    #[prost(string, tag = "1")]
    pub model_id: String,
    /// Ceiling for either price, atoms per 1,000 tokens.
    #[prost(uint64, tag = "2")]
    pub max_price: u64,
    /// Tokens the prompt is likely to have, 0 when unknown.
    #[prost(uint32, tag = "3")]
    pub prompt_tokens: u32,
    /// Tokens the answer may have, 0 when unknown.
    #[prost(uint32, tag = "4")]
    pub max_tokens: u32,
    /// Node ids not to match again, such as one that just failed.
    #[prost(bytes = "vec", repeated, tag = "5")]
    pub exclude: Vec<Vec<u8>>,
}

/// The provider that was drawn.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RouteReply {
    /// The bytes of [`crate::offer::Offer`], as the provider signed them.
    #[prost(bytes = "vec", tag = "1")]
    pub offer: Vec<u8>,
    /// The provider's node public key, 1344 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub public: Vec<u8>,
    /// Hybrid signature over `offer`, 2484 bytes.
    #[prost(bytes = "vec", tag = "3")]
    pub signature: Vec<u8>,
    /// The router's node id, 32 bytes; goes into the order.
    #[prost(bytes = "vec", tag = "4")]
    pub router: Vec<u8>,
    /// Where the router's share of the fee goes, 32 bytes.
    #[prost(bytes = "vec", tag = "5")]
    pub router_payout: Vec<u8>,
    /// Whether the router forwards requests itself (`--relay`).
    #[prost(bool, tag = "6")]
    pub relay: bool,
    /// Live offers that passed the filters, this one among them.
    #[prost(uint32, tag = "7")]
    pub candidates: u32,
}

/// How a routed request went. Believed only from the certificate that was sent to the provider, once for each time it was sent there.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Report {
    /// The provider's node id, 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub node_id: Vec<u8>,
    /// The model of the route.
    #[prost(string, tag = "2")]
    pub model_id: String,
    /// A [`RouteOutcome`]; read it with `outcome()`.
    #[prost(enumeration = "RouteOutcome", tag = "3")]
    pub outcome: i32,
}

/// What became of a routed request. Numbers are never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub enum RouteOutcome {
    /// It never reached the provider, or the consumer left: no judgement.
    Abandoned = 0,
    /// It was answered and the answer held.
    Served = 1,
    /// The provider failed.
    Failed = 2,
}

/// The report was read.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct ReportReply {
    /// Whether there was such a route, so that the report counted.
    #[prost(bool, tag = "1")]
    pub counted: bool,
}

/// Asks which models can be had.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct Models {}

/// The models with at least one live offer.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ModelsReply {
    /// Sorted by model id.
    #[prost(message, repeated, tag = "1")]
    pub models: Vec<ModelSummary>,
}

/// One model of [`ModelsReply`].
#[derive(Clone, PartialEq, prost::Message)]
pub struct ModelSummary {
    /// `ogong/<tier>/<maker>/<model>`.
    #[prost(string, tag = "1")]
    pub model_id: String,
    /// Live offers.
    #[prost(uint32, tag = "2")]
    pub providers: u32,
    /// Slots free over all of them.
    #[prost(uint32, tag = "3")]
    pub free_slots: u32,
    /// Least price of 1,000 prompt tokens, atoms.
    #[prost(uint64, tag = "4")]
    pub price_prompt: u64,
    /// Least price of 1,000 answer tokens, atoms.
    #[prost(uint64, tag = "5")]
    pub price_completion: u64,
    /// Largest context among the offers.
    #[prost(uint32, tag = "6")]
    pub n_ctx: u32,
}

/// An HTTP request for the router to pass on. Answered by a stream: one [`ForwardHead`], any number of [`ForwardChunk`], one [`ForwardEnd`].
#[derive(Clone, PartialEq, prost::Message)]
pub struct Forward {
    /// The provider's node id, 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub node_id: Vec<u8>,
    /// The model of its offer.
    #[prost(string, tag = "2")]
    pub model_id: String,
    /// `GET` or `POST`.
    #[prost(string, tag = "3")]
    pub method: String,
    /// Path and query, beginning with a slash.
    #[prost(string, tag = "4")]
    pub path: String,
    /// Headers in order.
    #[prost(message, repeated, tag = "5")]
    pub headers: Vec<HttpHeader>,
    /// The frozen body, relayed unchanged.
    #[prost(bytes = "vec", tag = "6")]
    pub body: Vec<u8>,
}

/// One header line.
#[derive(Clone, PartialEq, prost::Message)]
pub struct HttpHeader {
    /// Lower case.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Raw value.
    #[prost(bytes = "vec", tag = "2")]
    pub value: Vec<u8>,
}

/// The provider's status line and headers.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ForwardHead {
    /// HTTP status code.
    #[prost(uint32, tag = "1")]
    pub status: u32,
    /// Headers in order.
    #[prost(message, repeated, tag = "2")]
    pub headers: Vec<HttpHeader>,
}

/// A piece of the provider's body, as it came.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ForwardChunk {
    /// Raw bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub data: Vec<u8>,
}

/// The body is complete. A stream that ends without it was cut off.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ForwardEnd {
    /// Trailers in order.
    #[prost(message, repeated, tag = "1")]
    pub trailers: Vec<HttpHeader>,
}
