//! One validator's verifiable random function: RFC 9381 ECVRF-EDWARDS25519-SHA512-TAI (SPEC 5.2).
//!
//! The library behind it reduces scalars modulo the group order when it decodes, so one proof would have several encodings.
//! The output does not depend on the encoding, but bytes that are hashed or compared must have one form: a proof that does
//! not encode back to its own bytes is refused here.

use std::fmt;

use ed25519_dalek::SigningKey;
use ogong_base::codec::{Decode, DecodeError, Encode, Reader, Writer};
use ogong_base::domain;
use ogong_base::hash::{NetworkId, tagged};
use ogong_base::units::Round;
use vrf_rfc9381::ec::edwards25519::EdVrfProof;
use vrf_rfc9381::ec::edwards25519::tai::{EdVrfEdwards25519TaiPublicKey, EdVrfEdwards25519TaiSecretKey};
use vrf_rfc9381::{Proof as _, Prover as _, Verifier as _};
use zeroize::Zeroizing;

use crate::Error;

/// Length of a proof: a point, a 16-byte challenge, a scalar.
pub const PROOF_BYTES: usize = 80;

/// What a proof hashes to, 64 bytes, unpredictable and unique for (key, round).
pub type VrfOutput = [u8; 64];

/// A validator's VRF secret, made from a 32-byte seed of its own (never the node key's).
pub struct VrfKey {
    secret: EdVrfEdwards25519TaiSecretKey,
    public: VrfPublic,
}

impl VrfKey {
    /// The key of a seed, as RFC 8032 derives it.
    ///
    /// # Errors
    /// [`Error::PublicKey`] if the library refuses the seed, which no 32-byte seed is known to cause.
    pub fn from_seed(seed: [u8; 32]) -> Result<Self, Error> {
        let seed = Zeroizing::new(seed);
        let secret = EdVrfEdwards25519TaiSecretKey::from_slice(seed.as_slice()).map_err(|_| Error::PublicKey)?;
        let public = VrfPublic(SigningKey::from_bytes(&seed).verifying_key().to_bytes());
        Ok(Self { secret, public })
    }

    /// The public half, registered on chain.
    pub fn public(&self) -> VrfPublic {
        self.public
    }

    /// The proof of this key for one round of one network.
    ///
    /// # Errors
    /// [`Error::Prove`] with negligible probability.
    pub fn prove(&self, network: NetworkId, round: Round) -> Result<VrfProof, Error> {
        self.prove_alpha(&round_alpha(network, round))
    }

    /// The proof over arbitrary bytes; rounds go through [`VrfKey::prove`].
    ///
    /// # Errors
    /// [`Error::Prove`] with negligible probability.
    pub fn prove_alpha(&self, alpha: &[u8]) -> Result<VrfProof, Error> {
        let pi = self.secret.prove(alpha).map_err(|_| Error::Prove)?.encode_to_pi();
        pi.try_into().map(VrfProof).map_err(|_| Error::Prove)
    }
}

impl fmt::Debug for VrfKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VrfKey").field("public", &self.public).finish_non_exhaustive()
    }
}

/// A validator's VRF public key, a compressed Edwards point.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VrfPublic(pub [u8; 32]);

impl VrfPublic {
    /// Checks a proof for one round and gives its output.
    ///
    /// # Errors
    /// [`Error::Proof`] or [`Error::PublicKey`].
    pub fn verify(&self, network: NetworkId, round: Round, proof: &VrfProof) -> Result<VrfOutput, Error> {
        verify_alpha(self, &round_alpha(network, round), proof)
    }
}

impl fmt::Debug for VrfPublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().take(4).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Encode for VrfPublic {
    fn encode(&self, w: &mut Writer) {
        w.raw(&self.0);
    }
}

impl Decode for VrfPublic {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.array().map(Self)
    }
}

/// The 80 bytes RFC 9381 calls `pi_string`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct VrfProof(pub [u8; PROOF_BYTES]);

impl fmt::Debug for VrfProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().take(4).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Encode for VrfProof {
    fn encode(&self, w: &mut Writer) {
        w.raw(&self.0);
    }
}

impl Decode for VrfProof {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.array().map(Self)
    }
}

/// Checks a proof over arbitrary bytes and gives its output.
///
/// # Errors
/// [`Error::Proof`] if the proof is malformed, not in its one encoding, or wrong; [`Error::PublicKey`] for a bad key.
pub fn verify_alpha(public: &VrfPublic, alpha: &[u8], proof: &VrfProof) -> Result<VrfOutput, Error> {
    let key = EdVrfEdwards25519TaiPublicKey::from_slice(&public.0).map_err(|_| Error::PublicKey)?;
    let decoded = EdVrfProof::decode_pi(&proof.0).map_err(|_| Error::Proof("not a point and two scalars"))?;
    if decoded.encode_to_pi() != proof.0 {
        return Err(Error::Proof("not in its canonical encoding"));
    }
    let output = key.verify(alpha, decoded).map_err(|_| Error::Proof("does not verify"))?;
    Ok(output.into())
}

/// What is proven: `H("ogong/v1/beacon/round", network ‖ u64 r)`.
fn round_alpha(network: NetworkId, round: Round) -> [u8; 32] {
    tagged(domain::BEACON_ROUND, &[network.as_bytes(), &round.0.to_le_bytes()])
}
