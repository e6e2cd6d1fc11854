//! What a provider or verifier tells the validators about itself until the on-chain registry of providers stands (SPEC 10).
//!
//! `u8 1 ‖ hash network ‖ u8 role ‖ str model_id ‖ hash model_root ‖ class ‖ hash consensus_id ‖ str endpoint ‖ key stake_owner ‖
//! key payout ‖ u64 issued_ms`, hybrid-signed. Of several by one node in one role the latest counts.

use ogong_base::class::NumericClass;
use ogong_base::codec::{Decode, DecodeError, Encode, Reader, Writer};
use ogong_base::domain::{self, Tag};
use ogong_base::hash::{ChainKey, ConsensusId, ModelRoot, NetworkId};
use ogong_base::model_id::ModelId;
use ogong_base::params::{ENDPOINT_BYTES_MAX, VERSION};
use ogong_base::units::UnixMillis;

use crate::signed::{Signable, Signed, version};

/// What a node offers to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Role {
    /// Answers requests.
    Provider = 1,
    /// Scores other providers' answers.
    Verifier = 2,
}

/// A node's description of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// The network it is meant for.
    pub network: NetworkId,
    /// What it offers.
    pub role: Role,
    /// The model it serves, by name.
    pub model_id: ModelId,
    /// The model it serves, by content.
    pub model_root: ModelRoot,
    /// The arithmetic it serves it with.
    pub class: NumericClass,
    /// Hash of its QUIC certificate.
    pub consensus_id: ConsensusId,
    /// Where it is reached, `host:port`; empty for a provider that dials.
    pub endpoint: String,
    /// Who owns its stake: nobody verifies for himself.
    pub stake_owner: ChainKey,
    /// Token account it is paid to.
    pub payout: ChainKey,
    /// When it was made; the latest wins.
    pub issued: UnixMillis,
}

/// An announcement with its signature.
pub type SignedAnnouncement = Signed<Announcement>;

impl SignedAnnouncement {
    /// True if this one takes the other's place: the same node and role, made later.
    pub fn supersedes(&self, other: &Self) -> bool {
        self.public == other.public && self.body.role == other.body.role && self.body.issued > other.body.issued
    }
}

impl Signable for Announcement {
    const TAG: Tag = domain::ANNOUNCEMENT;
}

impl Encode for Announcement {
    fn encode(&self, w: &mut Writer) {
        w.u8(VERSION).put(&self.network).u8(self.role as u8).put(&self.model_id).put(&self.model_root).put(&self.class);
        w.put(&self.consensus_id).str(&self.endpoint).put(&self.stake_owner).put(&self.payout).put(&self.issued);
    }
}

impl Decode for Announcement {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        version(r, "announcement version")?;
        Ok(Self {
            network: r.get()?,
            role: match r.u8()? {
                1 => Role::Provider,
                2 => Role::Verifier,
                other => return Err(DecodeError::invalid("role", other)),
            },
            model_id: r.get()?,
            model_root: r.get()?,
            class: r.get()?,
            consensus_id: r.get()?,
            endpoint: r.str(ENDPOINT_BYTES_MAX)?.to_owned(),
            stake_owner: r.get()?,
            payout: r.get()?,
            issued: r.get()?,
        })
    }
}
