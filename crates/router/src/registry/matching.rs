//! Which offers fit what a consumer asks for, and what all offers of a model amount to.

use super::offer::Entry;
use ogong_base::{ConsensusId, ModelId, NodeId};
use std::collections::BTreeMap;

/// What a consumer asks for.
#[derive(Clone, Debug)]
pub struct Query {
    /// Who asks: the certificate of the asking connection.
    pub peer: ConsensusId,
    /// The model, tier included.
    pub model: ModelId,
    /// Ceiling for either price, atoms per 1,000 tokens.
    pub max_price: u64,
    /// Prompt and answer tokens together, as far as known.
    pub tokens: u32,
    /// Providers not to match.
    pub exclude: Vec<NodeId>,
}

/// The provider that was drawn.
#[derive(Debug)]
pub struct Matched<S> {
    /// Its offer as signed.
    pub signed: S,
    /// Offers that passed the filters, this one among them.
    pub candidates: u32,
}

/// Why nobody was matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoMatch {
    /// Nobody offers the model.
    #[error("no live provider offers this model")]
    Unoffered,
    /// All that offer it were excluded.
    #[error("no other live provider offers this model")]
    Excluded,
    /// All that offer it cost more.
    #[error("every provider costs more than {max_price} atoms per 1,000 tokens; the cheapest asks {least}")]
    OverPrice {
        /// The asker's ceiling.
        max_price: u64,
        /// The least price over both kinds of token that would match.
        least: u64,
    },
    /// The request does not fit any context.
    #[error("the request needs {tokens} tokens of context; the largest offered is {largest}")]
    Context {
        /// Tokens asked for.
        tokens: u32,
        /// Largest context offered at this price.
        largest: u32,
    },
    /// All that fit are busy.
    #[error("every provider that fits is busy")]
    Busy,
}

/// One model with live offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The model.
    pub model: ModelId,
    /// Live offers.
    pub providers: u32,
    /// Free slots over all of them.
    pub free_slots: u32,
    /// Least price of 1,000 prompt tokens.
    pub price_prompt: u64,
    /// Least price of 1,000 answer tokens.
    pub price_completion: u64,
    /// Largest context.
    pub n_ctx: u32,
}

/// The nodes that pass every filter of `query`, or the first filter that left nobody.
///
/// # Errors
/// That filter.
pub fn fitting<S>(nodes: &BTreeMap<NodeId, Entry<S>>, query: &Query, now_ms: u64) -> Result<Vec<NodeId>, NoMatch> {
    let live: Vec<&Entry<S>> = nodes.values().filter(|entry| entry.is_live(now_ms)).collect();
    if live.is_empty() {
        return Err(NoMatch::Unoffered);
    }
    let others: Vec<&Entry<S>> =
        live.into_iter().filter(|entry| !query.exclude.contains(&entry.listing.node)).collect();
    let Some(least) = others.iter().map(|entry| entry.price()).min() else { return Err(NoMatch::Excluded) };
    if least > query.max_price {
        return Err(NoMatch::OverPrice { max_price: query.max_price, least });
    }
    let priced: Vec<&Entry<S>> = others.into_iter().filter(|entry| entry.price() <= query.max_price).collect();
    let largest = priced.iter().map(|entry| entry.listing.n_ctx).max().unwrap_or(0);
    if largest < query.tokens {
        return Err(NoMatch::Context { tokens: query.tokens, largest });
    }
    let free: Vec<NodeId> = priced
        .into_iter()
        .filter(|entry| entry.listing.n_ctx >= query.tokens && entry.available(now_ms) > 0)
        .map(|entry| entry.listing.node)
        .collect();
    if free.is_empty() { Err(NoMatch::Busy) } else { Ok(free) }
}

/// What the live offers of one model amount to; `None` without any.
pub fn summary<S>(model: &ModelId, nodes: &BTreeMap<NodeId, Entry<S>>, now_ms: u64) -> Option<Summary> {
    let live: Vec<&Entry<S>> = nodes.values().filter(|entry| entry.is_live(now_ms)).collect();
    Some(Summary {
        model: model.clone(),
        providers: u32::try_from(live.len()).unwrap_or(u32::MAX),
        free_slots: live.iter().fold(0u32, |sum, entry| sum.saturating_add(entry.available(now_ms))),
        price_prompt: live.iter().map(|entry| entry.listing.price_prompt).min()?,
        price_completion: live.iter().map(|entry| entry.listing.price_completion).min()?,
        n_ctx: live.iter().map(|entry| entry.listing.n_ctx).max()?,
    })
}
