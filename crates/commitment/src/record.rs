//! The record: what a provider signs for at the end of a reply (SPEC 3.9). Two records for one reply are equivocation.

use crate::{error::Error, order::version};
use ogong_base::params::VERSION;
use ogong_base::{
    CommitRoot, Decode, DecodeError, Encode, HybridSignature, ModelRoot, NodeKey, NodePublic, Reader, RecordHash,
    ReplyId, ReqHash, RespHash, Writer, domain, tagged,
};
use serde::{Deserialize, Serialize};

/// Bytes of an encoded record.
pub const RECORD_BYTES: usize = 181;

/// One record, field by field as SPEC 3.9 writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The reply.
    pub reply_id: ReplyId,
    /// Hash of the frozen body.
    pub req_hash: ReqHash,
    /// Hash of ids and raw text.
    pub resp_hash: RespHash,
    /// Root of the model that answered.
    pub model_root: ModelRoot,
    /// Tree head over the leaves.
    pub commit_root: CommitRoot,
    /// Generated tokens.
    pub n_tokens: u32,
    /// Request taken up, Unix milliseconds.
    pub t0_ms: u64,
    /// Reply complete, Unix milliseconds.
    pub t1_ms: u64,
}

impl Record {
    /// `H("ogong/v1/commitment/record-hash", record)`.
    pub fn record_hash(&self) -> RecordHash {
        record_hash(&self.to_bytes())
    }

    /// Signs the record with the provider's node key.
    pub fn sign(&self, key: &NodeKey) -> SignedRecord {
        let record = self.to_bytes();
        let signature = key.sign(domain::RECORD, &record);
        SignedRecord { record, public: key.public(), signature }
    }
}

impl Encode for Record {
    fn encode(&self, w: &mut Writer) {
        w.u8(VERSION).put(&self.reply_id).put(&self.req_hash).put(&self.resp_hash).put(&self.model_root);
        w.put(&self.commit_root).u32(self.n_tokens).u64(self.t0_ms).u64(self.t1_ms);
    }
}

impl Decode for Record {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        version("record version", r)?;
        Ok(Self {
            reply_id: r.get()?,
            req_hash: r.get()?,
            resp_hash: r.get()?,
            model_root: r.get()?,
            commit_root: r.get()?,
            n_tokens: r.u32()?,
            t0_ms: r.u64()?,
            t1_ms: r.u64()?,
        })
    }
}

/// Hash of a record's bytes as they were signed.
pub fn record_hash(record: &[u8]) -> RecordHash {
    RecordHash::from_bytes(tagged(domain::RECORD_HASH, &[record]))
}

/// A record's bytes with who signed them; the bytes are never re-encoded before they are verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedRecord {
    /// The record as it was signed.
    pub record: Vec<u8>,
    /// The signer.
    pub public: NodePublic,
    /// Hybrid signature over the record.
    pub signature: HybridSignature,
}

impl SignedRecord {
    /// Holds the signature and reads the record.
    ///
    /// # Errors
    /// When the signature does not verify or the bytes are no record.
    pub fn verify(&self) -> Result<Record, Error> {
        self.public.verify(domain::RECORD, &self.record, &self.signature)?;
        Ok(Record::from_bytes(&self.record)?)
    }

    /// Hash of the signed bytes.
    pub fn record_hash(&self) -> RecordHash {
        record_hash(&self.record)
    }

    /// Whether two verified records prove that one signer answered one order twice.
    ///
    /// # Errors
    /// When either does not verify: then they prove nothing.
    pub fn is_equivocation(&self, other: &Self) -> Result<bool, Error> {
        let (a, b) = (self.verify()?, other.verify()?);
        Ok(self.public == other.public && a.reply_id == b.reply_id && a != b)
    }
}

impl Encode for SignedRecord {
    fn encode(&self, w: &mut Writer) {
        w.bytes(&self.record).put(&self.public).put(&self.signature);
    }
}

impl Decode for SignedRecord {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { record: r.bytes(RECORD_BYTES)?.to_vec(), public: r.get()?, signature: r.get()? })
    }
}
