//! 32-byte names of things, one type each so that no two can be swapped (SPEC §0, §1).
//!
//! `H(tag, m) = sha256(bytes(tag) ‖ m)`; see [`tagged`].

use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::domain::{self, Tag};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use std::{fmt, str::FromStr};
use thiserror::Error;

/// A text is not the name it should be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ParseError {
    /// Not 64 hex digits.
    #[error("not 64 hex digits: {0:?}")]
    Hex(String),
    /// Not the base58 text of 32 bytes.
    #[error("not a base58 key of 32 bytes: {0:?}")]
    Base58(String),
    /// Not `ogong/<tier>/<maker>/<model>`.
    #[error("not a model id of the form ogong/<verified|tee>/<maker>/<model>: {0:?}")]
    ModelId(String),
}

/// Plain SHA-256, for file hashes and the places where an outside standard fixes the bytes.
pub fn sha256(data: &[u8]) -> [u8; 32] {
    Sha256::digest(data).into()
}

/// `H(tag, parts…) = sha256(bytes(tag) ‖ parts…)` (SPEC §0).
pub fn tagged(tag: Tag, parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(tag_prefix(tag));
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// `bytes(tag)`: what stands before every hashed or signed message.
pub fn tag_prefix(tag: Tag) -> Vec<u8> {
    let mut w = Writer::new();
    w.str(tag.as_str());
    w.finish()
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $to_text:expr, $from_text:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name([u8; 32]);

        impl $name {
            /// All zero bytes: "none" where a field cannot be left out.
            pub const ZERO: Self = Self([0; 32]);

            /// Wraps raw bytes.
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The raw bytes.
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }

            /// 64 lowercase hex digits.
            pub fn to_hex(&self) -> String {
                hex::encode(self.0)
            }

            /// Reads 64 hex digits.
            ///
            /// # Errors
            /// When the text is anything else.
            pub fn from_hex(text: &str) -> Result<Self, ParseError> {
                let mut bytes = [0; 32];
                hex::decode_to_slice(text, &mut bytes).map_err(|_| ParseError::Hex(text.to_owned()))?;
                Ok(Self(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&($to_text)(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({}…)", stringify!($name), ($to_text)(&self.0).chars().take(8).collect::<String>())
            }
        }

        impl FromStr for $name {
            type Err = ParseError;
            fn from_str(text: &str) -> Result<Self, ParseError> {
                ($from_text)(text).map(Self)
            }
        }

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }

        impl Encode for $name {
            fn encode(&self, w: &mut Writer) {
                w.raw(&self.0);
            }
        }

        impl Decode for $name {
            fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
                Ok(Self(r.array()?))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

macro_rules! hash_types {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        $(name_type!($(#[$doc])* $name, |b: &[u8; 32]| hex::encode(b), hex_bytes);)*
    };
}

hash_types! {
    /// A hash or nonce without a type of its own.
    Hash32,
    /// Hash of a node's hybrid public key (SPEC 1.1).
    NodeId,
    /// SHA-256 of a QUIC certificate, what peers pin (SPEC 1.3).
    ConsensusId,
    /// Hash of a network's name (SPEC 1.7).
    NetworkId,
    /// Hash of an order: names one reply for ever (SPEC 2.2).
    ReplyId,
    /// Hash of a frozen request body (SPEC 2.1).
    ReqHash,
    /// Hash of token ids and raw text (SPEC 2.5).
    RespHash,
    /// Hash over every file that makes a model's output (SPEC 1.5).
    ModelRoot,
    /// Merkle tree head over a reply's leaves (SPEC 3.8).
    CommitRoot,
    /// Hash of a record (SPEC 3.9).
    RecordHash,
    /// Hash of a numeric class (SPEC 1.6).
    ClassHash,
    /// Hash of a verdict (SPEC 5.7).
    VerdictHash,
    /// Hash of a verifier's job (SPEC 5.4).
    JobHash,
}

name_type!(
    /// A key or account address on the chain; written in base58.
    ChainKey, |b: &[u8; 32]| bs58::encode(b).into_string(), base58_bytes
);

impl NetworkId {
    /// Network id of a network's name (SPEC 1.7).
    pub fn of_name(name: &str) -> Self {
        let mut w = Writer::new();
        w.str(name);
        Self(tagged(domain::NETWORK, &[&w.finish()]))
    }
}

impl ConsensusId {
    /// Consensus id of a DER certificate (SPEC 1.3).
    pub fn of_certificate(der: &[u8]) -> Self {
        Self(sha256(der))
    }
}

fn hex_bytes(text: &str) -> Result<[u8; 32], ParseError> {
    Hash32::from_hex(text).map(|h| h.0)
}

fn base58_bytes(text: &str) -> Result<[u8; 32], ParseError> {
    let mut bytes = [0; 32];
    match bs58::decode(text).onto(&mut bytes) {
        Ok(32) => Ok(bytes),
        _ => Err(ParseError::Base58(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_and_base58_texts_round_trip() {
        let id = NodeId::from_bytes([0xab; 32]);
        assert_eq!(id.to_string(), "ab".repeat(32));
        assert_eq!(id.to_string().parse::<NodeId>(), Ok(id));
        assert_eq!(format!("{id:?}"), "NodeId(abababab…)");
        let key: ChainKey = "11111111111111111111111111111111".parse().expect("the system program");
        assert_eq!(key, ChainKey::ZERO);
        assert_eq!(serde_json::to_string(&key).expect("json"), "\"11111111111111111111111111111111\"");
    }

    #[test]
    fn short_long_and_foreign_texts_are_refused() {
        for text in ["", "ab", &"ab".repeat(33), &"zz".repeat(32)] {
            assert_eq!(text.parse::<NodeId>(), Err(ParseError::Hex(text.to_owned())));
        }
        for text in ["", "1", &"1".repeat(33), &"0".repeat(32), "0OIl"] {
            assert_eq!(text.parse::<ChainKey>(), Err(ParseError::Base58(text.to_owned())));
        }
    }

    #[test]
    fn the_tag_is_length_prefixed() {
        let mut message = vec![21, 0, 0, 0];
        message.extend_from_slice(b"ogong/v1/base/node-idxyz");
        assert_eq!(tagged(domain::NODE_ID, &[b"x", b"yz"]), sha256(&message));
    }
}
