//! Who serves which model, as providers and verifiers announce it (SPEC 5.3, 10).
//!
//! The latest announcement of a node and role counts, over the connection whose certificate it names; one that is not
//! renewed expires. Announcements are stored: a validator that restarts must know at once behind which certificate a
//! provider answers, or it would hold its own absence against it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ogong_audit::{Announcement, Role, SignedAnnouncement};
use ogong_base::codec::{Decode, DecodeError, Encode, Reader, Writer};
use ogong_base::hash::{ConsensusId, ModelRoot, NodeId};
use ogong_daemon::clock::now_ms;
use ogong_daemon::{Store, Table};
use ogong_net::PeerInfo;
use ogong_net::wire::{Announce, AnnounceReply, ErrorCode, ErrorReply, field};
use tracing::info;

use crate::error::{Error, refusal};
use crate::intake::CLOCK_SKEW_MS;
use crate::node::Node;
use crate::shelf::store_refusal;

/// Announce again within this time.
pub const REFRESH_MS: u64 = 30_000;
/// An announcement that was not renewed for so long no longer counts.
pub const EXPIRY_MS: u64 = 4 * REFRESH_MS;
/// Announcements kept at most.
pub const ANNOUNCED_MAX: usize = 4_096;

/// The latest announcement of every node and role.
#[derive(Debug)]
pub struct Announced {
    kept: Mutex<BTreeMap<(NodeId, Role), Kept>>,
    table: Table<Kept>,
}

#[derive(Debug, Clone)]
struct Kept {
    signed: SignedAnnouncement,
    taken_ms: u64,
}

impl Encode for Kept {
    fn encode(&self, w: &mut Writer) {
        w.u64(self.taken_ms).put(&self.signed);
    }
}

impl Decode for Kept {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { taken_ms: r.u64()?, signed: r.get()? })
    }
}

impl Announced {
    /// Reads what a former process stored; time this node was down expires nothing.
    ///
    /// # Errors
    /// When the store fails.
    pub fn open(store: &Store, now_ms: u64) -> Result<Self, Error> {
        let table: Table<Kept> = store.table("announced");
        let mut kept = BTreeMap::new();
        for (_, one) in table.prefix("")? {
            kept.insert((one.signed.node_id(), one.signed.body.role), Kept { taken_ms: now_ms, ..one });
        }
        Ok(Self { kept: Mutex::new(kept), table })
    }

    /// Takes an announcement in.
    ///
    /// # Errors
    /// A refusal that names what does not hold.
    pub async fn take(
        &self,
        node: &Arc<Node>,
        from: &PeerInfo,
        announce: Announce,
    ) -> Result<AnnounceReply, ErrorReply> {
        let signed = SignedAnnouncement {
            body: field::<Announcement>("announcement", &announce.announcement)?,
            public: field("public", &announce.public)?,
            signature: field("signature", &announce.signature)?,
        };
        signed.verify().map_err(|err| {
            refusal(
                ErrorCode::Unverified,
                format!("the announcement's signature does not hold: {err}"),
                "sign it with the node key",
            )
        })?;
        let roster = node.roster_for_peer()?;
        let body = &signed.body;
        if body.network != roster.terms.network {
            return Err(refusal(
                ErrorCode::Unverified,
                format!("foreign network: expected {}, got {}", roster.terms.network, body.network),
                "announce to validators of the node's own network",
            ));
        }
        if body.consensus_id != from.consensus_id {
            return Err(refusal(
                ErrorCode::Unverified,
                "the announcement names another certificate than the one presented",
                "announce over the node's own connection",
            ));
        }
        let now = now_ms();
        if body.issued.0 > now.saturating_add(CLOCK_SKEW_MS) {
            return Err(refusal(
                ErrorCode::Unverified,
                "the announcement is from the future",
                "check the clocks of announcer and validator",
            ));
        }
        let status = self.standing(node, &signed).await?;
        let (id, role) = (signed.node_id(), signed.body.role);
        if let Some(kept) = self.keep(signed, now)? {
            let key = [id.as_bytes().as_slice(), &[role as u8]].concat();
            self.table.put(key, &kept).await.map_err(|err| store_refusal(&err.into()))?;
        }
        Ok(AnnounceReply { validator_public: node.keys.node.public().to_bytes(), refresh_ms: REFRESH_MS, status })
    }

    /// What this node thinks of an announcer, in words.
    async fn standing(&self, node: &Arc<Node>, signed: &SignedAnnouncement) -> Result<String, ErrorReply> {
        if let Some(why) = node.shelf.ejected(&signed.node_id()).map_err(|err| store_refusal(&err))? {
            return Ok(format!("ejected: {why}"));
        }
        match node.catalogue_root(&signed.body.model_id).await {
            Ok(Some(root)) if root != signed.body.model_root => Ok("model root is not the catalogue's".to_owned()),
            Err(reply) if reply.code() == ErrorCode::NotFound => Ok("model not in the catalogue".to_owned()),
            // A chain that does not answer now is no fault of the announcer; draws look again.
            _ => Ok("active".to_owned()),
        }
    }

    /// Keeps an announcement that is new or renewed; gives what is to be stored.
    fn keep(&self, signed: SignedAnnouncement, now_ms: u64) -> Result<Option<Kept>, ErrorReply> {
        let key = (signed.node_id(), signed.body.role);
        let mut kept = self.kept();
        kept.retain(|_, one| is_live(one, now_ms));
        match kept.get(&key) {
            // An older one changes nothing; the same again renews.
            Some(known) if known.signed != signed && !signed.supersedes(&known.signed) => return Ok(None),
            Some(_) => {}
            None if kept.len() >= ANNOUNCED_MAX => {
                return Err(refusal(ErrorCode::Busy, "too many nodes have announced themselves", "try again later"));
            }
            None => {
                let body = &signed.body;
                info!(node = %key.0, role = ?body.role, model = %body.model_id, endpoint = %body.endpoint, "node announced itself");
            }
        }
        let one = Kept { signed, taken_ms: now_ms };
        kept.insert(key, one.clone());
        Ok(Some(one))
    }

    /// Everybody who may verify a model: verifiers, and providers that double as such by announcing an endpoint.
    #[must_use]
    pub fn verifiers_of(&self, root: ModelRoot, now_ms: u64) -> Vec<SignedAnnouncement> {
        let kept = self.kept();
        let serves = |one: &&Kept| {
            is_live(one, now_ms) && one.signed.body.model_root == root && one.signed.body.role == Role::Verifier
        };
        kept.values().filter(serves).map(|one| one.signed.clone()).collect()
    }

    /// A node's announcement as a provider.
    #[must_use]
    pub fn provider(&self, id: NodeId) -> Option<SignedAnnouncement> {
        self.kept().get(&(id, Role::Provider)).map(|one| one.signed.clone())
    }

    /// The certificate behind which a provider answers.
    #[must_use]
    pub fn certificate_of(&self, id: NodeId) -> Option<ConsensusId> {
        self.provider(id).map(|signed| signed.body.consensus_id)
    }

    /// How many announcements are live.
    #[must_use]
    pub fn count(&self, now_ms: u64) -> usize {
        self.kept().values().filter(|one| is_live(one, now_ms)).count()
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<(NodeId, Role), Kept>> {
        // The map is valid after every statement that changes it.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_live(one: &Kept, now_ms: u64) -> bool {
    now_ms.saturating_sub(one.taken_ms) <= EXPIRY_MS
}
