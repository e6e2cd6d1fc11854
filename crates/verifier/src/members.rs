//! Which validators this verifier works for and announces itself to: those of the on-chain registry and those the
//! operator pinned. With neither, any caller from the same machine, said in the log.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ogong_base::hash::{ConsensusId, NetworkId};
use ogong_net::Dialer;
use ogong_net::wire::{ErrorCode, ErrorReply};
use ogong_net::{Endpoint, PeerInfo};
use ogong_settlement::Chain;
use tracing::{info, warn};

use crate::config::PinnedEndpoint;
use crate::error::Error;

/// The validators known now, each with the connection kept up to it.
pub struct Members {
    endpoint: Endpoint,
    pinned: Vec<PinnedEndpoint>,
    chain: Option<Chain>,
    links: Mutex<BTreeMap<ConsensusId, Dialer>>,
}

impl Members {
    /// Members by registry and pins.
    #[must_use]
    pub fn new(endpoint: Endpoint, pinned: Vec<PinnedEndpoint>, chain: Option<Chain>) -> Self {
        let members = Self { endpoint, pinned, chain, links: Mutex::default() };
        if members.is_open() {
            warn!("no chain and no --validator: jobs are taken from any caller on this machine and from nobody else");
        }
        members.dial(&[]);
        members
    }

    /// Reads the registry again.
    ///
    /// # Errors
    /// The chain does not answer; the members known before stay.
    pub async fn refresh(&self) -> Result<(), Error> {
        let Some(chain) = &self.chain else { return Ok(()) };
        let registered: Vec<PinnedEndpoint> = chain
            .validators()
            .await?
            .into_iter()
            .map(|one| PinnedEndpoint {
                endpoint: one.endpoint,
                consensus_id: ConsensusId::from_bytes(one.consensus_id),
            })
            .collect();
        self.dial(&registered);
        Ok(())
    }

    /// The network the chain stands for, where there is one.
    ///
    /// # Errors
    /// The chain does not answer.
    pub async fn network(&self) -> Result<Option<NetworkId>, Error> {
        match &self.chain {
            Some(chain) => Ok(Some(NetworkId::from_bytes(chain.config().await?.network))),
            None => Ok(None),
        }
    }

    /// Lets a validator's request pass.
    ///
    /// # Errors
    /// Forbidden for anybody else.
    pub fn admit(&self, from: &PeerInfo) -> Result<(), ErrorReply> {
        let known = self.links().contains_key(&from.consensus_id);
        if known || (self.is_open() && from.addr.ip().is_loopback()) {
            return Ok(());
        }
        Err(ErrorReply::new(
            ErrorCode::Forbidden,
            "this verifier works for registered validators only",
            "register the validator on chain, or name it to the verifier with --validator host:port|cert",
        ))
    }

    /// Connections to all members.
    #[must_use]
    pub fn dialers(&self) -> Vec<Dialer> {
        self.links().values().cloned().collect()
    }

    fn is_open(&self) -> bool {
        self.chain.is_none() && self.pinned.is_empty()
    }

    /// Keeps connections up to the pinned and these.
    fn dial(&self, registered: &[PinnedEndpoint]) {
        let wanted: BTreeMap<ConsensusId, &str> =
            registered.iter().chain(&self.pinned).map(|one| (one.consensus_id, one.endpoint.as_str())).collect();
        let mut links = self.links();
        links.retain(|id, dialer| wanted.get(id).is_some_and(|endpoint| *endpoint == dialer.target()));
        for (id, endpoint) in wanted {
            links.entry(id).or_insert_with(|| {
                info!(consensus_id = %id, endpoint, "validator known");
                self.endpoint.dialer(endpoint, id)
            });
        }
    }

    fn links(&self) -> MutexGuard<'_, BTreeMap<ConsensusId, Dialer>> {
        // The map is valid after every statement that changes it.
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
