//! The registry reader: keeps the roster, the links and the knowledge of who settles up to date.
//!
//! On a reading: the roster is replaced, links are kept to exactly its members, joins and departures are logged.
//! On a failed reading: the last roster stands; the failure is logged once and the next reading comes sooner.

use std::sync::Arc;
use std::time::Duration;

use ogong_base::hash::{ChainKey, ConsensusId};
use ogong_base::keys::NodePublic;
use ogong_net::wire::{Status, StatusRequest, field};
use ogong_settlement::address;
use ogong_settlement::interface::account;
use tokio::sync::watch;
use tracing::{info, warn};

use crate::config::{Config, PeerSpec};
use crate::error::Error;
use crate::ledger::Ledger;
use crate::links::Links;
use crate::roster::{Changes, Roster};
use crate::turns::Sinks;

/// Pause after a failed reading.
const RETRY: Duration = Duration::from_secs(2);
/// How often peers are asked whether they settle.
const SINK_POLL: Duration = Duration::from_secs(5);
/// The same while one of them has not said so yet.
const SINK_POLL_FIRST: Duration = Duration::from_millis(300);
/// How often at most: a validator that stays away is not waited for.
const POLLS_FIRST: u32 = 100;
/// How long a peer may take to say so.
const STATUS_TIMEOUT: Duration = Duration::from_secs(3);

/// What the reader works with.
pub struct Reader {
    /// The chain.
    pub ledger: Arc<dyn Ledger>,
    /// The program the chain runs.
    pub program: ChainKey,
    /// Links to keep.
    pub links: Links,
    /// Time between readings.
    pub refresh: Duration,
    /// Where rosters go.
    pub roster: watch::Sender<Option<Arc<Roster>>>,
}

impl Reader {
    /// Reads until the process ends.
    pub async fn run(self) {
        let mut failures = 0u32;
        loop {
            let pause = match self.read().await {
                Ok(()) => {
                    if failures > 0 {
                        info!(failures, "registry readable again");
                    }
                    failures = 0;
                    self.refresh
                }
                Err(error) => {
                    if failures == 0 {
                        warn!(%error, retry_s = RETRY.as_secs(), "registry not readable, last reading stands");
                    }
                    failures = failures.saturating_add(1);
                    RETRY.min(self.refresh)
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// Reads once.
    ///
    /// # Errors
    /// The chain does not answer, or the registry is not usable.
    pub async fn read(&self) -> Result<(), Error> {
        let registry = self.ledger.registry().await?;
        let roster = Roster::new(self.program, registry)?;
        self.publish(roster);
        Ok(())
    }

    fn publish(&self, roster: Roster) {
        let changes = Changes::between(self.roster.borrow().as_deref(), &roster);
        for id in &changes.joined {
            if let Some(member) = roster.by_consensus_id(*id) {
                info!(validator = %member.authority, consensus_id = %id, endpoint = %member.endpoint, stake = member.stake, "validator discovered on chain");
            }
        }
        for id in &changes.left {
            info!(consensus_id = %id, "validator left the registry");
        }
        self.links.keep(roster.members.values().map(|member| (member.consensus_id, member.endpoint.as_str())));
        self.roster.send_replace(Some(Arc::new(roster)));
    }
}

/// Asks every peer from time to time whether it holds a sink.
pub async fn watch_sinks(
    me: ConsensusId,
    roster: watch::Receiver<Option<Arc<Roster>>>,
    links: Links,
    sinks: Arc<Sinks>,
) {
    let mut polls = 0u32;
    loop {
        let current = roster.borrow().clone();
        let mut all = current.is_some();
        for member in current.iter().flat_map(|current| current.peers_of(me)) {
            if links.live(member.consensus_id).is_some()
                && let Ok(status) = links.ask_within(member.consensus_id, StatusRequest {}, STATUS_TIMEOUT).await
            {
                sinks.note(member.consensus_id, status.has_sink);
            }
            all &= sinks.knows(member.consensus_id);
        }
        polls = polls.saturating_add(1);
        tokio::time::sleep(if all || polls > POLLS_FIRST { SINK_POLL } else { SINK_POLL_FIRST }).await;
    }
}

/// Introduces the `--peer`s of a setup without a chain: each is asked who it is over its pinned connection.
pub async fn introduce(
    config: Config,
    me: account::Validator,
    links: Links,
    roster: watch::Sender<Option<Arc<Roster>>>,
) {
    links.keep(config.peers.iter().map(|peer| (peer.consensus_id, peer.endpoint.as_str())));
    loop {
        let mut validators = vec![me.clone()];
        for peer in &config.peers {
            match ask_who(peer, &links).await {
                Ok(validator) => validators.push(validator),
                Err(why) => warn!(endpoint = %peer.endpoint, why, "peer not introduced yet"),
            }
        }
        let complete = validators.len() == config.peers.len().saturating_add(1);
        // Half a set of peers is no set: a draw over it would differ from the others'.
        if complete {
            match Roster::without_chain(config.alpha, validators) {
                Ok(found) => {
                    roster.send_replace(Some(Arc::new(found)));
                }
                Err(error) => warn!(%error, "peers do not make a set"),
            }
        }
        tokio::time::sleep(if complete { config.registry_refresh } else { RETRY }).await;
    }
}

async fn ask_who(peer: &PeerSpec, links: &Links) -> Result<account::Validator, String> {
    let status =
        links.ask_within(peer.consensus_id, StatusRequest {}, STATUS_TIMEOUT).await.map_err(|err| err.to_string())?;
    described(peer, &status)
}

/// A registration made of what a pinned peer says of itself.
fn described(peer: &PeerSpec, status: &Status) -> Result<account::Validator, String> {
    let public: NodePublic = field("public", &status.public).map_err(|err| err.message)?;
    let vrf_key: [u8; 32] = status.vrf_key.as_slice().try_into().map_err(|_| "it names no beacon key".to_owned())?;
    let chain_key: ChainKey = field("chain_key", &status.chain_key).map_err(|err| err.message)?;
    Ok(registration(chain_key, *public.node_id().as_bytes(), peer.consensus_id, vrf_key, &peer.endpoint))
}

/// A registration as the chain would hold it, with nobody's stake.
#[must_use]
pub fn registration(
    authority: ChainKey,
    node_id: [u8; 32],
    consensus_id: ConsensusId,
    vrf_key: [u8; 32],
    endpoint: &str,
) -> account::Validator {
    account::Validator {
        authority: address(&authority),
        node_id,
        consensus_id: *consensus_id.as_bytes(),
        vrf_key,
        fee_owner: address(&authority),
        bond: account::Bond { status: account::BondStatus::Active, stake: 1, cooling: 0, unlock_epoch: 0 },
        endpoint: endpoint.to_owned(),
        bls_key: [0; 96],
    }
}
