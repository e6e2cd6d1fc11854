//! Something a node signed, with the key it signed under: receipt, report, announcement (SPEC 1.2, 5).

use ogong_base::codec::{Decode, DecodeError, Encode, Reader, Writer};
use ogong_base::domain::Tag;
use ogong_base::hash::NodeId;
use ogong_base::keys::{HybridSignature, KeyError, NodeKey, NodePublic};

/// A body with a domain tag of its own.
pub trait Signable: Encode + Decode {
    /// Tag of the signature.
    const TAG: Tag;
}

/// `body ‖ public (1344 B) ‖ signature (2484 B)`. Decoding does not verify.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed<T> {
    /// What was signed.
    pub body: T,
    /// The signer's key.
    pub public: NodePublic,
    /// Over the body's encoding.
    pub signature: HybridSignature,
}

impl<T: Signable> Signed<T> {
    /// Signs a body.
    pub fn sign(body: T, key: &NodeKey) -> Self {
        let signature = key.sign(T::TAG, &body.to_bytes());
        Self { body, public: key.public(), signature }
    }

    /// Holds the signature.
    ///
    /// # Errors
    /// Names the half that failed.
    pub fn verify(&self) -> Result<(), KeyError> {
        self.public.verify(T::TAG, &self.body.to_bytes(), &self.signature)
    }

    /// Who signed.
    pub fn node_id(&self) -> NodeId {
        self.public.node_id()
    }
}

impl<T: Signable> Encode for Signed<T> {
    fn encode(&self, w: &mut Writer) {
        w.put(&self.body).put(&self.public).put(&self.signature);
    }
}

impl<T: Signable> Decode for Signed<T> {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { body: r.get()?, public: r.get()?, signature: r.get()? })
    }
}

/// Reads the version byte every format starts with.
pub(crate) fn version(r: &mut Reader<'_>, what: &'static str) -> Result<(), DecodeError> {
    match r.u8()? {
        ogong_base::params::VERSION => Ok(()),
        other => Err(DecodeError::invalid(what, other)),
    }
}
