//! An offer and what is known of it since.

use ogong_base::params::HEARTBEAT_EXPIRY_MS;
use ogong_base::{ConsensusId, ModelId, NodeId};
use std::collections::VecDeque;

/// A provider's verified offer, as matching needs it; `signed` is what a peer gets to check for itself.
#[derive(Clone, Debug)]
pub struct Listing<S> {
    /// Who offers.
    pub node: NodeId,
    /// What is offered.
    pub model: ModelId,
    /// The certificate the provider's connection presents.
    pub consensus: ConsensusId,
    /// Atoms per 1,000 prompt tokens.
    pub price_prompt: u64,
    /// Atoms per 1,000 answer tokens.
    pub price_completion: u64,
    /// Requests served at once.
    pub slots: u32,
    /// Context of one slot, in tokens.
    pub n_ctx: u32,
    /// When the offer was signed.
    pub issued_ms: u64,
    /// When it ends by itself.
    pub expires_ms: u64,
    /// The offer as signed.
    pub signed: S,
}

/// A request that was sent to an offer and not reported on yet.
#[derive(Debug)]
pub struct OpenRoute {
    /// Who was sent.
    pub peer: ConsensusId,
    /// When.
    pub at_ms: u64,
    /// The provider's own count of free slots has this request in it.
    pub counted: bool,
}

/// An offer that is held.
#[derive(Debug)]
pub struct Entry<S> {
    /// The offer.
    pub listing: Listing<S>,
    /// The last sign of life.
    pub seen_ms: u64,
    /// Slots that the provider says are free.
    pub free: u32,
    /// Who was sent there, the oldest first.
    pub open: VecDeque<OpenRoute>,
}

impl<S> Entry<S> {
    /// Whether its provider is there and the offer holds.
    pub fn is_live(&self, now_ms: u64) -> bool {
        now_ms.saturating_sub(self.seen_ms) < HEARTBEAT_EXPIRY_MS && now_ms < self.listing.expires_ms
    }

    /// Slots free, with those just routed taken.
    pub fn available(&self, now_ms: u64) -> u32 {
        let routed = self
            .open
            .iter()
            .filter(|open| !open.counted && now_ms.saturating_sub(open.at_ms) < HEARTBEAT_EXPIRY_MS)
            .count();
        self.free.saturating_sub(u32::try_from(routed).unwrap_or(u32::MAX))
    }

    /// The dearer of its prices.
    pub fn price(&self) -> u64 {
        self.listing.price_prompt.max(self.listing.price_completion)
    }
}
