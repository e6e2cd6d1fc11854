//! The network as this node last read it: terms, registered validators, stake (SPEC 5.2, 9.1).
//!
//! With a chain the roster is the registry's, read again every `--registry-refresh`; a reading that fails leaves the last
//! one standing and says so. Without a chain it is this node and its `--peer`s, equal in weight, each vouched for by the
//! pin the operator gave.

use std::collections::BTreeMap;

use ogong_base::hash::{ChainKey, ConsensusId, NetworkId, NodeId};
use ogong_base::params::ROUND_PERIOD_MS;
use ogong_base::units::{Ppm, UnixMillis};
use ogong_beacon::{Schedule, Validator, ValidatorSet, VrfPublic};
use ogong_settlement::interface::account::{self, Config};
use ogong_settlement::{address, chain_key};

use crate::error::Error;
use crate::ledger::Registry;

/// Name of the network where no chain says another.
pub const NETWORK_WITHOUT_CHAIN: &str = "ogong-without-chain";

/// The network's parameters, as intake and audit compare them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// Stands in every order.
    pub network: NetworkId,
    /// The program orders are bound to.
    pub program: ChainKey,
    /// The network's audit coverage; a node may only raise it.
    pub alpha: Ppm,
    /// When beacon rounds start.
    pub schedule: Schedule,
}

/// One validator of the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The account it registered and co-signs with.
    pub authority: ChainKey,
    /// Hash of its node key.
    pub node_id: NodeId,
    /// sha256 of its certificate.
    pub consensus_id: ConsensusId,
    /// Key of its beacon proofs.
    pub vrf: VrfPublic,
    /// Stake in atoms.
    pub stake: u64,
    /// `host:port`.
    pub endpoint: String,
}

/// A reading of the registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roster {
    /// The network's parameters.
    pub terms: Terms,
    /// Its validators by certificate.
    pub members: BTreeMap<ConsensusId, Member>,
    /// The same as the beacon counts them.
    pub set: ValidatorSet,
    /// The accounts as read, for settlement plans.
    pub registry: Registry,
}

impl Roster {
    /// Checks a reading of the chain and indexes it.
    ///
    /// # Errors
    /// An empty registry, one that lists a certificate twice, or rounds of no length.
    pub fn new(program: ChainKey, registry: Registry) -> Result<Self, Error> {
        let bad = |err: ogong_beacon::Error| Error::Registry(err.to_string());
        let config = &registry.config;
        let terms = Terms {
            network: NetworkId::from_bytes(config.network),
            program,
            alpha: Ppm(config.alpha_ppm),
            schedule: Schedule::new(UnixMillis(config.beacon_genesis_ms), config.beacon_period_ms).map_err(bad)?,
        };
        let members: Vec<Member> =
            registry.validators.iter().filter_map(|validator| Member::counted_in(validator, &registry.set)).collect();
        let set = ValidatorSet::new(members.iter().map(Member::weight).collect()).map_err(bad)?;
        let members = members.into_iter().map(|member| (member.consensus_id, member)).collect();
        Ok(Self { terms, members, set, registry })
    }

    /// A roster of nodes that only their operators vouch for, equal in weight.
    ///
    /// # Errors
    /// As [`Roster::new`].
    pub fn without_chain(alpha: Ppm, validators: Vec<account::Validator>) -> Result<Self, Error> {
        let nobody = address(&ChainKey::ZERO);
        let config = Config {
            admin: nobody,
            network: *NetworkId::of_name(NETWORK_WITHOUT_CHAIN).as_bytes(),
            mint: nobody,
            reserve_owner: nobody,
            split_bps: ogong_settlement::interface::SPLIT_BPS_DEFAULT,
            min_stake: 0,
            alpha_ppm: alpha.0,
            beacon_genesis_ms: 0,
            beacon_period_ms: ROUND_PERIOD_MS,
            stake_epoch: 0,
            epoch_started_ms: 0,
            epoch_length_ms: u64::MAX,
            cooldown_epochs: 0,
            verifier_fee: 0,
        };
        let members: Vec<_> = validators.iter().map(|validator| (validator.authority, 1)).collect();
        let total_stake = members.iter().map(|(_, stake)| stake).sum();
        let set = account::ValidatorSet { epoch: 0, total_stake, members };
        Self::new(ChainKey::ZERO, Registry { config, set, validators })
    }

    /// The member that presents this certificate.
    #[must_use]
    pub fn by_consensus_id(&self, id: ConsensusId) -> Option<&Member> {
        self.members.get(&id)
    }

    /// The member with this node key.
    #[must_use]
    pub fn by_node_id(&self, id: NodeId) -> Option<&Member> {
        self.members.values().find(|member| member.node_id == id)
    }

    /// The member that co-signs with this account.
    #[must_use]
    pub fn by_authority(&self, key: ChainKey) -> Option<&Member> {
        self.members.values().find(|member| member.authority == key)
    }

    /// The registration of the validator that co-signs with this account.
    #[must_use]
    pub fn registration(&self, key: ChainKey) -> Option<&account::Validator> {
        self.registry.validators.iter().find(|validator| chain_key(&validator.authority) == key)
    }

    /// Everybody but the node with this certificate.
    pub fn peers_of(&self, me: ConsensusId) -> impl Iterator<Item = &Member> {
        self.members.values().filter(move |member| member.consensus_id != me)
    }
}

impl Member {
    /// The registration with the stake that counts; one that the set does not list has no say.
    fn counted_in(validator: &account::Validator, set: &account::ValidatorSet) -> Option<Self> {
        Some(Self {
            authority: chain_key(&validator.authority),
            node_id: NodeId::from_bytes(validator.node_id),
            consensus_id: ConsensusId::from_bytes(validator.consensus_id),
            vrf: VrfPublic(validator.vrf_key),
            stake: set.stake_of(&validator.authority).filter(|stake| *stake > 0)?,
            endpoint: validator.endpoint.clone(),
        })
    }

    fn weight(&self) -> Validator {
        Validator { consensus_id: self.consensus_id, node_id: self.node_id, vrf: self.vrf, stake: self.stake }
    }
}

/// What changed between two readings, for the log.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Certificates that are new.
    pub joined: Vec<ConsensusId>,
    /// Certificates that are gone.
    pub left: Vec<ConsensusId>,
}

impl Changes {
    /// Compares two readings.
    #[must_use]
    pub fn between(old: Option<&Roster>, new: &Roster) -> Self {
        let before = |id: &ConsensusId| old.is_some_and(|old| old.members.contains_key(id));
        Self {
            joined: new.members.keys().filter(|id| !before(id)).copied().collect(),
            left: old.map_or_else(Vec::new, |old| {
                old.members.keys().filter(|id| !new.members.contains_key(id)).copied().collect()
            }),
        }
    }

    /// Whether the same validators stand in both.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.joined.is_empty() && self.left.is_empty()
    }
}
