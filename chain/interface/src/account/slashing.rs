use crate::Address;
use crate::bytes::{DecodeError, Reader};

/// A node's whole public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeKey {
    /// SPEC 1.1.
    pub node_id: [u8; 32],
    /// Who writes it.
    pub payer: Address,
    /// Whether it is complete and hashes to the node id.
    pub verified: bool,
    /// Ed25519, then ML-DSA-44.
    pub public: Vec<u8>,
}

/// A planted audit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Honeypot {
    /// [`crate::evidence::Honeypot::commitment`].
    pub commitment: [u8; 32],
    /// The validator that planted it.
    pub planter: Address,
    /// Unix milliseconds.
    pub planted_ms: u64,
}

/// Checked evidence against one registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    /// 1 verdicts, 2 honeypot, 3 misrouting.
    pub kind: u8,
    /// The registration's account.
    pub culprit: Address,
    /// Reply id, job or query.
    pub subject: [u8; 32],
    /// sha256 of the signed statements, each behind its key.
    pub evidence: [u8; 32],
    /// Who opened it.
    pub accuser: Address,
    /// Unix milliseconds.
    pub opened_ms: u64,
    /// Unix milliseconds; 0 until the quorum's decision.
    pub slashed_ms: u64,
    /// Atoms that went to the reserve.
    pub slashed: u64,
}

/// Bytes of a node's public key.
const NODE_PUBLIC_BYTES: usize = 1_344;

impl NodeKey {
    /// # Errors
    /// If `data` is not a version 2 node key.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::account(data, "NodeKey")?;
        r.u8()?;
        let (node_id, payer, verified) = (r.array()?, r.address()?, r.u8()? == 1);
        let length = r.count(NODE_PUBLIC_BYTES, "length of a key")?;
        Ok(Self { node_id, payer, verified, public: r.raw(length)?.to_vec() })
    }
}

impl Honeypot {
    /// # Errors
    /// If `data` is not a version 2 honeypot.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::account(data, "Honeypot")?;
        r.u8()?;
        Ok(Self { commitment: r.array()?, planter: r.address()?, planted_ms: r.u64()? })
    }
}

impl Case {
    /// # Errors
    /// If `data` is not a version 2 case.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::account(data, "Case")?;
        r.u8()?;
        Ok(Self {
            kind: r.u8()?,
            culprit: r.address()?,
            subject: r.array()?,
            evidence: r.array()?,
            accuser: r.address()?,
            opened_ms: r.u64()?,
            slashed_ms: r.u64()?,
            slashed: r.u64()?,
        })
    }
}
