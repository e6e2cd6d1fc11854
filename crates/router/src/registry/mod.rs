//! The marketplace in memory: verified offers, their free slots, and who was sent where.
//!
//! - An offer lives until it expires, is withdrawn, or its provider misses its heartbeats for 30 s (SPEC 6).
//! - Matching filters by model id (which carries the tier), price, context, free slots and exclusions, then draws by
//!   stake × reputation ([`crate::draw`]).
//! - A request just routed takes a slot at once, so that a burst spreads before the next heartbeat tells of it. A slot comes back
//!   when the peer that asked reports the outcome, when a heartbeat has counted the request itself, or after the expiry.
//! - Only a peer that was sent to a provider may report on it, once for each time it was sent: reputation costs a route.
//!
//! Pure: time and randomness are arguments. Nothing here survives a restart; providers upsert again when a heartbeat is not known.

mod matching;
mod offer;

pub use self::matching::{Matched, NoMatch, Query, Summary};
use self::matching::{fitting, summary};
pub use self::offer::Listing;
use self::offer::{Entry, OpenRoute};
use crate::draw::{draw, weight};
use crate::reputation::Reputation;
use ogong_base::params::HEARTBEAT_EXPIRY_MS;
use ogong_base::{ConsensusId, ModelId, NodeId};
use rand::{CryptoRng, Rng};
use std::collections::{BTreeMap, HashMap, VecDeque};

/// Offers held at most.
pub const OFFERS_MAX: usize = 16_384;
/// Models one node may offer at most.
pub const OFFERS_PER_NODE_MAX: usize = 64;
/// Open routes remembered for one offer at most; the oldest is forgotten first.
pub const OPEN_ROUTES_MAX: usize = 4_096;
/// Reputations below full that are remembered at most.
pub const REPUTATIONS_MAX: usize = 65_536;
/// Time a routed request takes to reach its provider: younger ones are not in a heartbeat's count yet. It covers an escrow's confirmation.
pub const TRAVEL_MS: u64 = 5_000;
/// A report is taken this long after its route: the longest a request may run (SPEC 6, order deadline).
pub const REPORT_WINDOW_MS: u64 = ogong_base::params::ORDER_DEADLINE_MS;

const _: () = assert!(TRAVEL_MS < HEARTBEAT_EXPIRY_MS);

/// Why an offer or a heartbeat was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// An offer of the same node and model that was signed later is held.
    #[error("a newer offer is held already")]
    Superseded,
    /// The registry is full.
    #[error("the registry holds as many offers as it may")]
    Full,
    /// The node offers too many models.
    #[error("a node may offer at most {OFFERS_PER_NODE_MAX} models")]
    TooManyModels,
    /// The connection is not the one that the offer names.
    #[error("the connection's certificate is not the offer's")]
    Stranger,
}

/// How a routed request went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was answered and the answer held.
    Served,
    /// The provider failed: no connection, an error of its own, a broken stream, an answer that is not what it signed.
    Failed,
    /// It never reached the provider or the consumer left: no judgement.
    Abandoned,
}

/// All live offers and what is known of who makes them.
#[derive(Debug)]
pub struct Registry<S> {
    offers: BTreeMap<ModelId, BTreeMap<NodeId, Entry<S>>>,
    reputations: HashMap<NodeId, Reputation>,
    stakes: HashMap<NodeId, u64>,
}

impl<S: Clone> Default for Registry<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S: Clone> Registry<S> {
    /// An empty registry.
    pub fn new() -> Self {
        Self { offers: BTreeMap::new(), reputations: HashMap::new(), stakes: HashMap::new() }
    }

    /// Replaces what is known of stakes, in atoms; a node that is not named has none.
    pub fn set_stakes(&mut self, stakes: HashMap<NodeId, u64>) {
        self.stakes = stakes;
    }

    /// Takes a verified offer, or a newer one in its place; slots in use stay in use.
    ///
    /// # Errors
    /// When a later offer is held, or there is no room.
    pub fn upsert(&mut self, listing: Listing<S>, now_ms: u64) -> Result<(), Refusal> {
        self.sweep(now_ms);
        let held = self.offers.get(&listing.model).and_then(|nodes| nodes.get(&listing.node));
        if held.is_some_and(|held| held.listing.issued_ms > listing.issued_ms) {
            return Err(Refusal::Superseded);
        }
        if held.is_none() {
            self.room_for(&listing.node)?;
        }
        let nodes = self.offers.entry(listing.model.clone()).or_default();
        match nodes.get_mut(&listing.node) {
            Some(entry) => {
                entry.free = entry.free.min(listing.slots);
                entry.seen_ms = now_ms;
                entry.listing = listing;
            }
            None => {
                let entry = Entry { seen_ms: now_ms, free: listing.slots, open: VecDeque::new(), listing };
                nodes.insert(entry.listing.node, entry);
            }
        }
        Ok(())
    }

    /// Notes that a provider lives and how many requests it would start now. `Ok(false)`: the offer is not held.
    ///
    /// # Errors
    /// When another connection than the offer's says so.
    pub fn heartbeat(
        &mut self,
        peer: ConsensusId,
        node: NodeId,
        model: &ModelId,
        free_slots: u32,
        now_ms: u64,
    ) -> Result<bool, Refusal> {
        self.sweep(now_ms);
        let Some(entry) = self.entry(node, model) else { return Ok(false) };
        if entry.listing.consensus != peer {
            return Err(Refusal::Stranger);
        }
        entry.seen_ms = now_ms;
        entry.free = free_slots.min(entry.listing.slots);
        for open in entry.open.iter_mut().filter(|open| open.at_ms.saturating_add(TRAVEL_MS) <= now_ms) {
            open.counted = true;
        }
        Ok(true)
    }

    /// Takes an offer back. `Ok(false)`: it was not held.
    ///
    /// # Errors
    /// When another connection than the offer's asks.
    pub fn withdraw(&mut self, peer: ConsensusId, node: NodeId, model: &ModelId) -> Result<bool, Refusal> {
        let Some(entry) = self.entry(node, model) else { return Ok(false) };
        if entry.listing.consensus != peer {
            return Err(Refusal::Stranger);
        }
        if let Some(nodes) = self.offers.get_mut(model) {
            nodes.remove(&node);
        }
        self.offers.retain(|_, nodes| !nodes.is_empty());
        Ok(true)
    }

    /// Draws a provider for `query` and takes one of its slots.
    ///
    /// # Errors
    /// Says which filter left nobody.
    pub fn route(
        &mut self,
        query: &Query,
        now_ms: u64,
        rng: &mut (impl Rng + CryptoRng),
    ) -> Result<Matched<S>, NoMatch> {
        self.sweep(now_ms);
        let nodes = self.offers.get(&query.model).ok_or(NoMatch::Unoffered)?;
        let fitting = fitting(nodes, query, now_ms)?;
        let weights: Vec<u128> = fitting.iter().map(|node| self.weight_of(node, now_ms)).collect();
        let drawn = draw(&weights, rng).and_then(|index| fitting.get(index)).copied().ok_or(NoMatch::Busy)?;
        let candidates = u32::try_from(fitting.len()).unwrap_or(u32::MAX);
        let entry = self.entry(drawn, &query.model).ok_or(NoMatch::Unoffered)?;
        if entry.open.len() >= OPEN_ROUTES_MAX {
            entry.open.pop_front();
        }
        entry.open.push_back(OpenRoute { peer: query.peer, at_ms: now_ms, counted: false });
        Ok(Matched { signed: entry.listing.signed.clone(), candidates })
    }

    /// Takes `peer`'s word on the oldest request it was sent to this offer with. False when it was sent there with none.
    pub fn report(&mut self, peer: ConsensusId, node: NodeId, model: &ModelId, outcome: Outcome, now_ms: u64) -> bool {
        let Some(entry) = self.entry(node, model) else { return false };
        entry.open.retain(|open| now_ms.saturating_sub(open.at_ms) < REPORT_WINDOW_MS);
        let Some(index) = entry.open.iter().position(|open| open.peer == peer) else { return false };
        if entry.open.remove(index).is_some_and(|open| open.counted) {
            entry.free = entry.free.saturating_add(1).min(entry.listing.slots);
        }
        if outcome == Outcome::Abandoned || (outcome == Outcome::Served && !self.reputations.contains_key(&node)) {
            return true;
        }
        if self.reputations.len() >= REPUTATIONS_MAX && !self.reputations.contains_key(&node) {
            return true;
        }
        let reputation = self.reputations.entry(node).or_insert_with(|| Reputation::full(now_ms));
        match outcome {
            Outcome::Served => reputation.succeeded(now_ms),
            Outcome::Failed => reputation.failed(now_ms),
            Outcome::Abandoned => {}
        }
        true
    }

    /// A live offer, for relaying to its endpoint.
    pub fn live(&self, node: NodeId, model: &ModelId, now_ms: u64) -> Option<&Listing<S>> {
        let entry = self.offers.get(model)?.get(&node)?;
        entry.is_live(now_ms).then_some(&entry.listing)
    }

    /// Whether `peer` was sent to this offer and has not reported on it yet.
    pub fn is_routed(&self, peer: ConsensusId, node: NodeId, model: &ModelId) -> bool {
        let entry = self.offers.get(model).and_then(|nodes| nodes.get(&node));
        entry.is_some_and(|entry| entry.open.iter().any(|open| open.peer == peer))
    }

    /// The models with live offers, sorted by the text of their ids.
    pub fn models(&self, now_ms: u64) -> Vec<Summary> {
        let mut models: Vec<Summary> =
            self.offers.iter().filter_map(|(model, nodes)| summary(model, nodes, now_ms)).collect();
        models.sort_by_cached_key(|summary| summary.model.to_string());
        models
    }

    /// A provider's reputation, in ppm.
    pub fn reputation_ppm(&self, node: &NodeId, now_ms: u64) -> u64 {
        self.reputations.get(node).map_or(crate::reputation::REPUTATION_FULL_PPM, |reputation| reputation.at(now_ms))
    }

    /// Drops what is over: silent and expired offers, reputations that are full again.
    pub fn sweep(&mut self, now_ms: u64) {
        self.offers.retain(|_, nodes| {
            nodes.retain(|_, entry| entry.is_live(now_ms));
            !nodes.is_empty()
        });
        self.reputations.retain(|_, reputation| reputation.at(now_ms) < crate::reputation::REPUTATION_FULL_PPM);
    }

    fn entry(&mut self, node: NodeId, model: &ModelId) -> Option<&mut Entry<S>> {
        self.offers.get_mut(model)?.get_mut(&node)
    }

    fn weight_of(&self, node: &NodeId, now_ms: u64) -> u128 {
        weight(self.stakes.get(node).copied().unwrap_or(0), self.reputation_ppm(node, now_ms))
    }

    fn room_for(&self, node: &NodeId) -> Result<(), Refusal> {
        if self.offers.values().map(BTreeMap::len).sum::<usize>() >= OFFERS_MAX {
            return Err(Refusal::Full);
        }
        if self.offers.values().filter(|nodes| nodes.contains_key(node)).count() >= OFFERS_PER_NODE_MAX {
            return Err(Refusal::TooManyModels);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
