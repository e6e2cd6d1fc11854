use crate::bytes::{DecodeError, Reader};
use crate::{Address, VERIFIERS_MAX};

/// Where an escrow's money is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum EscrowStatus {
    /// In the vault.
    Open = 1,
    /// Paid out.
    Settled = 2,
    /// Returned to the owner.
    Refunded = 3,
    /// A quorum decided to pay; in the vault until the release.
    Decided = 4,
}

/// One reply's escrow; never closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Escrow {
    /// Open, settled or refunded.
    pub status: EscrowStatus,
    /// SPEC 2.2.
    pub reply_id: [u8; 32],
    /// Wallet that paid and gets the change.
    pub owner: Address,
    /// Ed25519 key that signs the order.
    pub session_key: [u8; 32],
    /// Node id.
    pub provider: [u8; 32],
    /// Node id.
    pub router: [u8; 32],
    /// Wallet that receives the provider's share.
    pub provider_payout: Address,
    /// Wallet that receives the router's share.
    pub router_payout: Address,
    /// SPEC 1.5.
    pub model_root: [u8; 32],
    /// SPEC 2.1.
    pub req_hash: [u8; 32],
    /// Atoms per 1,000 prompt tokens.
    pub price_prompt: u64,
    /// Atoms per 1,000 billed tokens.
    pub price_completion: u64,
    /// Atoms that were moved in.
    pub max_fee: u64,
    /// Most tokens that may be billed.
    pub max_tokens: u32,
    /// Unix milliseconds; after it the owner gets the money back.
    pub deadline_ms: u64,
    /// Slot of `open_escrow`.
    pub opened_slot: u64,
    /// Zero while open.
    pub record_hash: [u8; 32],
    /// Zero while open.
    pub verdict_hash: [u8; 32],
    /// Atoms paid out to others than the owner.
    pub fee: u64,
    /// The deposit that it was opened from; zero where the owner's wallet paid.
    pub deposit: Address,
    /// Authority of the registered provider; zero where it is not registered.
    pub provider_operator: Address,
    /// Authority of the registered router; zero where it is not registered.
    pub router_operator: Address,
    /// All zero while open.
    pub decision: Decision,
}

/// What remains of an escrow that was compacted, at its address (SPEC 9.14).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stub {
    /// Settled or refunded.
    pub status: EscrowStatus,
    /// 1 accept, 2 not selected, 3 reject; 0 where the deadline decided.
    pub outcome: u8,
    /// SPEC 2.1.
    pub req_hash: [u8; 32],
    /// SPEC 3.9; it covers commit_root.
    pub record_hash: [u8; 32],
    /// SPEC 5.7.
    pub verdict_hash: [u8; 32],
    /// SPEC 9.3.
    pub digest: [u8; 32],
}

/// What a quorum decided about a reply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// 1 accept, 2 not selected, 3 reject.
    pub outcome: u8,
    /// Whether a cohort account divides the provider's amount.
    pub cohort: bool,
    /// The epoch whose stake signed.
    pub stake_epoch: u64,
    /// SPEC 9.3.
    pub digest: [u8; 32],
    /// Wallet that receives the validator's share.
    pub fee_owner: Address,
    /// Atoms to provider, router, validator, reserve, owner (the change).
    pub amounts: [u64; 5],
    /// Billed tokens.
    pub n_billed: u32,
    /// Of those, the ones that count as work.
    pub n_counted: u32,
    /// Authorities of the verifiers; unused places are zero.
    pub verifiers: [Address; VERIFIERS_MAX],
    /// Bit i: verifier i has been paid.
    pub verifiers_paid: u8,
}

/// A consumer's money in the vault that is not bound to a reply yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deposit {
    /// Who paid in, and alone takes out.
    pub owner: Address,
    /// May open escrows of the owner's orders.
    pub delegate: Address,
    /// Atoms.
    pub balance: u64,
}

impl EscrowStatus {
    fn from_byte(byte: u8) -> Result<Self, DecodeError> {
        match byte {
            1 => Ok(Self::Open),
            2 => Ok(Self::Settled),
            3 => Ok(Self::Refunded),
            4 => Ok(Self::Decided),
            _ => Err(DecodeError::Range("escrow status")),
        }
    }
}

impl Escrow {
    /// # Errors
    /// If `data` is not a version 2 escrow.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::account(data, "Escrow")?;
        r.u8()?;
        Ok(Self {
            status: EscrowStatus::from_byte(r.u8()?)?,
            reply_id: r.array()?,
            owner: r.address()?,
            session_key: r.array()?,
            provider: r.array()?,
            router: r.array()?,
            provider_payout: r.address()?,
            router_payout: r.address()?,
            model_root: r.array()?,
            req_hash: r.array()?,
            price_prompt: r.u64()?,
            price_completion: r.u64()?,
            max_fee: r.u64()?,
            max_tokens: r.u32()?,
            deadline_ms: r.u64()?,
            opened_slot: r.u64()?,
            record_hash: r.array()?,
            verdict_hash: r.array()?,
            fee: r.u64()?,
            deposit: r.address()?,
            provider_operator: r.address()?,
            router_operator: r.address()?,
            decision: Decision::read(&mut r)?,
        })
    }

    /// The first bytes of every escrow account, for a `getProgramAccounts` filter at offset 0.
    pub fn discriminator() -> [u8; 8] {
        crate::bytes::discriminator("account", "Escrow")
    }
}

impl Stub {
    /// # Errors
    /// If `data` is not a version 2 stub.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::account(data, "Stub")?;
        r.u8()?;
        Ok(Self {
            status: EscrowStatus::from_byte(r.u8()?)?,
            outcome: r.u8()?,
            req_hash: r.array()?,
            record_hash: r.array()?,
            verdict_hash: r.array()?,
            digest: r.array()?,
        })
    }
}

impl Decision {
    fn read(r: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            outcome: r.u8()?,
            cohort: r.bool()?,
            stake_epoch: r.u64()?,
            digest: r.array()?,
            fee_owner: r.address()?,
            amounts: [r.u64()?, r.u64()?, r.u64()?, r.u64()?, r.u64()?],
            n_billed: r.u32()?,
            n_counted: r.u32()?,
            verifiers: [r.address()?, r.address()?, r.address()?],
            verifiers_paid: r.u8()?,
        })
    }
}

impl Deposit {
    /// # Errors
    /// If `data` is not a version 2 deposit.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::account(data, "Deposit")?;
        r.u8()?;
        Ok(Self { owner: r.address()?, delegate: r.address()?, balance: r.u64()? })
    }
}
