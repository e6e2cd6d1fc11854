//! Whose turn it is to handle a reply (SPEC 9.7).
//!
//! The order is stake-weighted over the validators known to hold a settlement sink; where none is known (an audit-only
//! network), over all of them. The first handles at once, each next one 30 s later, so that a stalling handler delays a
//! reply and cannot keep it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ogong_base::hash::{ChainKey, ConsensusId, ReplyId};
use ogong_base::params::HANDLER_TURN_MS;
use ogong_settlement::handlers;

use crate::roster::Roster;

/// Extra turns an earlier handler gets while it says that it is working on the reply.
pub const PATIENCE_TURNS: u32 = 6;

/// Which validators hold a settlement sink, as they say themselves.
#[derive(Debug, Default)]
pub struct Sinks(Mutex<BTreeMap<ConsensusId, bool>>);

impl Sinks {
    /// Notes what a validator said.
    pub fn note(&self, id: ConsensusId, has_sink: bool) {
        self.known().insert(id, has_sink);
    }

    /// Whether a validator is known to hold a sink.
    #[must_use]
    pub fn holds(&self, id: ConsensusId) -> bool {
        self.known().get(&id).copied().unwrap_or(false)
    }

    /// Whether a validator has said so at all.
    #[must_use]
    pub fn knows(&self, id: ConsensusId) -> bool {
        self.known().contains_key(&id)
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<ConsensusId, bool>> {
        // The map is valid after every statement that changes it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The handlers of one reply, first to last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turns(Vec<ChainKey>);

impl Turns {
    /// The order for a reply.
    #[must_use]
    pub fn of(reply_id: &ReplyId, roster: &Roster, sinks: &Sinks) -> Self {
        let stakes = |only_sinks: bool| -> Vec<(ChainKey, u64)> {
            let members = roster.members.values().filter(|member| !only_sinks || sinks.holds(member.consensus_id));
            members.map(|member| (member.authority, member.stake)).collect()
        };
        let with_sink = stakes(true);
        Self(handlers::order(reply_id, &if with_sink.is_empty() { stakes(false) } else { with_sink }))
    }

    /// When `me` may handle a reply received at `received_ms`; never where it is not in the order.
    #[must_use]
    pub fn opens_ms(&self, me: &ChainKey, received_ms: u64) -> Option<u64> {
        let place = self.0.iter().position(|key| key == me)?;
        let turns = u64::try_from(place).unwrap_or(u64::MAX);
        Some(received_ms.saturating_add(turns.saturating_mul(HANDLER_TURN_MS)))
    }

    /// Those whose turn comes before that of `me`.
    pub fn before<'a>(&'a self, me: &'a ChainKey) -> impl Iterator<Item = ChainKey> + 'a {
        self.0.iter().take_while(move |key| *key != me).copied()
    }

    /// Who handles first.
    #[must_use]
    pub fn first(&self) -> Option<ChainKey> {
        self.0.first().copied()
    }
}
