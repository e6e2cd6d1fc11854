//! Decoders of the program's accounts (SPEC 9.1). Trailing bytes are the reserve of later versions and unused string space.

use crate::bytes::{DecodeError, Reader};
use crate::{Address, ENDPOINT_BYTES_MAX, MODEL_ID_BYTES_MAX, VALIDATORS_MAX};

/// The network's parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// May write the catalogue.
    pub admin: Address,
    /// `network_id`, SPEC 1.7.
    pub network: [u8; 32],
    /// The OGONG mint.
    pub mint: Address,
    /// Wallet that receives the verification reserve.
    pub reserve_owner: Address,
    /// Provider, router, validator, reserve, maker; sums to 10,000.
    pub split_bps: [u16; 5],
    /// Least stake of a validator, atoms.
    pub min_stake: u64,
    /// Share of replies audited, parts per million.
    pub alpha_ppm: u64,
    /// Start of beacon round 0, Unix milliseconds.
    pub beacon_genesis_ms: u64,
    /// Length of a beacon round, milliseconds.
    pub beacon_period_ms: u64,
    /// The current stake epoch.
    pub stake_epoch: u64,
}

/// Who may sign a settlement, and with what weight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidatorSet {
    /// The stake epoch this set stands for.
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
    /// Atoms.
    pub stake: u64,
    /// 1 active.
    pub status: u8,
    /// `host:port` of its QUIC endpoint.
    pub endpoint: String,
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
}

/// What was minted, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Supply {
    /// The launch, Unix milliseconds: the emission curve's zero.
    pub launched_ms: u64,
    /// Atoms minted at launch.
    pub launched: u64,
    /// Atoms minted by emission.
    pub emitted: u64,
}

impl Config {
    /// # Errors
    /// If `data` is not a version 1 config account.
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
        })
    }
}

impl Supply {
    /// # Errors
    /// If `data` is not a version 1 supply account.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::account(data, "Supply")?;
        r.u8()?;
        Ok(Self { launched_ms: r.u64()?, launched: r.u64()?, emitted: r.u64()? })
    }
}

impl ValidatorSet {
    /// # Errors
    /// If `data` is not a version 1 validator set.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::account(data, "ValidatorSet")?;
        r.u8()?;
        let (epoch, total_stake) = (r.u64()?, r.u64()?);
        let count = r.count(VALIDATORS_MAX, "count of validators")?;
        let members = (0..count).map(|_| Ok((r.address()?, r.u64()?))).collect::<Result<_, DecodeError>>()?;
        Ok(Self { epoch, total_stake, members })
    }

    /// The stake of `authority`, if it is in the set.
    pub fn stake_of(&self, authority: &Address) -> Option<u64> {
        self.members.iter().find(|(key, _)| key == authority).map(|(_, stake)| *stake)
    }

    /// Whether `signed` atoms of stake are more than two thirds of the total, as `settle` counts.
    pub fn is_quorum(&self, signed: u64) -> bool {
        3 * u128::from(signed) > 2 * u128::from(self.total_stake)
    }
}

impl Validator {
    /// # Errors
    /// If `data` is not a version 1 validator.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::account(data, "Validator")?;
        r.u8()?;
        Ok(Self {
            authority: r.address()?,
            node_id: r.array()?,
            consensus_id: r.array()?,
            vrf_key: r.array()?,
            fee_owner: r.address()?,
            stake: r.u64()?,
            status: r.u8()?,
            endpoint: r.string(ENDPOINT_BYTES_MAX, "endpoint")?,
        })
    }

    /// The first bytes of every validator account, for a `getProgramAccounts` filter at offset 0.
    pub fn discriminator() -> [u8; 8] {
        crate::bytes::discriminator("account", "Validator")
    }
}

impl Model {
    /// # Errors
    /// If `data` is not a version 1 model.
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

impl EscrowStatus {
    fn from_byte(byte: u8) -> Result<Self, DecodeError> {
        match byte {
            1 => Ok(Self::Open),
            2 => Ok(Self::Settled),
            3 => Ok(Self::Refunded),
            _ => Err(DecodeError::Range("escrow status")),
        }
    }
}

impl Escrow {
    /// # Errors
    /// If `data` is not a version 1 escrow.
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
        })
    }

    /// The first bytes of every escrow account, for a `getProgramAccounts` filter at offset 0.
    pub fn discriminator() -> [u8; 8] {
        crate::bytes::discriminator("account", "Escrow")
    }
}
