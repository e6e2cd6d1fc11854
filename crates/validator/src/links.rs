//! Connections of a validator: it keeps one up to every other validator, uses those that providers dialled, and dials
//! verifiers when they are drawn.
//!
//! A node is addressed by its consensus id alone; which side opened the connection does not matter.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ogong_base::hash::ConsensusId;
use ogong_net::wire::{Ask, PeerStatus};
use ogong_net::{DialState, Dialer, Endpoint, Error, Peer};

/// All connections of this node. Clones share them.
#[derive(Debug, Clone)]
pub struct Links {
    endpoint: Endpoint,
    dialers: Arc<Mutex<BTreeMap<ConsensusId, Dialer>>>,
}

impl Links {
    /// Links over an endpoint.
    #[must_use]
    pub fn new(endpoint: Endpoint) -> Self {
        Self { endpoint, dialers: Arc::default() }
    }

    /// Keeps connections up to exactly these nodes; a node whose endpoint moved is dialled anew.
    pub fn keep<'a>(&self, wanted: impl Iterator<Item = (ConsensusId, &'a str)>) {
        let wanted: BTreeMap<ConsensusId, &str> =
            wanted.filter(|(id, _)| *id != self.endpoint.consensus_id()).collect();
        let mut dialers = self.dialers();
        dialers.retain(|id, dialer| wanted.get(id).is_some_and(|endpoint| *endpoint == dialer.target()));
        for (id, endpoint) in wanted {
            dialers.entry(id).or_insert_with(|| self.endpoint.dialer(endpoint, id));
        }
    }

    /// A live connection to a node, if there is one.
    #[must_use]
    pub fn live(&self, id: ConsensusId) -> Option<Peer> {
        self.endpoint.peer(&id)
    }

    /// Asks a node over the connection there is, or over the one that is kept up to it.
    ///
    /// # Errors
    /// As [`Peer::ask`]; [`Error::Connect`] when there is no way to that node.
    pub async fn ask<A: Ask>(&self, id: ConsensusId, message: A) -> Result<A::Reply, Error> {
        if let Some(peer) = self.live(id) {
            return peer.ask(message).await;
        }
        self.dialer(id)?.ask(message).await
    }

    /// As [`Links::ask`] with a time limit of the caller's.
    ///
    /// # Errors
    /// As [`Links::ask`].
    pub async fn ask_within<A: Ask>(&self, id: ConsensusId, message: A, within: Duration) -> Result<A::Reply, Error> {
        if let Some(peer) = self.live(id) {
            return peer.ask_within(message, within).await;
        }
        self.dialer(id)?.ask_within(message, within).await
    }

    /// Asks a node that is not kept connected, dialling it when it has not dialled us.
    ///
    /// # Errors
    /// As [`Links::ask`].
    pub async fn ask_at<A: Ask>(&self, id: ConsensusId, endpoint: &str, message: A) -> Result<A::Reply, Error> {
        let peer = match self.live(id) {
            Some(peer) => peer,
            None => self.endpoint.connect_host(endpoint, id).await?,
        };
        peer.ask(message).await
    }

    /// How the link to a node stands.
    #[must_use]
    pub fn status(&self, id: ConsensusId, endpoint: &str, stake: u64) -> PeerStatus {
        let connected = self.live(id).is_some();
        let last_error = if connected { String::new() } else { self.last_error(id) };
        PeerStatus { consensus_id: id.as_bytes().to_vec(), endpoint: endpoint.to_owned(), connected, stake, last_error }
    }

    fn last_error(&self, id: ConsensusId) -> String {
        match self.dialers().get(&id).map(|dialer| dialer.state().borrow().clone()) {
            Some(DialState::Connecting { last_error: Some(error), .. }) => error.to_string(),
            Some(_) => "connecting".to_owned(),
            None => "not dialled".to_owned(),
        }
    }

    fn dialer(&self, id: ConsensusId) -> Result<Dialer, Error> {
        self.dialers()
            .get(&id)
            .cloned()
            .ok_or_else(|| Error::Connect { target: id.to_hex(), why: "the node is not connected".to_owned() })
    }

    fn dialers(&self) -> MutexGuard<'_, BTreeMap<ConsensusId, Dialer>> {
        // The map is valid after every statement that changes it.
        self.dialers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
