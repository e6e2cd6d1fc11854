//! Draws (SPEC 5.3): which replies are audited, which windows are opened, and who verifies. All of it follows from a
//! round's value and the record, so anybody can draw again later.

use std::collections::{BTreeMap, BTreeSet};

use ogong_base::domain::{self, Tag};
use ogong_base::hash::{
    ChainKey, ClassHash, ConsensusId, Hash32, ModelRoot, NetworkId, NodeId, RecordHash, sha256, tagged,
};
use ogong_base::params::PPM;
use ogong_base::units::Round;
use ogong_commitment::leaf::window_count;

use crate::announce::{Role, SignedAnnouncement};

/// Audited windows of one reply at most: first, last and a `--k` of 62.
pub const WINDOWS_MAX: usize = 64;

/// The four draws of one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draws {
    /// Decides whether the reply is audited.
    pub select: [u8; 32],
    /// Picks the first verifier.
    pub verifier: [u8; 32],
    /// Picks the ones that confirm.
    pub second: [u8; 32],
    /// Orders the windows.
    pub windows: [u8; 32],
}

impl Draws {
    /// `x_p = H("ogong/v1/audit/draw-" + p, network ‖ u64 r ‖ beacon ‖ record_hash)`.
    pub fn new(network: NetworkId, round: Round, beacon: Hash32, record: RecordHash) -> Self {
        let draw =
            |tag: Tag| tagged(tag, &[network.as_bytes(), &round.0.to_le_bytes(), beacon.as_bytes(), record.as_bytes()]);
        Self {
            select: draw(domain::DRAW_SELECT),
            verifier: draw(domain::DRAW_VERIFIER),
            second: draw(domain::DRAW_SECOND),
            windows: draw(domain::DRAW_WINDOWS),
        }
    }

    /// True if the reply is audited at a rate of `alpha_ppm`; 0 audits none, 1,000,000 all.
    pub fn is_selected(&self, alpha_ppm: u64) -> bool {
        let x = u64::from_be_bytes(*self.select.first_chunk().expect("invariant: a draw has 32 bytes"));
        u128::from(x) * u128::from(PPM) < u128::from(alpha_ppm) << 64
    }

    /// The windows to open, ascending: the first, the last, and `extra` more drawn without replacement.
    pub fn windows(&self, n_tokens: u32, extra: usize) -> Vec<u32> {
        let count = window_count(n_tokens);
        let mut rest: Vec<u32> = (1..count.saturating_sub(1)).collect();
        rest.sort_by_cached_key(|i| {
            let mut bytes = self.windows.to_vec();
            bytes.extend_from_slice(&i.to_le_bytes());
            (sha256(&bytes), *i)
        });
        let drawn = rest.into_iter().take(extra.min(WINDOWS_MAX - 2));
        let ends = [0, count.saturating_sub(1)].into_iter().filter(|_| count > 0);
        drawn.chain(ends).collect::<BTreeSet<u32>>().into_iter().collect()
    }
}

/// Who may not verify: the provider and every verifier already asked, with all that shares an owner or a certificate.
#[derive(Debug, Clone, Default)]
pub struct Exclusions {
    nodes: BTreeSet<NodeId>,
    owners: BTreeSet<ChainKey>,
    certificates: BTreeSet<ConsensusId>,
}

impl Exclusions {
    /// Excludes a node and whoever shares its owner or certificate.
    pub fn exclude(&mut self, node: &SignedAnnouncement) {
        self.nodes.insert(node.node_id());
        self.owners.insert(node.body.stake_owner);
        self.certificates.insert(node.body.consensus_id);
    }

    /// Excludes a node of which only the id is known, and what `announced` knows of it.
    pub fn exclude_id(&mut self, id: NodeId, announced: &[SignedAnnouncement]) {
        self.nodes.insert(id);
        for node in announced.iter().filter(|node| node.node_id() == id) {
            self.exclude(node);
        }
    }

    fn allow(&self, id: NodeId, node: &SignedAnnouncement) -> bool {
        !self.nodes.contains(&id)
            && !self.owners.contains(&node.body.stake_owner)
            && !self.certificates.contains(&node.body.consensus_id)
    }
}

/// What a verifier must offer.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// The network.
    pub network: NetworkId,
    /// The audited model.
    pub model_root: ModelRoot,
    /// The numeric class, where a leaf must be reproduced bit for bit.
    pub exact_class: Option<ClassHash>,
}

/// Verifiers that may be drawn, ascending by node id, one entry a node (its latest). Announcements that are badly signed,
/// for another network, role or model are passed over.
pub fn eligible<'a>(
    candidates: &'a [SignedAnnouncement],
    wanted: &Wanted,
    exclusions: &Exclusions,
) -> Vec<(NodeId, &'a SignedAnnouncement)> {
    let mut latest: BTreeMap<NodeId, &SignedAnnouncement> = BTreeMap::new();
    for candidate in candidates.iter().filter(|candidate| offers(candidate, wanted)) {
        let entry = latest.entry(candidate.node_id()).or_insert(candidate);
        if candidate.body.issued > entry.body.issued {
            *entry = candidate;
        }
    }
    latest.retain(|id, candidate| exclusions.allow(*id, candidate) && candidate.verify().is_ok());
    latest.into_iter().collect()
}

fn offers(candidate: &SignedAnnouncement, wanted: &Wanted) -> bool {
    let body = &candidate.body;
    body.role == Role::Verifier
        && body.network == wanted.network
        && body.model_root == wanted.model_root
        && wanted.exact_class.is_none_or(|class| body.class.exact && body.class.class_hash() == class)
}

/// Index `u128_be(x) mod n` into candidates sorted by node id; none if there are none.
pub fn choose<'a>(
    draw: &[u8; 32],
    eligible: &[(NodeId, &'a SignedAnnouncement)],
) -> Option<(NodeId, &'a SignedAnnouncement)> {
    let x = u128::from_be_bytes(*draw.first_chunk().expect("invariant: a draw has 32 bytes"));
    let count = u128::try_from(eligible.len()).ok()?;
    let index = usize::try_from(x.checked_rem(count)?).ok()?;
    eligible.get(index).copied()
}
