//! What a provider hands its consumer at the end of a reply: the signed record and what it binds (SPEC 2.5, 3.9).
//!
//! A stream carries it in a comment just before `data: [DONE]`, as `: ogong-record <base64>`; for any reply
//! `GET /v1/replies/{reply_id}/proof` gives the bytes, to whoever shows the order and its signature. It lets the consumer's gateway see
//! that the record it can be billed for is about the very text it relayed.

use ogong_base::{
    codec::{Decode, DecodeError, Encode, Reader, Writer},
    hash::ReplyId,
    keys::{HybridSignature, NodePublic},
    params::{ANSWER_TOKENS_MAX, RAW_TEXT_BYTES_MAX, VERSION},
};

/// Name of the comment that carries a bundle in a stream; one space and the base64 (standard alphabet, padded) follow.
pub const PROOF_COMMENT: &str = "ogong-record";
/// Request header: the order's bytes in base64 (SPEC 2.2).
pub const ORDER_HEADER: &str = "x-ogong-order";
/// Request header: the session key's signature over the order, 64 bytes in base64.
pub const ORDER_SIGNATURE_HEADER: &str = "x-ogong-order-signature";
/// Request header: the session key, 32 bytes in base64.
pub const SESSION_KEY_HEADER: &str = "x-ogong-session-key";
/// Bytes of a record at most; version 1 has 181.
pub const RECORD_BYTES_MAX: usize = 1 << 10;
/// Bytes of an encoded bundle at most.
pub const PROOF_BYTES_MAX: usize = 8 << 20;

/// A signed record, the key it is signed with, and the answer it binds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofBundle {
    /// Record bytes as signed (SPEC 3.9).
    pub record: Vec<u8>,
    /// Hybrid signature over `record`.
    pub signature: HybridSignature,
    /// The provider's key.
    pub public: NodePublic,
    /// Token ids of the answer, the end token among them.
    pub ids: Vec<u32>,
    /// The answer's raw text.
    pub raw_text: Vec<u8>,
}

/// The path that serves a reply's bundle.
pub fn proof_path(reply_id: &ReplyId) -> String {
    format!("/v1/replies/{reply_id}/proof")
}

impl Encode for ProofBundle {
    fn encode(&self, w: &mut Writer) {
        w.u8(VERSION).bytes(&self.record).put(&self.signature).put(&self.public);
        w.list(&self.ids, |w, id| {
            w.u32(*id);
        });
        w.bytes(&self.raw_text);
    }
}

impl Decode for ProofBundle {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let version = r.u8()?;
        if version != VERSION {
            return Err(DecodeError::invalid("proof version", version));
        }
        Ok(Self {
            record: r.bytes(RECORD_BYTES_MAX)?.to_vec(),
            signature: r.get()?,
            public: r.get()?,
            ids: r.list(ANSWER_TOKENS_MAX, Reader::u32)?,
            raw_text: r.bytes(RAW_TEXT_BYTES_MAX)?.to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ogong_base::{domain, keys::NodeKey};

    fn bundle() -> ProofBundle {
        let key = NodeKey::from_seeds([1; 32], [2; 32]);
        ProofBundle {
            record: vec![1; 181],
            signature: key.sign(domain::RECORD, &[1; 181]),
            public: key.public(),
            ids: vec![5, 6],
            raw_text: b"hi".to_vec(),
        }
    }

    #[test]
    fn a_bundle_reads_back() {
        let bundle = bundle();
        assert_eq!(ProofBundle::from_bytes(&bundle.to_bytes()), Ok(bundle));
        assert_eq!(proof_path(&ReplyId::from_bytes([10; 32])), format!("/v1/replies/{}/proof", "0a".repeat(32)));
    }

    #[test]
    fn every_truncation_and_another_version_is_an_error() {
        let bytes = bundle().to_bytes();
        for end in 0..bytes.len() {
            assert!(ProofBundle::from_bytes(&bytes[..end]).is_err(), "{end} bytes");
        }
        let other = [&[2], &bytes[1..]].concat();
        assert!(ProofBundle::from_bytes(&other).is_err());
    }
}
