//! The program's events (`Program data: <base64>` log lines) and the digests that quorums agree to (SPEC 9.3, 9.8).

use crate::Address;
use crate::bytes::{DecodeError, Reader, Writer, tagged};

/// A settle went through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Which escrow.
    pub reply_id: [u8; 32],
    /// [`Settlement::digest`].
    pub digest: [u8; 32],
    /// SPEC 3.9.
    pub record_hash: [u8; 32],
    /// SPEC 5.7.
    pub verdict_hash: [u8; 32],
    /// 1 accept or 2 not selected.
    pub outcome: u8,
    /// Atoms paid out to others than the owner.
    pub fee: u64,
    /// Atoms to provider, router, validator, reserve, owner (the change).
    pub amounts: [u64; 5],
    /// The validator that sent it.
    pub handler: Address,
    /// Stake that signed.
    pub signed_stake: u64,
    /// Stake of the whole set.
    pub total_stake: u64,
}

/// A refund after a reject went through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Which escrow.
    pub reply_id: [u8; 32],
    /// [`Settlement::digest`].
    pub digest: [u8; 32],
    /// SPEC 3.9.
    pub record_hash: [u8; 32],
    /// SPEC 5.7.
    pub verdict_hash: [u8; 32],
    /// Atoms returned to the owner.
    pub amount: u64,
    /// The validator that sent it.
    pub handler: Address,
    /// Stake that signed.
    pub signed_stake: u64,
    /// Stake of the whole set.
    pub total_stake: u64,
}

/// A refund after the deadline went through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expired {
    /// Which escrow.
    pub reply_id: [u8; 32],
    /// Atoms returned to the owner.
    pub amount: u64,
}

/// A settlement's money has moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Released {
    /// Which escrow.
    pub reply_id: [u8; 32],
    /// Atoms to provider (or cohort), router, validator, reserve, owner (the change).
    pub amounts: [u64; 5],
}

/// A verifier got its fee.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierPaid {
    /// For which reply.
    pub reply_id: [u8; 32],
    /// Its authority.
    pub verifier: Address,
    /// Atoms.
    pub amount: u64,
}

/// A quorum signed many settlements at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batched {
    /// Merkle root over their digests.
    pub root: [u8; 32],
    /// [`Batch::digest`].
    pub digest: [u8; 32],
    /// How many.
    pub count: u32,
    /// The validator that sent it.
    pub handler: Address,
    /// Stake that signed.
    pub signed_stake: u64,
    /// Stake of the whole epoch.
    pub total_stake: u64,
}

/// The next epoch began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpochBegan {
    /// Which.
    pub epoch: u64,
    /// Unix milliseconds.
    pub started_ms: u64,
    /// Stake that its quorums are counted by.
    pub total_stake: u64,
}

impl Released {
    /// # Errors
    /// If `data` is another event or ends early.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::event(data, "Released")?;
        Ok(Self { reply_id: r.array()?, amounts: [r.u64()?, r.u64()?, r.u64()?, r.u64()?, r.u64()?] })
    }
}

impl VerifierPaid {
    /// # Errors
    /// If `data` is another event or ends early.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::event(data, "VerifierPaid")?;
        Ok(Self { reply_id: r.array()?, verifier: r.address()?, amount: r.u64()? })
    }
}

impl Batched {
    /// # Errors
    /// If `data` is another event or ends early.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::event(data, "Batched")?;
        Ok(Self {
            root: r.array()?,
            digest: r.array()?,
            count: r.u32()?,
            handler: r.address()?,
            signed_stake: r.u64()?,
            total_stake: r.u64()?,
        })
    }
}

impl EpochBegan {
    /// # Errors
    /// If `data` is another event or ends early.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::event(data, "EpochBegan")?;
        Ok(Self { epoch: r.u64()?, started_ms: r.u64()?, total_stake: r.u64()? })
    }
}

impl Settled {
    /// # Errors
    /// If `data` is another event or ends early.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::event(data, "Settled")?;
        Ok(Self {
            reply_id: r.array()?,
            digest: r.array()?,
            record_hash: r.array()?,
            verdict_hash: r.array()?,
            outcome: r.u8()?,
            fee: r.u64()?,
            amounts: [r.u64()?, r.u64()?, r.u64()?, r.u64()?, r.u64()?],
            handler: r.address()?,
            signed_stake: r.u64()?,
            total_stake: r.u64()?,
        })
    }
}

impl Rejected {
    /// # Errors
    /// If `data` is another event or ends early.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::event(data, "Rejected")?;
        Ok(Self {
            reply_id: r.array()?,
            digest: r.array()?,
            record_hash: r.array()?,
            verdict_hash: r.array()?,
            amount: r.u64()?,
            handler: r.address()?,
            signed_stake: r.u64()?,
            total_stake: r.u64()?,
        })
    }
}

impl Expired {
    /// # Errors
    /// If `data` is another event or ends early.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::event(data, "Expired")?;
        Ok(Self { reply_id: r.array()?, amount: r.u64()? })
    }
}

/// What a settlement decides, as SPEC 9.3 hashes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// The config's network.
    pub network: [u8; 32],
    /// The program's address.
    pub program: Address,
    /// Which escrow.
    pub reply_id: [u8; 32],
    /// SPEC 3.9.
    pub record_hash: [u8; 32],
    /// 1 accept, 2 not selected, 3 reject.
    pub outcome: u8,
    /// SPEC 5.7.
    pub verdict_hash: [u8; 32],
    /// The beacon round of the draw.
    pub round: u64,
    /// Prompt tokens; 0 in a refund.
    pub n_prompt: u32,
    /// Billed tokens; 0 in a refund.
    pub n_billed: u32,
    /// Of those, the ones that had more than one candidate; 0 in a refund.
    pub n_counted: u32,
    /// Wallets, not token accounts: of a settle provider_payout (or each shard's payout), router_payout, fee_owner,
    /// reserve_owner, owner, each present even with 0 atoms; of a refund the owner alone. Behind them the verifiers'
    /// authorities, each with the verifier's fee.
    pub payees: Vec<(Address, u64)>,
    /// The validator set's epoch.
    pub stake_epoch: u64,
    /// Unix milliseconds.
    pub expiry_ms: u64,
}

impl Settlement {
    /// `H("ogong/v1/settlement/settle", ...)`.
    pub fn digest(&self) -> [u8; 32] {
        let count = u32::try_from(self.payees.len()).expect("invariant: a handful of payees");
        let mut message = Writer::empty()
            .raw(&self.network)
            .address(&self.program)
            .raw(&self.reply_id)
            .raw(&self.record_hash)
            .u8(self.outcome)
            .raw(&self.verdict_hash)
            .u64(self.round)
            .u32(self.n_prompt)
            .u32(self.n_billed)
            .u32(self.n_counted)
            .u32(count);
        for (payee, amount) in &self.payees {
            message = message.address(payee).u64(*amount);
        }
        tagged("ogong/v1/settlement/settle", &message.u64(self.stake_epoch).u64(self.expiry_ms).finish())
    }
}

/// What the quorum of a batch agrees to (SPEC 9.8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The config's network.
    pub network: [u8; 32],
    /// The program's address.
    pub program: Address,
    /// [`crate::merkle::root`] over the settlements' digests.
    pub root: [u8; 32],
    /// How many there are.
    pub count: u32,
    /// Wallet that receives the validator's share of each.
    pub fee_owner: Address,
    /// The epoch whose stake signs.
    pub stake_epoch: u64,
    /// Unix milliseconds.
    pub expiry_ms: u64,
}

impl Batch {
    /// `H("ogong/v1/settlement/batch", ...)`.
    pub fn digest(&self) -> [u8; 32] {
        let message = Writer::empty()
            .raw(&self.network)
            .address(&self.program)
            .raw(&self.root)
            .u32(self.count)
            .address(&self.fee_owner)
            .u64(self.stake_epoch)
            .u64(self.expiry_ms);
        tagged("ogong/v1/settlement/batch", &message.finish())
    }
}

/// Evidence against a registration was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accused {
    /// 1 verdicts, 2 honeypot, 3 misrouting.
    pub kind: u8,
    /// The registration's account.
    pub culprit: Address,
    /// Reply id, job or query.
    pub subject: [u8; 32],
    /// Hash of the signed statements.
    pub evidence: [u8; 32],
}

/// A bond was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slashed {
    /// 1 verdicts, 2 honeypot, 3 misrouting.
    pub kind: u8,
    /// The registration's account.
    pub culprit: Address,
    /// Reply id, job or query.
    pub subject: [u8; 32],
    /// Atoms that went to the reserve.
    pub amount: u64,
}

/// An epoch's work may be paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EmissionApproved {
    /// Which epoch.
    pub epoch: u64,
    /// Atoms to providers, routers, validators, verifiers, and for liveness.
    pub amounts: [u64; 5],
    /// [`crate::evidence::EmissionTerms::digest`].
    pub digest: [u8; 32],
}

/// An earner's part was minted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// Which epoch.
    pub epoch: u64,
    /// 0 validator, 1 provider, 2 router, 3 verifier.
    pub role: u8,
    /// Its authority.
    pub earner: Address,
    /// Atoms.
    pub amount: u64,
}

impl Accused {
    /// # Errors
    /// If `data` is another event or ends early.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::event(data, "Accused")?;
        Ok(Self { kind: r.u8()?, culprit: r.address()?, subject: r.array()?, evidence: r.array()? })
    }
}

impl Slashed {
    /// # Errors
    /// If `data` is another event or ends early.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::event(data, "Slashed")?;
        Ok(Self { kind: r.u8()?, culprit: r.address()?, subject: r.array()?, amount: r.u64()? })
    }
}

impl EmissionApproved {
    /// # Errors
    /// If `data` is another event or ends early.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::event(data, "EmissionApproved")?;
        let amounts = |r: &mut Reader| Ok([r.u64()?, r.u64()?, r.u64()?, r.u64()?, r.u64()?]);
        Ok(Self { epoch: r.u64()?, amounts: amounts(&mut r)?, digest: r.array()? })
    }
}

impl Claimed {
    /// # Errors
    /// If `data` is another event or ends early.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::event(data, "Claimed")?;
        Ok(Self { epoch: r.u64()?, role: r.u8()?, earner: r.address()?, amount: r.u64()? })
    }
}
