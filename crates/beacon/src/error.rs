//! What can be wrong with a proof, a round or a validator set.

use ogong_base::hash::{ConsensusId, Hash32};
use ogong_base::units::Round;

/// A beacon that cannot be used, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The proof's bytes are not the one encoding of a proof, or they do not verify.
    #[error("vrf proof is invalid: {0}")]
    Proof(&'static str),
    /// The public key is not a point of the curve, or has a small order.
    #[error("vrf public key is invalid")]
    PublicKey,
    /// Proving failed: no point was found for the round, which happens with probability 2^-256.
    #[error("vrf proving failed")]
    Prove,
    /// A share of somebody who is not a registered validator.
    #[error("{0} is not a registered validator")]
    Stranger(ConsensusId),
    /// Two shares of one validator, or shares out of order.
    #[error("shares are not strictly ascending by consensus id at {0}")]
    Unordered(ConsensusId),
    /// Too little stake stands behind the shares.
    #[error("shares hold {signed} of {total} stake, more than two thirds are needed")]
    Stake {
        /// Stake of the participants.
        signed: u64,
        /// Stake of all registered validators.
        total: u64,
    },
    /// The stated value is not what the shares give.
    #[error("round {round} has value {expected}, got {got}")]
    Value {
        /// The round.
        round: Round,
        /// What the shares give.
        expected: Hash32,
        /// What was stated.
        got: Hash32,
    },
    /// The validator set cannot be used.
    #[error("validator set is invalid: {0}")]
    ValidatorSet(&'static str),
    /// The round schedule cannot be used.
    #[error("round period is zero")]
    Period,
}
