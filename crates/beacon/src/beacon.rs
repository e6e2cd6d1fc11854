//! A round's value with its proof: build ([`Beacon::aggregate`]) and check ([`Beacon::verify`]) side by side (SPEC 5.2).

use ogong_base::codec::{Decode, DecodeError, Encode, Reader, Writer};
use ogong_base::domain;
use ogong_base::hash::{ConsensusId, Hash32, NetworkId, tagged};
use ogong_base::params::{VALIDATORS_MAX, VERSION};
use ogong_base::units::Round;

use crate::{Error, ValidatorSet, VrfOutput, VrfProof};

/// One validator's part of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Whose proof it is.
    pub consensus_id: ConsensusId,
    /// The proof for the round.
    pub proof: VrfProof,
}

/// Why a round has its value. A threshold signature becomes a second variant; nothing outside this file matches on it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum BeaconProof {
    /// VRF proofs, strictly ascending by consensus id.
    VrfAggregate {
        /// The proofs.
        shares: Vec<Share>,
    },
}

const VRF_AGGREGATE: u8 = 1;

/// A round, its value, and the proof of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beacon {
    /// The round.
    pub round: Round,
    /// What draws are made from; trust it only after [`Beacon::verify`].
    pub value: Hash32,
    /// The proof.
    pub proof: BeaconProof,
}

impl Beacon {
    /// Builds a round from shares in any order; a share that comes twice counts once.
    ///
    /// # Errors
    /// A share of a stranger, a wrong proof, or too little stake. Callers check shares one at a time with
    /// [`Share::verify`] as they arrive, so that one bad peer cannot spoil the round.
    pub fn aggregate(
        network: NetworkId,
        round: Round,
        set: &ValidatorSet,
        mut shares: Vec<Share>,
    ) -> Result<Self, Error> {
        shares.sort_by_key(|share| share.consensus_id);
        shares.dedup();
        let value = checked_value(network, round, set, &shares)?;
        Ok(Self { round, value, proof: BeaconProof::VrfAggregate { shares } })
    }

    /// Checks every proof, the order of the participants, their stake and the value.
    ///
    /// # Errors
    /// The first thing found wrong.
    pub fn verify(&self, network: NetworkId, set: &ValidatorSet) -> Result<(), Error> {
        let BeaconProof::VrfAggregate { shares } = &self.proof;
        let expected = checked_value(network, self.round, set, shares)?;
        if expected != self.value {
            return Err(Error::Value { round: self.round, expected, got: self.value });
        }
        Ok(())
    }

    /// The validators whose proofs went in, ascending.
    pub fn participants(&self) -> Vec<ConsensusId> {
        let BeaconProof::VrfAggregate { shares } = &self.proof;
        shares.iter().map(|share| share.consensus_id).collect()
    }

    /// True if a single validator made the round alone: it could have tried keys until it liked the value.
    pub fn is_solo(&self) -> bool {
        self.participants().len() == 1
    }

    /// True if whoever aggregated could leave participants out and so choose among values.
    pub fn is_bootstrap(&self) -> bool {
        matches!(self.proof, BeaconProof::VrfAggregate { .. })
    }
}

impl Share {
    /// Checks one share against the registry and gives its output.
    ///
    /// # Errors
    /// [`Error::Stranger`], [`Error::Proof`] or [`Error::PublicKey`].
    pub fn verify(&self, network: NetworkId, round: Round, set: &ValidatorSet) -> Result<VrfOutput, Error> {
        let validator = set.by_consensus_id(self.consensus_id).ok_or(Error::Stranger(self.consensus_id))?;
        validator.vrf.verify(network, round, &self.proof)
    }
}

/// `H("ogong/v1/beacon/aggregate", network ‖ u64 r ‖ list<(hash consensus_id ‖ 64 B output)>)`.
pub fn aggregate_value(network: NetworkId, round: Round, outputs: &[(ConsensusId, VrfOutput)]) -> Hash32 {
    let count = u32::try_from(outputs.len()).expect("invariant: at most VALIDATORS_MAX participants");
    let mut list = Vec::with_capacity(4 + outputs.len() * 96);
    list.extend_from_slice(&count.to_le_bytes());
    for (id, output) in outputs {
        list.extend_from_slice(id.as_bytes());
        list.extend_from_slice(output);
    }
    Hash32::from_bytes(tagged(domain::BEACON_AGGREGATE, &[network.as_bytes(), &round.0.to_le_bytes(), &list]))
}

fn checked_value(network: NetworkId, round: Round, set: &ValidatorSet, shares: &[Share]) -> Result<Hash32, Error> {
    for pair in shares.windows(2) {
        if let [a, b] = pair
            && a.consensus_id >= b.consensus_id
        {
            return Err(Error::Unordered(b.consensus_id));
        }
    }
    // Ids are distinct and registered from here on, so the sum stays within the set's total.
    let mut signed = 0u64;
    for share in shares {
        let validator = set.by_consensus_id(share.consensus_id).ok_or(Error::Stranger(share.consensus_id))?;
        signed = signed.saturating_add(validator.stake);
    }
    if !set.is_quorum(signed) {
        return Err(Error::Stake { signed, total: set.total_stake() });
    }
    let outputs = shares
        .iter()
        .map(|share| Ok((share.consensus_id, share.verify(network, round, set)?)))
        .collect::<Result<Vec<_>, Error>>()?;
    Ok(aggregate_value(network, round, &outputs))
}

impl Encode for Share {
    fn encode(&self, w: &mut Writer) {
        self.consensus_id.encode(w);
        self.proof.encode(w);
    }
}

impl Decode for Share {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { consensus_id: ConsensusId::decode(r)?, proof: VrfProof::decode(r)? })
    }
}

/// `u8 1 ‖ u64 round ‖ hash value ‖ u8 kind=1 ‖ list<(hash consensus_id ‖ 80 B proof)>`.
impl Encode for Beacon {
    fn encode(&self, w: &mut Writer) {
        w.u8(VERSION);
        w.u64(self.round.0);
        self.value.encode(w);
        let BeaconProof::VrfAggregate { shares } = &self.proof;
        w.u8(VRF_AGGREGATE);
        w.list(shares, |w, share| share.encode(w));
    }
}

impl Decode for Beacon {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let version = r.u8()?;
        if version != VERSION {
            return Err(DecodeError::invalid("beacon version", version));
        }
        let round = Round(r.u64()?);
        let value = Hash32::decode(r)?;
        let kind = r.u8()?;
        if kind != VRF_AGGREGATE {
            return Err(DecodeError::invalid("beacon proof kind", kind));
        }
        let shares = r.list(VALIDATORS_MAX, Share::decode)?;
        Ok(Self { round, value, proof: BeaconProof::VrfAggregate { shares } })
    }
}
