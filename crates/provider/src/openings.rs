//! Openings on disk: what a provider must be able to show until an order's deadline plus an hour (SPEC 6).
//!
//! One entry a reply, written before the consumer sees the end of the answer. A provider that cannot show its openings fails the audit, so
//! nothing here is lost by a crash.

use crate::gate::SignedOrder;
use ogong_base::{
    codec::{Decode, DecodeError, Encode, Reader, Writer},
    hash::ReplyId,
    params::{BODY_BYTES_MAX, OPENINGS_KEPT_MS, VERSION},
};
use ogong_commitment::{builder::Trajectory, order::Order, record::SignedRecord};
use ogong_net::{
    proof::ProofBundle,
    wire::{ErrorCode, ErrorReply, LeafOpening, Material, Openings, PushRecord},
};

/// Bytes of an order at most.
const ORDER_BYTES_MAX: usize = 1024;

/// One reply with everything a validator may ask of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredReply {
    /// The signed record.
    pub record: SignedRecord,
    /// Order bytes.
    pub order: Vec<u8>,
    /// Session signature.
    pub order_signature: [u8; 64],
    /// Session key.
    pub session_key: [u8; 32],
    /// Frozen body.
    pub body: Vec<u8>,
    /// Header, leaves, ids, raw text.
    pub trajectory: Trajectory,
    /// Unix milliseconds after which it may go.
    pub keep_until_ms: u64,
    /// Unix milliseconds after which no validator wants the record any more.
    pub deadline_ms: u64,
}

impl StoredReply {
    /// Puts a finished reply together.
    pub fn new(record: SignedRecord, signed: &SignedOrder, body: Vec<u8>, trajectory: Trajectory) -> Self {
        let deadline_ms = signed.order.deadline_ms;
        Self {
            record,
            order: signed.bytes.clone(),
            order_signature: signed.signature,
            session_key: signed.session_key,
            body,
            trajectory,
            keep_until_ms: deadline_ms.saturating_add(OPENINGS_KEPT_MS),
            deadline_ms,
        }
    }

    /// The order.
    ///
    /// # Errors
    /// When the store was tampered with.
    pub fn order(&self) -> Result<Order, DecodeError> {
        Order::from_bytes(&self.order)
    }

    /// What goes to validators.
    pub fn push(&self, payout: &[u8; 32]) -> PushRecord {
        PushRecord {
            record: self.record.record.clone(),
            record_signature: self.record.signature.to_bytes(),
            provider_public: self.record.public.to_bytes(),
            order: self.order.clone(),
            order_signature: self.order_signature.to_vec(),
            session_key: self.session_key.to_vec(),
            provider_payout: payout.to_vec(),
            n_prompt: self.trajectory.header.n_prompt,
        }
    }

    /// What goes to the consumer.
    pub fn proof(&self) -> ProofBundle {
        ProofBundle {
            record: self.record.record.clone(),
            signature: self.record.signature.clone(),
            public: self.record.public.clone(),
            ids: self.trajectory.ids.clone(),
            raw_text: self.trajectory.raw_text.clone(),
        }
    }

    /// Body, ids, raw text and the opened header, for a validator.
    ///
    /// # Errors
    /// When the header cannot be opened, which is a fault of this node.
    pub fn material(&self, reply_id: ReplyId) -> Result<Material, ErrorReply> {
        Ok(Material {
            reply_id: reply_id.as_bytes().to_vec(),
            body: self.body.clone(),
            ids: self.trajectory.ids.clone(),
            raw_text: self.trajectory.raw_text.clone(),
            header: Some(self.open(0)?),
        })
    }

    /// Leaves by index, for a validator.
    ///
    /// # Errors
    /// When an index is beyond the last leaf.
    pub fn openings(&self, reply_id: ReplyId, leaves: &[u32]) -> Result<Openings, ErrorReply> {
        let openings = leaves.iter().map(|index| self.open(*index)).collect::<Result<_, _>>()?;
        Ok(Openings { reply_id: reply_id.as_bytes().to_vec(), openings })
    }

    fn open(&self, index: u32) -> Result<LeafOpening, ErrorReply> {
        let opening = self.trajectory.open(index).map_err(|error| {
            ErrorReply::new(ErrorCode::NotFound, error.to_string(), "ask for leaves 0 to the number of windows")
        })?;
        Ok(LeafOpening { index, leaf: opening.leaf, proof: opening.proof.to_bytes() })
    }
}

impl Encode for StoredReply {
    fn encode(&self, w: &mut Writer) {
        w.u8(VERSION).put(&self.record).bytes(&self.order).raw(&self.order_signature).raw(&self.session_key);
        w.bytes(&self.body).put(&self.trajectory).u64(self.keep_until_ms).u64(self.deadline_ms);
    }
}

impl Decode for StoredReply {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let version = r.u8()?;
        if version != VERSION {
            return Err(DecodeError::invalid("stored reply version", version));
        }
        Ok(Self {
            record: r.get()?,
            order: r.bytes(ORDER_BYTES_MAX)?.to_vec(),
            order_signature: r.array()?,
            session_key: r.array()?,
            body: r.bytes(BODY_BYTES_MAX)?.to_vec(),
            trajectory: r.get()?,
            keep_until_ms: r.u64()?,
            deadline_ms: r.u64()?,
        })
    }
}
