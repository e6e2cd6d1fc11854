//! The parts of one validator node, shared by its actors.

use std::sync::Arc;

use ogong_audit::{Profile, SprtParams};
use ogong_base::hash::{ChainKey, ConsensusId, ModelRoot, NodeId};
use ogong_base::model_id::ModelId;
use ogong_base::units::Ppm;
use ogong_daemon::Shutdown;
use ogong_daemon::clock::now_ms;
use ogong_net::wire::{ErrorCode, ErrorReply};
use tokio::sync::{Notify, Semaphore, watch};

use crate::announced::Announced;
use crate::catalogue::Catalogue;
use crate::config::Config;
use crate::error::{chain_refusal, refusal};
use crate::keys::Keys;
use crate::ledger::Ledger;
use crate::links::Links;
use crate::roster::Roster;
use crate::rounds::Rounds;
use crate::shelf::Shelf;
use crate::turns::Sinks;

/// Scoring jobs under way at once; verifiers work one after the other, and reports are large.
pub const JOBS_AT_ONCE: usize = 8;

/// Everything the actors share.
pub struct Node {
    /// Resolved flags.
    pub config: Config,
    /// Who the node is.
    pub keys: Keys,
    /// How strictly evidence is judged.
    pub profile: Profile,
    /// The sequential test's parameters.
    pub sequential: SprtParams,
    /// The chain, when one is configured.
    pub ledger: Option<Arc<dyn Ledger>>,
    /// The latest reading of the registry; `None` until the first.
    pub roster: watch::Receiver<Option<Arc<Roster>>>,
    /// Connections.
    pub links: Links,
    /// Durable state.
    pub shelf: Shelf,
    /// Beacon rounds.
    pub rounds: Rounds,
    /// Who serves which model.
    pub announced: Announced,
    /// Model roots by id.
    pub catalogue: Catalogue,
    /// Which validators settle.
    pub sinks: Arc<Sinks>,
    /// Bounds the scoring jobs under way at once.
    pub places: Semaphore,
    /// Held while replies are settled together.
    pub batching: tokio::sync::Mutex<()>,
    /// Wakes the cases: a verdict by hand, a rival record, a new roster.
    pub news: Notify,
    /// Ends the cases where they stand; what they stored stays.
    pub stopping: Shutdown,
}

impl Node {
    /// The node's id.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.keys.node.node_id()
    }

    /// sha256 of the node's certificate.
    #[must_use]
    pub fn consensus_id(&self) -> ConsensusId {
        self.keys.identity.consensus_id()
    }

    /// The account the node co-signs with.
    #[must_use]
    pub fn chain_key(&self) -> ChainKey {
        self.keys.wallet.key()
    }

    /// The latest roster.
    #[must_use]
    pub fn roster(&self) -> Option<Arc<Roster>> {
        self.roster.borrow().clone()
    }

    /// The latest roster, or what to tell a peer while there is none.
    ///
    /// # Errors
    /// A refusal that may be retried.
    pub fn roster_for_peer(&self) -> Result<Arc<Roster>, ErrorReply> {
        self.roster().ok_or_else(|| {
            refusal(
                ErrorCode::Unavailable,
                "this validator has not read the registry yet",
                "the chain is not reachable from it now; try again later",
            )
        })
    }

    /// The coverage this node audits with: its own, raised to the network's where that is higher.
    #[must_use]
    pub fn alpha(&self, roster: &Roster) -> Ppm {
        self.config.alpha.max(roster.terms.alpha)
    }

    /// The catalogue's root for a model; `None` without a chain, where nobody keeps a catalogue.
    ///
    /// # Errors
    /// A refusal when the chain does not answer or the catalogue does not list the model.
    pub async fn catalogue_root(&self, model: &ModelId) -> Result<Option<ModelRoot>, ErrorReply> {
        let Some(ledger) = &self.ledger else { return Ok(None) };
        let found = self.catalogue.root(ledger.as_ref(), model, now_ms()).await.map_err(|err| chain_refusal(&err))?;
        found.map(Some).ok_or_else(|| {
            refusal(
                ErrorCode::NotFound,
                format!("model {model} is not in the chain's catalogue"),
                "the operator adds it with `ogong-chain set-model` before it is served on the verified tier",
            )
        })
    }
}
