//! Does the signed record speak of the very answer that was relayed? (SPEC 2.5, 3.9)
//!
//! This is the consumer's own check, before any audit: it needs no chain, no model and nobody's word.

use ogong_base::codec::Decode;
use ogong_base::{RecordHash, ReplyId, domain};
use ogong_commitment::order::Order;
use ogong_commitment::record::{Record, record_hash};
use ogong_commitment::response::resp_hash;
use ogong_net::proof::ProofBundle;

/// What does not fit. The words are stable: they stand in comments and headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Mismatch {
    /// No proof came.
    #[error("proof_absent")]
    Absent,
    /// The proof or the record is not well formed.
    #[error("proof_malformed")]
    Malformed,
    /// Signed by another node than was ordered from.
    #[error("signer")]
    Signer,
    /// The signature does not hold.
    #[error("signature")]
    Signature,
    /// A record of another reply.
    #[error("reply_id")]
    ReplyId,
    /// A record of another request.
    #[error("req_hash")]
    ReqHash,
    /// A record of another model.
    #[error("model_root")]
    ModelRoot,
    /// Token counts that disagree, or more tokens than ordered.
    #[error("n_tokens")]
    Tokens,
    /// The record's response hash is not that of the proof's ids and text.
    #[error("resp_hash")]
    RespHash,
    /// The relayed content is not the committed text.
    #[error("content")]
    Content,
}

/// A record that holds for the answer that was relayed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Record bytes as signed.
    pub record: Vec<u8>,
    /// Their hash.
    pub record_hash: RecordHash,
    /// Answer tokens.
    pub n_tokens: u32,
}

/// Checks `bundle` against the order and the `content` that was relayed.
///
/// # Errors
/// The first thing that does not fit.
pub fn check(bundle: &ProofBundle, order: &Order, reply_id: &ReplyId, content: &str) -> Result<Held, Mismatch> {
    if bundle.public.node_id() != order.provider {
        return Err(Mismatch::Signer);
    }
    bundle.public.verify(domain::RECORD, &bundle.record, &bundle.signature).map_err(|_| Mismatch::Signature)?;
    let record = Record::from_bytes(&bundle.record).map_err(|_| Mismatch::Malformed)?;
    if record.reply_id != *reply_id {
        return Err(Mismatch::ReplyId);
    }
    if record.req_hash != order.req_hash {
        return Err(Mismatch::ReqHash);
    }
    if record.model_root != order.model_root {
        return Err(Mismatch::ModelRoot);
    }
    let counted = u32::try_from(bundle.ids.len()).map_err(|_| Mismatch::Tokens)?;
    if counted == 0 || counted != record.n_tokens || counted > order.max_tokens {
        return Err(Mismatch::Tokens);
    }
    if record.resp_hash != resp_hash(&bundle.ids, &bundle.raw_text) {
        return Err(Mismatch::RespHash);
    }
    if String::from_utf8_lossy(&bundle.raw_text) != content {
        return Err(Mismatch::Content);
    }
    Ok(Held { record_hash: record_hash(&bundle.record), record: bundle.record.clone(), n_tokens: counted })
}
