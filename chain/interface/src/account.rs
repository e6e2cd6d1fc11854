//! Decoders of the program's accounts (SPEC 9.1). Trailing bytes are the reserve of later versions and unused string space.

mod emission;
mod epoch;
mod escrow;
mod operator;
mod quorum;
mod slashing;

pub use emission::{Emission, Supply};
pub use epoch::{Epoch, Totals};
pub use escrow::{Decision, Deposit, Escrow, EscrowStatus, Stub};
pub use operator::{Bond, BondStatus, Operator, Role, Work};
pub use quorum::{Approvals, Batch, Cohort, Shard};
pub use slashing::{Case, Honeypot, NodeKey};

use crate::bytes::{DecodeError, Reader};
use crate::{Address, ENDPOINT_BYTES_MAX, EPOCH_GRACE_MS, MODEL_ID_BYTES_MAX, VALIDATORS_MAX};

/// The network's parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// May write the catalogue.
    pub admin: Address,
    /// `network_id`, SPEC 1.7.
    pub network: [u8; 32],
    /// The OGONG mint.
    pub mint: Address,
    /// Owner of the reserve: the config account itself.
    pub reserve_owner: Address,
    /// Provider, router, validator, reserve, maker; sums to 10,000.
    pub split_bps: [u16; 5],
    /// Least stake that counts, atoms.
    pub min_stake: u64,
    /// Share of replies audited, parts per million.
    pub alpha_ppm: u64,
    /// Start of beacon round 0, Unix milliseconds.
    pub beacon_genesis_ms: u64,
    /// Length of a beacon round, milliseconds.
    pub beacon_period_ms: u64,
    /// The current epoch.
    pub stake_epoch: u64,
    /// When it began, Unix milliseconds.
    pub epoch_started_ms: u64,
    /// How long it lasts at least, milliseconds.
    pub epoch_length_ms: u64,
    /// Epochs between unstake and withdrawal.
    pub cooldown_epochs: u64,
    /// Atoms that a verifier gets for an audit.
    pub verifier_fee: u64,
}

/// Who may sign a settlement, and with what weight: of an epoch, or as the next one will have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidatorSet {
    /// The epoch that this is the stake of; of the set itself, the one in which it changed last.
    pub epoch: u64,
    /// Sum of all stake, atoms.
    pub total_stake: u64,
    /// (authority, stake), in order of registration.
    pub members: Vec<(Address, u64)>,
}

/// One validator's registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Validator {
    /// The key that co-signs.
    pub authority: Address,
    /// SPEC 1.1.
    pub node_id: [u8; 32],
    /// SPEC 1.3.
    pub consensus_id: [u8; 32],
    /// Public key of the beacon's VRF.
    pub vrf_key: [u8; 32],
    /// Wallet that receives the validator's share of what it handles.
    pub fee_owner: Address,
    /// What it has staked.
    pub bond: Bond,
    /// `host:port` of its QUIC endpoint.
    pub endpoint: String,
    /// Compressed point of G2 of BLS12-381; zero until one is registered.
    pub bls_key: [u8; 96],
}

/// One model of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// SPEC 1.5.
    pub model_root: [u8; 32],
    /// The maker's wallet.
    pub maker: Address,
    /// 0: the slot is reserved.
    pub royalty_bps: u16,
    /// SPEC 1.4.
    pub model_id: String,
}

impl Config {
    /// # Errors
    /// If `data` is not a version 2 config account.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::account(data, "Config")?;
        r.u8()?;
        Ok(Self {
            admin: r.address()?,
            network: r.array()?,
            mint: r.address()?,
            reserve_owner: r.address()?,
            split_bps: [r.u16()?, r.u16()?, r.u16()?, r.u16()?, r.u16()?],
            min_stake: r.u64()?,
            alpha_ppm: r.u64()?,
            beacon_genesis_ms: r.u64()?,
            beacon_period_ms: r.u64()?,
            stake_epoch: r.u64()?,
            epoch_started_ms: r.u64()?,
            epoch_length_ms: r.u64()?,
            cooldown_epochs: r.u64()?,
            verifier_fee: r.u64()?,
        })
    }
}

impl Config {
    /// Whether a quorum may name `epoch` at `now_ms`: the current one, or the one before it within the grace.
    pub fn counts(&self, epoch: u64, now_ms: u64) -> bool {
        let in_grace = now_ms <= self.epoch_started_ms.saturating_add(EPOCH_GRACE_MS);
        epoch == self.stake_epoch || (epoch.checked_add(1) == Some(self.stake_epoch) && in_grace)
    }
}

impl ValidatorSet {
    /// # Errors
    /// If `data` is not a version 2 validator set.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::account(data, "ValidatorSet")?;
        r.u8()?;
        let (epoch, total_stake) = (r.u64()?, r.u64()?);
        let count = r.count(VALIDATORS_MAX, "count of validators")?;
        let members = (0..count).map(|_| Ok((r.address()?, r.u64()?))).collect::<Result<_, DecodeError>>()?;
        Ok(Self { epoch, total_stake, members })
    }

    /// The stake of `authority`, if it has a vote: who is in an epoch without stake, slashed or gone, has none.
    pub fn stake_of(&self, authority: &Address) -> Option<u64> {
        self.members.iter().find(|(key, _)| key == authority).map(|(_, stake)| *stake).filter(|stake| *stake > 0)
    }

    /// Whether `signed` atoms of stake are more than two thirds of the total, as `settle` counts.
    pub fn is_quorum(&self, signed: u64) -> bool {
        3 * u128::from(signed) > 2 * u128::from(self.total_stake)
    }
}

impl Validator {
    /// # Errors
    /// If `data` is not a version 2 validator.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::account(data, "Validator")?;
        r.u8()?;
        Ok(Self {
            authority: r.address()?,
            node_id: r.array()?,
            consensus_id: r.array()?,
            vrf_key: r.array()?,
            fee_owner: r.address()?,
            bond: Bond::read(&mut r)?,
            endpoint: r.string(ENDPOINT_BYTES_MAX, "endpoint")?,
            bls_key: r.array()?,
        })
    }

    /// The first bytes of every validator account, for a `getProgramAccounts` filter at offset 0.
    pub fn discriminator() -> [u8; 8] {
        crate::bytes::discriminator("account", "Validator")
    }
}

impl Model {
    /// # Errors
    /// If `data` is not a version 2 model.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::account(data, "Model")?;
        r.u8()?;
        Ok(Self {
            model_root: r.array()?,
            maker: r.address()?,
            royalty_bps: r.u16()?,
            model_id: r.string(MODEL_ID_BYTES_MAX, "model id")?,
        })
    }

    /// The first bytes of every model account, for a `getProgramAccounts` filter at offset 0.
    pub fn discriminator() -> [u8; 8] {
        crate::bytes::discriminator("account", "Model")
    }
}
