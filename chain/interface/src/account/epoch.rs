use super::ValidatorSet;
use crate::VALIDATORS_MAX;
use crate::bytes::{DecodeError, Reader};

/// One epoch: the stake that its quorums are counted by, and the work that was settled in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Epoch {
    /// Number, stake and members.
    pub set: ValidatorSet,
    /// Unix milliseconds.
    pub started_ms: u64,
    /// Unix milliseconds; 0 while it is the current one.
    pub ended_ms: u64,
    /// Sums over everybody.
    pub totals: Totals,
    /// Outcomes of audits that each member signed, in the order of the members.
    pub audits: Vec<u64>,
}

/// The work of an epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Counted fees, atoms.
    pub fees: u64,
    /// The part of them that left the provider's own stake owner, atoms.
    pub outside_fees: u64,
    /// Settled replies of registered providers.
    pub replies: u64,
    /// Settled replies of registered routers.
    pub routes: u64,
    /// Audits, one for each validator that signed its outcome.
    pub audits: u64,
    /// Audits that verifiers were paid for.
    pub verifications: u64,
    /// Answers to liveness challenges.
    pub liveness: u64,
}

impl Epoch {
    /// # Errors
    /// If `data` is not a version 2 epoch.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::account(data, "Epoch")?;
        r.raw(7)?;
        let (epoch, started_ms, ended_ms, total_stake) = (r.u64()?, r.u64()?, r.u64()?, r.u64()?);
        let count = usize::try_from(r.u64()?).map_err(|_| DecodeError::Range("count of validators"))?;
        if count > VALIDATORS_MAX {
            return Err(DecodeError::Range("count of validators"));
        }
        let totals = Totals {
            fees: r.u64()?,
            outside_fees: r.u64()?,
            replies: r.u64()?,
            routes: r.u64()?,
            audits: r.u64()?,
            verifications: r.u64()?,
            liveness: r.u64()?,
        };
        r.raw(56)?;
        let (mut members, mut audits) = (Vec::new(), Vec::new());
        for _ in 0..count {
            members.push((r.address()?, r.u64()?));
            audits.push(r.u64()?);
        }
        Ok(Self { set: ValidatorSet { epoch, total_stake, members }, started_ms, ended_ms, totals, audits })
    }
}
