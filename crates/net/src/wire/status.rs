//! Anyone to a node: how it stands, and what became of one reply.

/// Asks how a node stands.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct StatusRequest {}

/// A node's own account of itself.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Status {
    /// 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub node_id: Vec<u8>,
    /// 32 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub consensus_id: Vec<u8>,
    /// `validator`, `verifier`, `router`, `provider` or `gateway`.
    #[prost(string, tag = "3")]
    pub role: String,
    /// Package version.
    #[prost(string, tag = "4")]
    pub version: String,
    /// Whether the node submits settlements.
    #[prost(bool, tag = "5")]
    pub has_sink: bool,
    /// Audit coverage, parts per million.
    #[prost(uint64, tag = "6")]
    pub alpha_ppm: u64,
    /// Peers, connected or not.
    #[prost(message, repeated, tag = "7")]
    pub peers: Vec<PeerStatus>,
    /// Replies without a final outcome.
    #[prost(uint64, tag = "8")]
    pub pending: u64,
    /// Replies settled on chain.
    #[prost(uint64, tag = "9")]
    pub settled: u64,
    /// Replies refunded on chain.
    #[prost(uint64, tag = "10")]
    pub refunded: u64,
    /// Replies whose verdict is Reject.
    #[prost(uint64, tag = "11")]
    pub rejected: u64,
    /// What keeps the node from working on, in words; empty when nothing does.
    #[prost(string, tag = "12")]
    pub waiting_for: String,
    /// The node's public key, 1344 bytes.
    #[prost(bytes = "vec", tag = "13")]
    pub public: Vec<u8>,
    /// Providers and verifiers that have announced themselves and have not expired.
    #[prost(uint32, tag = "14")]
    pub announced: u32,
    /// A validator's beacon key, 32 bytes; who has no registry takes it from here, over the pinned connection.
    #[prost(bytes = "vec", tag = "15")]
    pub vrf_key: Vec<u8>,
    /// A validator's chain account, 32 bytes.
    #[prost(bytes = "vec", tag = "16")]
    pub chain_key: Vec<u8>,
}

/// One peer of a node.
#[derive(Clone, PartialEq, prost::Message)]
pub struct PeerStatus {
    /// 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub consensus_id: Vec<u8>,
    /// `host:port`.
    #[prost(string, tag = "2")]
    pub endpoint: String,
    /// Whether a connection stands now.
    #[prost(bool, tag = "3")]
    pub connected: bool,
    /// Registered stake in atoms, 0 when unknown.
    #[prost(uint64, tag = "4")]
    pub stake: u64,
    /// The last failure, empty when there is none.
    #[prost(string, tag = "5")]
    pub last_error: String,
}

/// Asks what became of a reply.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ReplyStatusRequest {
    /// 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub reply_id: Vec<u8>,
    /// Whether to send the evidence too (it holds the prompt and is large).
    #[prost(bool, tag = "2")]
    pub with_evidence: bool,
}

/// What became of a reply.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ReplyStatus {
    /// 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub reply_id: Vec<u8>,
    /// `unknown`, `received`, `auditing`, `awaiting-verdict`, `cosigning`, `settled`, `refunded`, `expired`, `inconclusive`.
    #[prost(string, tag = "2")]
    pub state: String,
    /// Verdict bytes, SPEC 5.7; empty until there is one.
    #[prost(bytes = "vec", tag = "3")]
    pub verdict: Vec<u8>,
    /// Evidence bytes; empty unless asked for and held.
    #[prost(bytes = "vec", tag = "4")]
    pub evidence: Vec<u8>,
    /// Co-signatures gathered so far.
    #[prost(message, repeated, tag = "5")]
    pub cosignatures: Vec<super::cosign::CosignReply>,
    /// The chain's transaction signature, base58; empty until sent.
    #[prost(string, tag = "6")]
    pub transaction: String,
    /// Fee paid, atoms.
    #[prost(uint64, tag = "7")]
    pub fee: u64,
    /// What the reply waits for, in words; empty when final.
    #[prost(string, tag = "8")]
    pub waiting_for: String,
    /// Record bytes, SPEC 3.9.
    #[prost(bytes = "vec", tag = "9")]
    pub record: Vec<u8>,
    /// Verdicts of earlier attempts, oldest first, when a later one replaced them.
    #[prost(bytes = "vec", repeated, tag = "10")]
    pub earlier_verdicts: Vec<Vec<u8>>,
    /// Who is paid what: provider, router, validator, reserve, owner; of a refund the owner alone.
    #[prost(message, repeated, tag = "11")]
    pub payees: Vec<Payee>,
    /// Order bytes, SPEC 2.2.
    #[prost(bytes = "vec", tag = "12")]
    pub order: Vec<u8>,
}

/// One payee of a settlement.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Payee {
    /// The wallet, 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub wallet: Vec<u8>,
    /// Atoms.
    #[prost(uint64, tag = "2")]
    pub atoms: u64,
}
