//! The ground of a court: keys, validators and rounds by number, the same in every run.

use anyhow::Result;
use ogong_base::{
    hash::{ConsensusId, NetworkId},
    keys::{NodeKey, SessionKey},
    units::Round,
};
use ogong_beacon::{Beacon, Share, Validator, ValidatorSet, VrfKey};

/// Key numbers of the validators.
pub const VALIDATORS: std::ops::Range<u8> = 40..43;

/// The network.
pub fn network() -> NetworkId {
    NetworkId::of_name("court")
}

/// The consumer's session key.
pub fn session() -> SessionKey {
    SessionKey::from_seed([0x5e; 32])
}

/// The node key of a number.
pub fn node_key(number: u8) -> NodeKey {
    NodeKey::from_seeds([number; 32], [number ^ 0x80; 32])
}

/// The registered validators.
pub fn validators() -> Result<ValidatorSet> {
    let validators = VALIDATORS.map(|number| {
        Ok(Validator {
            consensus_id: ConsensusId::from_bytes([number; 32]),
            node_id: node_key(number).node_id(),
            vrf: VrfKey::from_seed([number; 32])?.public(),
            stake: 1_000,
        })
    });
    Ok(ValidatorSet::new(validators.collect::<Result<_>>()?)?)
}

/// A round of all of them.
pub fn beacon(round: Round) -> Result<Beacon> {
    let shares = VALIDATORS.map(|number| {
        let proof = VrfKey::from_seed([number; 32])?.prove(network(), round)?;
        Ok(Share { consensus_id: ConsensusId::from_bytes([number; 32]), proof })
    });
    Ok(Beacon::aggregate(network(), round, &validators()?, shares.collect::<Result<_>>()?)?)
}
