//! Everything a peer needs to decide about a reply again (SPEC 5, 9.4).
//!
//! [`Ground`] is what nobody may take from a handler: a peer puts its own in place ([`Evidence::on`]) before it
//! adjudicates. All the rest is signed, hashed into something signed, or drawn again.

use std::collections::BTreeSet;

use ogong_base::codec::{Decode, DecodeError, Encode, Reader, Writer};
use ogong_base::hash::{ChainKey, ModelRoot, NetworkId, NodeId};
use ogong_base::params::{ANSWER_TOKENS_MAX, BODY_BYTES_MAX, ED25519_SIGNATURE_BYTES, RAW_TEXT_BYTES_MAX, VERSION};
use ogong_beacon::{Beacon, Schedule, ValidatorSet};
use ogong_commitment::builder::Opening;
use ogong_commitment::order::Order;
use ogong_commitment::record::SignedRecord;

use crate::announce::SignedAnnouncement;
use crate::receipt::SignedReceipt;
use crate::report::SignedReport;
use crate::selection::{Exclusions, WINDOWS_MAX, Wanted, eligible};
use crate::signed::version;

/// Verifiers asked for one reply at most, those that failed among them.
pub const ATTEMPTS_MAX: usize = 16;
/// Announcements in one evidence at most.
pub const CANDIDATES_MAX: usize = 256;

/// What stands on chain or in a node's own configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ground {
    /// The network.
    pub network: NetworkId,
    /// The settlement program.
    pub program: ChainKey,
    /// The escrow's session key.
    pub session_key: [u8; 32],
    /// The catalogue's root for the ordered model; none if the catalogue does not list it.
    pub catalogue_root: Option<ModelRoot>,
    /// The network's audit rate; a handler may audit more.
    pub alpha_ppm: u64,
    /// When rounds start.
    pub schedule: Schedule,
    /// The registered validators.
    pub validators: ValidatorSet,
}

/// What the provider hands over beside its leaves: the request, the answer and the header leaf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Material {
    /// The frozen body.
    pub body: Vec<u8>,
    /// Generated token ids.
    pub ids: Vec<u32>,
    /// Raw text, cut at the stop string.
    pub raw_text: Vec<u8>,
    /// Leaf 0.
    pub header: Opening,
}

/// One verifier that was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Who.
    pub verifier: NodeId,
    /// Its report; none if it did not answer in time or could not run.
    pub report: Option<SignedReport>,
}

/// The evidence about one reply. It grows while an audit runs; [`crate::decide`] says what is needed next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// Never believed: replaced by the reader's own.
    pub ground: Ground,
    /// What was ordered.
    pub order: Order,
    /// By the escrow's session key.
    pub order_signature: [u8; ED25519_SIGNATURE_BYTES],
    /// What the provider signed.
    pub record: SignedRecord,
    /// Another record for the same reply, if the provider signed one.
    pub rival: Option<SignedRecord>,
    /// The handling validator's receipt: fixes the round.
    pub receipt: SignedReceipt,
    /// The round.
    pub beacon: Beacon,
    /// The handler's audit rate, at least the network's.
    pub alpha_ppm: u64,
    /// Windows beside the first and the last.
    pub extra_windows: u32,
    /// The provider was asked until its deadline and opened nothing more.
    pub opening_refused: bool,
    /// Request, answer and header.
    pub material: Option<Material>,
    /// Leaves of the drawn windows, ascending.
    pub openings: Vec<Opening>,
    /// What the provider announced: its stake owner and certificate are excluded from the draw.
    pub provider: Option<SignedAnnouncement>,
    /// The verifiers that were known when the draw was made.
    pub candidates: Vec<SignedAnnouncement>,
    /// The first verifier was configured, not drawn.
    pub pinned: bool,
    /// The verifiers asked, in their order.
    pub attempts: Vec<Attempt>,
}

impl Evidence {
    /// The same evidence on the reader's own ground.
    #[must_use]
    pub fn on(mut self, ground: Ground) -> Self {
        self.ground = ground;
        self
    }

    /// Verifiers of the ordered model that `known` lists and the evidence leaves out: a handler that draws among fewer than
    /// there are chooses. What a reader makes of it is his policy, since announcements spread with a delay.
    pub fn omitted(&self, known: &[SignedAnnouncement]) -> Vec<NodeId> {
        let listed: BTreeSet<NodeId> = self.candidates.iter().map(SignedAnnouncement::node_id).collect();
        let wanted = Wanted { network: self.ground.network, model_root: self.order.model_root, exact_class: None };
        let offered = eligible(known, &wanted, &Exclusions::default());
        offered.into_iter().map(|(id, _)| id).filter(|id| !listed.contains(id)).collect()
    }
}

impl Encode for Ground {
    fn encode(&self, w: &mut Writer) {
        w.put(&self.network).put(&self.program).raw(&self.session_key);
        w.opt(self.catalogue_root.as_ref(), |w, root| root.encode(w));
        w.u64(self.alpha_ppm).put(&self.schedule).put(&self.validators);
    }
}

impl Decode for Ground {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            network: r.get()?,
            program: r.get()?,
            session_key: r.array()?,
            catalogue_root: r.opt(ModelRoot::decode)?,
            alpha_ppm: r.u64()?,
            schedule: r.get()?,
            validators: r.get()?,
        })
    }
}

impl Encode for Material {
    fn encode(&self, w: &mut Writer) {
        w.bytes(&self.body);
        w.list(&self.ids, |w, &id| {
            w.u32(id);
        });
        w.bytes(&self.raw_text).put(&self.header);
    }
}

impl Decode for Material {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            body: r.bytes(BODY_BYTES_MAX)?.to_vec(),
            ids: r.list(ANSWER_TOKENS_MAX, |r| r.u32())?,
            raw_text: r.bytes(RAW_TEXT_BYTES_MAX)?.to_vec(),
            header: r.get()?,
        })
    }
}

impl Encode for Attempt {
    fn encode(&self, w: &mut Writer) {
        w.put(&self.verifier).opt(self.report.as_ref(), |w, report| report.encode(w));
    }
}

impl Decode for Attempt {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { verifier: r.get()?, report: r.opt(SignedReport::decode)? })
    }
}

impl Encode for Evidence {
    fn encode(&self, w: &mut Writer) {
        w.u8(VERSION).put(&self.ground).put(&self.order).raw(&self.order_signature).put(&self.record);
        w.opt(self.rival.as_ref(), |w, rival| rival.encode(w));
        w.put(&self.receipt).put(&self.beacon).u64(self.alpha_ppm).u32(self.extra_windows).bool(self.opening_refused);
        w.opt(self.material.as_ref(), |w, material| material.encode(w));
        w.list(&self.openings, |w, opening| opening.encode(w));
        w.opt(self.provider.as_ref(), |w, provider| provider.encode(w));
        w.list(&self.candidates, |w, candidate| candidate.encode(w));
        w.bool(self.pinned).list(&self.attempts, |w, attempt| attempt.encode(w));
    }
}

impl Decode for Evidence {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        version(r, "evidence version")?;
        Ok(Self {
            ground: r.get()?,
            order: r.get()?,
            order_signature: r.array()?,
            record: r.get()?,
            rival: r.opt(SignedRecord::decode)?,
            receipt: r.get()?,
            beacon: r.get()?,
            alpha_ppm: r.u64()?,
            extra_windows: r.u32()?,
            opening_refused: r.bool()?,
            material: r.opt(Material::decode)?,
            openings: r.list(WINDOWS_MAX, Opening::decode)?,
            provider: r.opt(SignedAnnouncement::decode)?,
            candidates: r.list(CANDIDATES_MAX, SignedAnnouncement::decode)?,
            pinned: r.bool()?,
            attempts: r.list(ATTEMPTS_MAX, Attempt::decode)?,
        })
    }
}
