//! What a validator knows of one reply, as it stands on disk.
//!
//! ```text
//! received ─▶ turn ─▶ drawn ─┬─ not selected ───────────────────────────▶ judged ─▶ cosigning ─▶ submitted ─▶ settled │ refunded
//!                            └─ selected ─▶ scoring ─▶ awaiting verdict ─▶ judged
//!                                              └─▶ inconclusive ─▶ expired (the consumer refunds alone)
//! ```
//!
//! Every arrow is one durable write ([`crate::shelf`]), so a node killed between two of them does the later one again and
//! nothing twice: what an arrow needs is in the entry, what it produces is stored before anybody is told.

mod stored;

use ogong_base::hash::ReplyId;

/// Where a reply stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Phase {
    /// Stored, receipt given; waits for its round and this node's turn.
    Received = 0,
    /// The round is known and selected it: materials and scores are being gathered.
    Auditing = 1,
    /// Selected, and only an operator can decide.
    AwaitingVerdict = 2,
    /// A verdict stands; co-signatures are being gathered.
    Cosigning = 3,
    /// A transaction was sent and is not confirmed yet.
    Submitted = 4,
    /// Paid on chain.
    Settled = 5,
    /// Given back on chain.
    Refunded = 6,
    /// Nobody could decide before the deadline.
    Inconclusive = 7,
    /// The deadline passed with the escrow open.
    Expired = 8,
    /// A verdict stands and this network has nobody to settle it (no chain configured).
    Judged = 9,
}

impl Phase {
    /// Whether nothing more will happen to the reply here.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Settled | Self::Refunded | Self::Inconclusive | Self::Expired | Self::Judged)
    }

    /// The word used in status replies and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Auditing => "auditing",
            Self::AwaitingVerdict => "awaiting-verdict",
            Self::Cosigning => "cosigning",
            Self::Submitted => "submitted",
            Self::Settled => "settled",
            Self::Refunded => "refunded",
            Self::Inconclusive => "inconclusive",
            Self::Expired => "expired",
            Self::Judged => "judged",
        }
    }

    /// Whether `next` may follow: the arrows of the module's drawing, and the chain's last word from anywhere open.
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        if self.is_final() {
            // An expired or undecided reply may still turn out settled by another handler or refunded by the consumer.
            return matches!(self, Self::Inconclusive | Self::Expired | Self::Judged)
                && matches!(next, Self::Settled | Self::Refunded);
        }
        match next {
            Self::Received => false,
            // From co-signing when a second record shows up: the verdict is another one then.
            Self::Auditing => matches!(self, Self::Received | Self::Auditing | Self::AwaitingVerdict | Self::Cosigning),
            Self::AwaitingVerdict => matches!(self, Self::Received | Self::Auditing | Self::AwaitingVerdict),
            Self::Cosigning | Self::Judged => true,
            Self::Submitted => matches!(self, Self::Cosigning | Self::Submitted),
            Self::Settled | Self::Refunded | Self::Inconclusive | Self::Expired => true,
        }
    }
}

/// What the provider pushed, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// Record bytes, SPEC 3.9.
    pub record: Vec<u8>,
    /// Hybrid signature over the record.
    pub record_signature: Vec<u8>,
    /// The provider's node public key.
    pub provider_public: Vec<u8>,
    /// Order bytes, SPEC 2.2.
    pub order: Vec<u8>,
    /// Session key's signature over the order.
    pub order_signature: Vec<u8>,
    /// The escrow's session key.
    pub session_key: [u8; 32],
    /// The provider's payout account.
    pub payout: [u8; 32],
    /// Prompt tokens the provider claims; the header leaf decides.
    pub n_prompt: u32,
}

/// An operator's decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manual {
    /// Settle.
    Accept,
    /// Refund.
    Reject,
}

/// One peer's agreement, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosignature {
    /// The validator's chain account.
    pub chain_key: [u8; 32],
    /// Ed25519 over the transaction message.
    pub chain_signature: Vec<u8>,
    /// Hybrid signature over the settlement digest.
    pub signature: Vec<u8>,
    /// The validator's node public key.
    pub validator_public: Vec<u8>,
}

/// A verifier whose report counted, and who stands behind it by its own announcement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scorer {
    /// The verifier's node.
    pub node_id: [u8; 32],
    /// Its stake owner.
    pub stake_owner: [u8; 32],
}

/// What the audit has produced so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Work {
    /// Encoded beacon of the round.
    pub beacon: Option<Vec<u8>>,
    /// Encoded evidence so far; it grows by material, openings and attempts.
    pub evidence: Option<Vec<u8>>,
    /// The operator's decision.
    pub manual: Option<Manual>,
    /// Verdict bytes.
    pub verdict: Option<Vec<u8>>,
    /// Prompt and billed tokens, once the header leaf is known.
    pub billing: Option<(u32, u32)>,
    /// Verifiers to be named in the settlement, where they are registered.
    pub scorers: Vec<Scorer>,
    /// The transaction message under signature.
    pub message: Option<Vec<u8>>,
    /// The block height that the message's blockhash lives to.
    pub last_valid_height: u64,
    /// Co-signatures over it.
    pub cosignatures: Vec<Cosignature>,
    /// The transaction's signature, base58.
    pub transaction: String,
    /// Fee paid, atoms.
    pub fee: u64,
    /// Wallets and atoms of the settlement, in its order.
    pub payees: Vec<([u8; 32], u64)>,
}

/// One reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The order's hash.
    pub reply_id: ReplyId,
    /// What was pushed.
    pub pushed: Pushed,
    /// A second, contradicting record of the same provider for the same reply, with its signature.
    pub rival: Option<(Vec<u8>, Vec<u8>)>,
    /// Receipt bytes, SPEC 5.1.
    pub receipt: Vec<u8>,
    /// This node's signature over the receipt.
    pub receipt_signature: Vec<u8>,
    /// When the record was stored.
    pub received_ms: u64,
    /// The round that draws it.
    pub round: u64,
    /// The order's deadline.
    pub deadline_ms: u64,
    /// Where it stands.
    pub phase: Phase,
    /// What the audit has produced.
    pub work: Work,
    /// What the reply waits for, in words; empty when final.
    pub note: String,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const ALL: [Phase; 10] = [
        Phase::Received,
        Phase::Auditing,
        Phase::AwaitingVerdict,
        Phase::Cosigning,
        Phase::Submitted,
        Phase::Settled,
        Phase::Refunded,
        Phase::Inconclusive,
        Phase::Expired,
        Phase::Judged,
    ];

    #[test]
    fn money_moves_once() {
        for paid in [Phase::Settled, Phase::Refunded] {
            assert!(ALL.iter().all(|next| !paid.may_become(*next)), "{paid:?} is the last word");
        }
        for phase in ALL {
            assert!(!phase.may_become(Phase::Received), "{phase:?} never starts over");
        }
        assert!(!Phase::Received.may_become(Phase::Submitted), "nothing is sent without co-signatures");
    }
}
