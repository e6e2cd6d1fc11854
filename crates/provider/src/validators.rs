//! The validators this provider works with: found in the on-chain registry (or named by flag), dialled by pinned certificate, and answered when they
//! ask for openings over the connection this side opened (SPEC 1.3, 5.4). A home machine behind NAT needs no open port for it.

use crate::{ledger_store::Replies, openings::StoredReply};
use ogong_base::hash::{ConsensusId, ReplyId};
use ogong_net::{
    Dialer, Endpoint, Handler, PeerInfo, Pin,
    wire::{ErrorCode, ErrorReply, Request, Response},
};
use ogong_settlement::Chain;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};
use tracing::{info, warn};

/// A validator as configured or registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// `host:port`.
    pub endpoint: String,
}

/// Live set of validators. Cheap to clone.
#[derive(Clone)]
pub struct Validators {
    inner: Arc<Mutex<BTreeMap<ConsensusId, (Known, Dialer)>>>,
    endpoint: Endpoint,
    replies: Replies,
}

impl Validators {
    /// An empty set that dials from `endpoint` and answers from `replies`.
    pub fn new(endpoint: Endpoint, replies: Replies) -> Self {
        Self { inner: Arc::default(), endpoint, replies }
    }

    /// Dials a validator unless it is known already.
    pub fn add(&self, consensus_id: ConsensusId, endpoint: &str) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let known = Known { endpoint: endpoint.to_owned() };
        if inner.get(&consensus_id).is_some_and(|(old, _)| *old == known) {
            return;
        }
        let dialer = self.endpoint.dialer_with(endpoint, Pin::from(consensus_id), self.clone());
        info!(validator = %consensus_id, endpoint, "validator dialled");
        inner.insert(consensus_id, (known, dialer));
    }

    /// Reads the registry and dials whoever is new.
    ///
    /// # Errors
    /// When the chain does not answer.
    pub async fn refresh(&self, chain: &Chain) -> Result<usize, ogong_settlement::Error> {
        let registered = chain.validators().await?;
        for validator in &registered {
            self.add(ConsensusId::from_bytes(validator.consensus_id), &validator.endpoint);
        }
        Ok(registered.len())
    }

    /// All of them.
    pub fn all(&self) -> Vec<(ConsensusId, Dialer)> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.iter().map(|(id, (_, dialer))| (*id, dialer.clone())).collect()
    }

    fn is_known(&self, id: &ConsensusId) -> bool {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).contains_key(id)
    }

    async fn stored(&self, reply_id: &[u8]) -> Result<(ReplyId, StoredReply), ErrorReply> {
        let bytes: [u8; 32] = reply_id.try_into().map_err(|_| ErrorReply::malformed("reply_id", "not 32 bytes"))?;
        let reply_id = ReplyId::from_bytes(bytes);
        match self.replies.get(&reply_id) {
            Ok(Some(stored)) => Ok((reply_id, stored)),
            Ok(None) => Err(ErrorReply::new(
                ErrorCode::NotFound,
                format!("no reply {reply_id} is stored here"),
                "openings are kept until an hour after the order's deadline",
            )),
            Err(error) => {
                warn!(%error, "openings could not be read");
                Err(ErrorReply::internal("the provider's store could not be read"))
            }
        }
    }
}

impl Handler for Validators {
    async fn handle(&self, from: PeerInfo, request: Request) -> Result<Response, ErrorReply> {
        if !self.is_known(&from.consensus_id) {
            return Err(ErrorReply::new(
                ErrorCode::Forbidden,
                "only registered validators may ask for openings",
                "register the validator on chain",
            ));
        }
        match request {
            Request::MaterialRequest(ask) => {
                let (reply_id, stored) = self.stored(&ask.reply_id).await?;
                Ok(stored.material(reply_id)?.into())
            }
            Request::OpeningRequest(ask) => {
                let (reply_id, stored) = self.stored(&ask.reply_id).await?;
                Ok(stored.openings(reply_id, &ask.leaves)?.into())
            }
            other => Err(ErrorReply::unsupported(other.kind(), "provider")),
        }
    }
}
