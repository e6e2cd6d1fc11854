//! Node keys and hybrid signatures (SPEC 1.1, 1.2), and the session key that signs orders (SPEC 2.2).
//!
//! A hybrid signature is Ed25519 ‖ ML-DSA-44 over the same tagged message `bytes(tag) ‖ m`; both must verify, so a
//! forger has to break both. ML-DSA runs with the empty context: the separation is in the message.

use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::domain::{self, Tag};
use crate::hash::{NodeId, tag_prefix, tagged};
use crate::params::{
    ED25519_PUBLIC_BYTES, ED25519_SIGNATURE_BYTES, HYBRID_SIGNATURE_BYTES, MLDSA_PUBLIC_BYTES, MLDSA_SIGNATURE_BYTES,
    NODE_PUBLIC_BYTES,
};
use aws_lc_rs::signature::{KeyPair, ML_DSA_44, ML_DSA_44_SIGNING, PqdsaKeyPair, UnparsedPublicKey};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use thiserror::Error;
use zeroize::Zeroizing;

/// Why a key or a signature does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The Ed25519 public key is no point of the curve.
    #[error("ed25519 public key is invalid")]
    Ed25519Key,
    /// The Ed25519 half does not verify.
    #[error("ed25519 signature does not verify")]
    Ed25519Signature,
    /// The ML-DSA-44 half does not verify.
    #[error("ml-dsa-44 signature does not verify")]
    MldsaSignature,
}

/// A node's hybrid secret key.
pub struct NodeKey {
    ed25519: SigningKey,
    mldsa: PqdsaKeyPair,
    seeds: Zeroizing<[u8; 64]>,
    public: NodePublic,
}

impl NodeKey {
    /// Makes a key from two seeds, Ed25519's and ML-DSA's.
    ///
    /// # Panics
    /// When the library refuses 32 bytes as an ML-DSA seed, which is a broken build.
    pub fn from_seeds(ed25519: [u8; 32], mldsa: [u8; 32]) -> Self {
        let mut seeds = Zeroizing::new([0; 64]);
        seeds[..32].copy_from_slice(&ed25519);
        seeds[32..].copy_from_slice(&mldsa);
        let mldsa = PqdsaKeyPair::from_seed(&ML_DSA_44_SIGNING, &mldsa).expect("invariant: any 32 bytes are a seed");
        let ed25519 = SigningKey::from_bytes(&ed25519);
        let mut bytes = Box::new([0; NODE_PUBLIC_BYTES]);
        bytes[..ED25519_PUBLIC_BYTES].copy_from_slice(ed25519.verifying_key().as_bytes());
        bytes[ED25519_PUBLIC_BYTES..].copy_from_slice(mldsa.public_key().as_ref());
        Self { ed25519, mldsa, seeds, public: NodePublic(bytes) }
    }

    /// Makes a key from randomness the caller brings.
    ///
    /// # Panics
    /// As [`NodeKey::from_seeds`].
    pub fn generate(mut fill: impl FnMut(&mut [u8])) -> Self {
        let mut seeds = Zeroizing::new([[0; 32]; 2]);
        fill(&mut seeds[0]);
        fill(&mut seeds[1]);
        Self::from_seeds(seeds[0], seeds[1])
    }

    /// Both seeds, for the key file: Ed25519's, then ML-DSA's.
    pub fn seeds(&self) -> Zeroizing<[u8; 64]> {
        self.seeds.clone()
    }

    /// The Ed25519 seed alone: the provider's on-chain identity where it has no account of its own.
    pub fn ed25519_seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.ed25519.to_bytes())
    }

    /// The public half.
    pub fn public(&self) -> NodePublic {
        self.public.clone()
    }

    /// Shorthand for the public half's id.
    pub fn node_id(&self) -> NodeId {
        self.public.node_id()
    }

    /// Signs `bytes(tag) ‖ message` with both keys.
    ///
    /// # Panics
    /// When the library fails to sign with a valid key, which is a broken build.
    pub fn sign(&self, tag: Tag, message: &[u8]) -> HybridSignature {
        let message = tagged_message(tag, message);
        let mut bytes = Box::new([0; HYBRID_SIGNATURE_BYTES]);
        bytes[..ED25519_SIGNATURE_BYTES].copy_from_slice(&self.ed25519.sign(&message).to_bytes());
        let written = self.mldsa.sign(&message, &mut bytes[ED25519_SIGNATURE_BYTES..]);
        assert_eq!(written.ok(), Some(MLDSA_SIGNATURE_BYTES), "invariant: a valid key signs");
        HybridSignature(bytes)
    }
}

impl fmt::Debug for NodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeKey({:?})", self.node_id())
    }
}

/// A node's public key: `ed25519 ‖ mldsa`, 1344 bytes.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct NodePublic(Box<[u8; NODE_PUBLIC_BYTES]>);

impl NodePublic {
    /// Wraps the raw bytes; whether they are good keys shows in [`NodePublic::verify`].
    pub fn from_raw(bytes: [u8; NODE_PUBLIC_BYTES]) -> Self {
        Self(Box::new(bytes))
    }

    /// The raw bytes.
    pub fn as_raw(&self) -> &[u8; NODE_PUBLIC_BYTES] {
        &self.0
    }

    /// The Ed25519 half.
    pub fn ed25519(&self) -> [u8; ED25519_PUBLIC_BYTES] {
        *self.0.first_chunk().expect("invariant: a public key starts with ed25519's")
    }

    /// The ML-DSA-44 half.
    pub fn mldsa(&self) -> [u8; MLDSA_PUBLIC_BYTES] {
        *self.0.last_chunk().expect("invariant: a public key ends with ml-dsa's")
    }

    /// `H("ogong/v1/base/node-id", public)`.
    pub fn node_id(&self) -> NodeId {
        NodeId::from_bytes(tagged(domain::NODE_ID, &[self.0.as_slice()]))
    }

    /// Holds both halves of a signature over `bytes(tag) ‖ message`.
    ///
    /// # Errors
    /// Names the half that failed.
    pub fn verify(&self, tag: Tag, message: &[u8], signature: &HybridSignature) -> Result<(), KeyError> {
        let message = tagged_message(tag, message);
        verify_ed25519(&self.ed25519(), &message, &signature.ed25519())?;
        verify_mldsa(&self.mldsa(), &message, signature.mldsa())
    }
}

impl fmt::Debug for NodePublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodePublic({:?})", self.node_id())
    }
}

/// Ed25519 ‖ ML-DSA-44 over one message, 2484 bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct HybridSignature(Box<[u8; HYBRID_SIGNATURE_BYTES]>);

impl HybridSignature {
    /// Wraps the raw bytes.
    pub fn from_raw(bytes: [u8; HYBRID_SIGNATURE_BYTES]) -> Self {
        Self(Box::new(bytes))
    }

    /// The raw bytes.
    pub fn as_raw(&self) -> &[u8; HYBRID_SIGNATURE_BYTES] {
        &self.0
    }

    /// The Ed25519 half.
    pub fn ed25519(&self) -> [u8; ED25519_SIGNATURE_BYTES] {
        *self.0.first_chunk().expect("invariant: a hybrid signature starts with ed25519's")
    }

    /// The ML-DSA-44 half.
    pub fn mldsa(&self) -> &[u8; MLDSA_SIGNATURE_BYTES] {
        self.0.last_chunk().expect("invariant: a hybrid signature ends with ml-dsa's")
    }
}

impl fmt::Debug for HybridSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HybridSignature({}…)", hex::encode(&self.0[..4]))
    }
}

macro_rules! raw_bytes {
    ($name:ident, $len:expr) => {
        impl Encode for $name {
            fn encode(&self, w: &mut Writer) {
                w.raw(self.0.as_slice());
            }
        }

        impl Decode for $name {
            fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
                Ok(Self(Box::new(r.array()?)))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(&hex::encode(self.0.as_slice()))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let mut bytes = Box::new([0; $len]);
                hex::decode_to_slice(String::deserialize(d)?, bytes.as_mut_slice())
                    .map_err(serde::de::Error::custom)?;
                Ok(Self(bytes))
            }
        }
    };
}

raw_bytes!(NodePublic, NODE_PUBLIC_BYTES);
raw_bytes!(HybridSignature, HYBRID_SIGNATURE_BYTES);

/// The escrow's session key: Ed25519 alone, signs one consumer's orders.
#[derive(Clone)]
pub struct SessionKey(SigningKey);

impl SessionKey {
    /// Makes a key from its seed.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(SigningKey::from_bytes(&seed))
    }

    /// The public half.
    pub fn public(&self) -> [u8; ED25519_PUBLIC_BYTES] {
        self.0.verifying_key().to_bytes()
    }

    /// Signs `bytes(tag) ‖ message`.
    pub fn sign(&self, tag: Tag, message: &[u8]) -> [u8; ED25519_SIGNATURE_BYTES] {
        self.0.sign(&tagged_message(tag, message)).to_bytes()
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionKey({}…)", hex::encode(&self.public()[..4]))
    }
}

/// Holds a session key's signature over `bytes(tag) ‖ message`.
///
/// # Errors
/// When the key is no curve point or the signature does not verify.
pub fn verify_session(
    public: &[u8; ED25519_PUBLIC_BYTES],
    tag: Tag,
    message: &[u8],
    signature: &[u8; ED25519_SIGNATURE_BYTES],
) -> Result<(), KeyError> {
    verify_ed25519(public, &tagged_message(tag, message), signature)
}

fn tagged_message(tag: Tag, message: &[u8]) -> Vec<u8> {
    let mut bytes = tag_prefix(tag);
    bytes.extend_from_slice(message);
    bytes
}

fn verify_ed25519(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> Result<(), KeyError> {
    let key = VerifyingKey::from_bytes(public).map_err(|_| KeyError::Ed25519Key)?;
    key.verify_strict(message, &Signature::from_bytes(signature)).map_err(|_| KeyError::Ed25519Signature)
}

fn verify_mldsa(public: &[u8], message: &[u8], signature: &[u8]) -> Result<(), KeyError> {
    UnparsedPublicKey::new(&ML_DSA_44, public).verify(message, signature).map_err(|_| KeyError::MldsaSignature)
}
