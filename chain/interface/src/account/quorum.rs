use crate::Address;
use crate::bytes::{DecodeError, Reader};

/// Validators that agreed to a digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approvals {
    /// To what.
    pub digest: [u8; 32],
    /// The epoch whose stake counts.
    pub epoch: u64,
    /// Gets the rent back.
    pub payer: Address,
    /// Bit i: member i of the epoch agreed.
    pub signers: u64,
    /// Whether the decision was carried out.
    pub used: bool,
}

/// A quorum's word for many settlements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Merkle root over their digests.
    pub root: [u8; 32],
    /// Leaves.
    pub count: u32,
    /// How many of them were settled.
    pub settled: u32,
    /// The epoch whose stake signed.
    pub stake_epoch: u64,
    /// Bit i: member i of that epoch signed.
    pub signers: u64,
    /// Atoms of stake that signed.
    pub signed_stake: u64,
    /// The validator that sent it.
    pub handler: Address,
    /// Wallet that receives the validator's share of each.
    pub fee_owner: Address,
    /// Unix milliseconds.
    pub expiry_ms: u64,
    /// Gets the rent back.
    pub payer: Address,
}

/// How a reply's provider share is divided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cohort {
    /// Which reply.
    pub reply_id: [u8; 32],
    /// In the order of the layers.
    pub shards: Vec<Shard>,
}

/// One provider of a cohort.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// The registered provider's authority; zero where it is not registered.
    pub operator: Address,
    /// Wallet that is paid.
    pub payout: Address,
    /// Atoms.
    pub amount: u64,
}

/// Most shards of a cohort.
const SHARDS_MAX: usize = 8;

impl Approvals {
    /// # Errors
    /// If `data` is not a version 2 approvals account.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::account(data, "Approvals")?;
        r.u8()?;
        Ok(Self { digest: r.array()?, epoch: r.u64()?, payer: r.address()?, signers: r.u64()?, used: r.bool()? })
    }
}

impl Batch {
    /// # Errors
    /// If `data` is not a version 2 batch.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::account(data, "Batch")?;
        r.u8()?;
        Ok(Self {
            root: r.array()?,
            count: r.u32()?,
            settled: r.u32()?,
            stake_epoch: r.u64()?,
            signers: r.u64()?,
            signed_stake: r.u64()?,
            handler: r.address()?,
            fee_owner: r.address()?,
            expiry_ms: r.u64()?,
            payer: r.address()?,
        })
    }
}

impl Cohort {
    /// # Errors
    /// If `data` is not a version 2 cohort.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::account(data, "Cohort")?;
        r.u8()?;
        let reply_id = r.array()?;
        let count = r.count(SHARDS_MAX, "count of shards")?;
        let shard = |_| Ok(Shard { operator: r.address()?, payout: r.address()?, amount: r.u64()? });
        let shards = (0..count).map(shard).collect::<Result<_, DecodeError>>()?;
        Ok(Self { reply_id, shards })
    }
}
