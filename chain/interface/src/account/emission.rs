use crate::bytes::{DecodeError, Reader};

/// What was minted, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Supply {
    /// The launch, Unix milliseconds: the emission curve's zero.
    pub launched_ms: u64,
    /// Atoms minted at launch.
    pub launched: u64,
    /// Atoms minted by emission.
    pub emitted: u64,
    /// Basis points of the fees that left a provider's own purses: its emission in an epoch at most.
    pub emission_cap_bps: u16,
}

/// What an epoch's work is worth, approved by a quorum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Emission {
    /// Which epoch.
    pub epoch: u64,
    /// Atoms to providers, routers, validators, verifiers, and for liveness.
    pub amounts: [u64; 5],
    /// Atoms claimed so far.
    pub minted: u64,
    /// Bit i: member i of the epoch has claimed.
    pub members_claimed: u64,
    /// Unix milliseconds.
    pub approved_ms: u64,
}

impl Supply {
    /// # Errors
    /// If `data` is not a version 2 supply account.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::account(data, "Supply")?;
        r.u8()?;
        let (launched_ms, launched, emitted) = (r.u64()?, r.u64()?, r.u64()?);
        Ok(Self { launched_ms, launched, emitted, emission_cap_bps: r.u16()? })
    }
}

impl Emission {
    /// # Errors
    /// If `data` is not a version 2 emission.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::account(data, "Emission")?;
        r.u8()?;
        Ok(Self {
            epoch: r.u64()?,
            amounts: [r.u64()?, r.u64()?, r.u64()?, r.u64()?, r.u64()?],
            minted: r.u64()?,
            members_claimed: r.u64()?,
            approved_ms: r.u64()?,
        })
    }
}
