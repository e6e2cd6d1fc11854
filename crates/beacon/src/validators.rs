//! The registered validators as one reader saw them on chain: who may take part in a round, and with what weight.

use ogong_base::codec::{Decode, DecodeError, Encode, Reader, Writer};
use ogong_base::hash::{ConsensusId, NodeId};
use ogong_base::params::VALIDATORS_MAX;

use crate::{Error, VrfPublic};

/// One registered validator (SPEC 9.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validator {
    /// Hash of its QUIC certificate.
    pub consensus_id: ConsensusId,
    /// Hash of its hybrid node key.
    pub node_id: NodeId,
    /// Key its beacon proofs verify under.
    pub vrf: VrfPublic,
    /// Stake in atoms.
    pub stake: u64,
}

/// All registered validators, ascending by consensus id, none twice, total stake above zero and within u64.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidatorSet {
    validators: Vec<Validator>,
    total_stake: u64,
}

impl ValidatorSet {
    /// Sorts and checks a registry listing.
    ///
    /// # Errors
    /// [`Error::ValidatorSet`] if it is empty, too long, lists an id twice, or its stake is zero or overflows.
    pub fn new(mut validators: Vec<Validator>) -> Result<Self, Error> {
        validators.sort_by_key(|validator| validator.consensus_id);
        if validators.len() > VALIDATORS_MAX {
            return Err(Error::ValidatorSet("too many validators"));
        }
        if validators.is_sorted_by(|a, b| a.consensus_id < b.consensus_id) {
            let total = validators.iter().try_fold(0u64, |sum, validator| sum.checked_add(validator.stake));
            return match total {
                Some(0) => Err(Error::ValidatorSet("no stake")),
                Some(total_stake) => Ok(Self { validators, total_stake }),
                None => Err(Error::ValidatorSet("stake overflows")),
            };
        }
        Err(Error::ValidatorSet("one consensus id stands twice"))
    }

    /// The validators, ascending by consensus id.
    pub fn iter(&self) -> impl Iterator<Item = &Validator> {
        self.validators.iter()
    }

    /// Stake of all of them, in atoms.
    pub fn total_stake(&self) -> u64 {
        self.total_stake
    }

    /// The validator behind a certificate.
    pub fn by_consensus_id(&self, id: ConsensusId) -> Option<&Validator> {
        let index = self.validators.binary_search_by_key(&id, |validator| validator.consensus_id).ok()?;
        self.validators.get(index)
    }

    /// The validator behind a node key.
    pub fn by_node_id(&self, id: NodeId) -> Option<&Validator> {
        self.validators.iter().find(|validator| validator.node_id == id)
    }

    /// The rule of every quorum here: strictly more than two thirds of stake.
    pub fn is_quorum(&self, signed: u64) -> bool {
        u128::from(signed) * 3 > u128::from(self.total_stake) * 2
    }
}

impl Encode for Validator {
    fn encode(&self, w: &mut Writer) {
        self.consensus_id.encode(w);
        self.node_id.encode(w);
        self.vrf.encode(w);
        w.u64(self.stake);
    }
}

impl Decode for Validator {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            consensus_id: ConsensusId::decode(r)?,
            node_id: NodeId::decode(r)?,
            vrf: VrfPublic::decode(r)?,
            stake: r.u64()?,
        })
    }
}

impl Encode for ValidatorSet {
    fn encode(&self, w: &mut Writer) {
        w.list(&self.validators, |w, validator| validator.encode(w));
    }
}

impl Decode for ValidatorSet {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let validators = r.list(VALIDATORS_MAX, Validator::decode)?;
        if !validators.is_sorted_by(|a, b| a.consensus_id < b.consensus_id) {
            return Err(DecodeError::NotCanonical);
        }
        Self::new(validators).map_err(|error| DecodeError::invalid("validator set", error))
    }
}
