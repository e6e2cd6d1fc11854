use crate::Address;
use crate::bytes::{DecodeError, Reader};

/// What an operator is registered as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Role {
    /// Serves inference; its stake is priority.
    Provider = 1,
    /// Introduces providers.
    Router = 2,
    /// Scores replies for validators.
    Verifier = 3,
}

/// Whether a stake counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum BondStatus {
    /// Counts.
    Active = 1,
    /// All of it is leaving or has left.
    Leaving = 2,
    /// Slashed, and out for good.
    Ejected = 3,
}

/// Tokens in the stake vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bond {
    /// Whether it counts.
    pub status: BondStatus,
    /// Atoms that count.
    pub stake: u64,
    /// Atoms on their way out.
    pub cooling: u64,
    /// The first epoch in which they may be withdrawn.
    pub unlock_epoch: u64,
}

/// Registration of a provider, router or verifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// As what.
    pub role: Role,
    /// The stake's owner.
    pub authority: Address,
    /// SPEC 1.1.
    pub node_id: [u8; 32],
    /// Wallet that is paid.
    pub payout: Address,
    /// What it has staked.
    pub bond: Bond,
    /// Roots of the models that a provider serves.
    pub models: Vec<[u8; 32]>,
}

/// What an operator did in one epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work {
    /// As what.
    pub role: Role,
    /// When.
    pub epoch: u64,
    /// The operator's authority.
    pub operator: Address,
    /// SPEC 1.1.
    pub node_id: [u8; 32],
    /// Wallet that is paid.
    pub payout: Address,
    /// Paid the account's rent.
    pub payer: Address,
    /// Replies served, routes served, or audits.
    pub count: u64,
    /// Counted fees of a provider's replies, atoms.
    pub fees: u64,
    /// The part of them that went to others than the operator, atoms.
    pub outside_fees: u64,
    /// Liveness challenges that a provider answered.
    pub liveness: u64,
    /// The round of the last of them.
    pub last_round: u64,
}

/// Most models that a registration names.
const MODELS_MAX: usize = 8;

impl Role {
    fn read(r: &mut Reader) -> Result<Self, DecodeError> {
        match r.u8()? {
            1 => Ok(Self::Provider),
            2 => Ok(Self::Router),
            3 => Ok(Self::Verifier),
            _ => Err(DecodeError::Range("role")),
        }
    }
}

impl Bond {
    pub(super) fn read(r: &mut Reader) -> Result<Self, DecodeError> {
        let status = match r.u8()? {
            1 => BondStatus::Active,
            2 => BondStatus::Leaving,
            3 => BondStatus::Ejected,
            _ => return Err(DecodeError::Range("status")),
        };
        Ok(Self { status, stake: r.u64()?, cooling: r.u64()?, unlock_epoch: r.u64()? })
    }
}

impl Operator {
    /// # Errors
    /// If `data` is not a version 2 operator.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::account(data, "Operator")?;
        r.u8()?;
        let (role, authority, node_id, payout) = (Role::read(&mut r)?, r.address()?, r.array()?, r.address()?);
        let bond = Bond::read(&mut r)?;
        let count = r.count(MODELS_MAX, "count of models")?;
        let models = (0..count).map(|_| r.array()).collect::<Result<_, _>>()?;
        Ok(Self { role, authority, node_id, payout, bond, models })
    }

    /// The first bytes of every operator account, for a `getProgramAccounts` filter at offset 0.
    pub fn discriminator() -> [u8; 8] {
        crate::bytes::discriminator("account", "Operator")
    }
}

impl Work {
    /// # Errors
    /// If `data` is not a version 2 work account.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::account(data, "Work")?;
        r.u8()?;
        Ok(Self {
            role: Role::read(&mut r)?,
            epoch: r.u64()?,
            operator: r.address()?,
            node_id: r.array()?,
            payout: r.address()?,
            payer: r.address()?,
            count: r.u64()?,
            fees: r.u64()?,
            outside_fees: r.u64()?,
            liveness: r.u64()?,
            last_round: r.u64()?,
        })
    }

    /// The first bytes of every work account, for a `getProgramAccounts` filter at offset 0.
    pub fn discriminator() -> [u8; 8] {
        crate::bytes::discriminator("account", "Work")
    }
}
