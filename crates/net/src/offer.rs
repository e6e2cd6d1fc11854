//! A provider's signed offer: which model it serves, at what price, and where (SPEC 1.4, 2.4).
//!
//! The provider signs it once; router and gateway pass the very bytes on. So neither can change a price, an endpoint or a payout key, and the gateway
//! checks the same signature the router checked.

use crate::wire::{RouteReply, Upsert};
use ogong_base::{
    codec::{Decode, DecodeError, Encode, Reader, Writer},
    domain,
    hash::{ChainKey, ClassHash, ConsensusId, Hash32, ModelRoot, NetworkId, NodeId},
    keys::{HybridSignature, KeyError, NodeKey, NodePublic},
    model_id::ModelId,
    params::VERSION,
};

/// Longest endpoint URL in bytes.
pub const URL_BYTES_MAX: usize = 256;
/// Longest machine name in bytes.
pub const MACHINE_BYTES_MAX: usize = 64;
/// Longest life of an offer: a price that is older was not confirmed by anyone lately.
pub const OFFER_LIFE_MS_MAX: u64 = 24 * 3_600_000;
/// Clocks of two honest nodes differ by less.
pub const CLOCK_SKEW_MS_MAX: u64 = 30_000;

/// What a provider offers, one model an offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The network it is offered on.
    pub network: NetworkId,
    /// The provider.
    pub node_id: NodeId,
    /// Certificate the provider presents over QUIC.
    pub consensus_id: ConsensusId,
    /// Short machine name (`--machine`), may be empty.
    pub machine: String,
    /// The model, tier included.
    pub model_id: ModelId,
    /// Hash of the files served under that name.
    pub model_root: ModelRoot,
    /// Numeric class of the engine.
    pub class_hash: ClassHash,
    /// Context length of one slot, tokens.
    pub n_ctx: u32,
    /// Requests served at once.
    pub slots: u32,
    /// Atoms per 1,000 prompt tokens.
    pub price_prompt: u64,
    /// Atoms per 1,000 answer tokens.
    pub price_completion: u64,
    /// `http://` or `https://` base URL of the consumer API, without a trailing slash; empty when only reachable by relay.
    pub endpoint: String,
    /// sha256 of the TLS certificate of an `https` endpoint that no public authority signed.
    pub tls_cert: Option<Hash32>,
    /// Where the provider's share of the fee goes.
    pub payout: ChainKey,
    /// Who owns the stake behind this provider.
    pub stake_owner: ChainKey,
    /// Stake claimed, atoms; the chain decides.
    pub stake: u64,
    /// Milliseconds since 1970.
    pub issued_ms: u64,
    /// Milliseconds since 1970.
    pub expires_ms: u64,
}

/// An offer as it travels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedOffer {
    /// Encoded [`Offer`].
    pub offer: Vec<u8>,
    /// Encoded [`NodePublic`].
    pub public: Vec<u8>,
    /// Encoded [`HybridSignature`].
    pub signature: Vec<u8>,
}

/// Why an offer does not hold.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OfferError {
    /// The offer, key or signature has the wrong form.
    #[error("offer is not well formed: {0}")]
    Decode(#[from] DecodeError),
    /// The signature does not hold.
    #[error("offer signature does not hold: {0}")]
    Signature(#[from] KeyError),
    /// Signed by another node than it names.
    #[error("offer names node {named} but is signed by {signer}")]
    WrongSigner {
        /// Node id in the offer.
        named: NodeId,
        /// Node id of the key.
        signer: NodeId,
    },
    /// Made for another network.
    #[error("offer is for network {got}, this is {expected}")]
    WrongNetwork {
        /// This network.
        expected: NetworkId,
        /// The offer's.
        got: NetworkId,
    },
    /// Not valid at this time.
    #[error("offer is valid from {issued_ms} to {expires_ms}, now is {now_ms}")]
    NotNow {
        /// Issue time.
        issued_ms: u64,
        /// Expiry.
        expires_ms: u64,
        /// The reader's clock.
        now_ms: u64,
    },
    /// A field cannot be so.
    #[error("offer field {field}: {why}")]
    Field {
        /// Field name.
        field: &'static str,
        /// What is wrong.
        why: &'static str,
    },
}

impl Offer {
    /// Signs the offer. The result does not verify unless `key` is the node the offer names.
    pub fn sign(&self, key: &NodeKey) -> SignedOffer {
        let offer = self.to_bytes();
        let signature = key.sign(domain::UPSERT, &offer).to_bytes();
        SignedOffer { offer, public: key.public().to_bytes(), signature }
    }

    /// The dearer of the two prices: what `--max-price` is held against.
    pub fn price_max(&self) -> u64 {
        self.price_prompt.max(self.price_completion)
    }

    fn check(&self, now_ms: u64) -> Result<(), OfferError> {
        let scheme = self.endpoint.starts_with("http://") || self.endpoint.starts_with("https://");
        if !(self.endpoint.is_empty() || scheme) {
            return Err(OfferError::Field { field: "endpoint", why: "neither http nor https" });
        }
        if self.slots == 0 || self.n_ctx == 0 {
            return Err(OfferError::Field { field: "slots", why: "no slot or no context" });
        }
        let life = self.expires_ms.saturating_sub(self.issued_ms);
        if life == 0 || life > OFFER_LIFE_MS_MAX {
            return Err(OfferError::Field { field: "expires_ms", why: "not within a day of issue" });
        }
        let begun = self.issued_ms <= now_ms.saturating_add(CLOCK_SKEW_MS_MAX);
        if !(begun && now_ms < self.expires_ms) {
            let (issued_ms, expires_ms) = (self.issued_ms, self.expires_ms);
            return Err(OfferError::NotNow { issued_ms, expires_ms, now_ms });
        }
        Ok(())
    }
}

impl SignedOffer {
    /// Checks form, signer, network and time, and returns the offer.
    ///
    /// # Errors
    /// The first check that fails.
    pub fn verify(&self, network: &NetworkId, now_ms: u64) -> Result<Offer, OfferError> {
        let offer = Offer::from_bytes(&self.offer)?;
        let public = NodePublic::from_bytes(&self.public)?;
        let signature = HybridSignature::from_bytes(&self.signature)?;
        let signer = public.node_id();
        if signer != offer.node_id {
            return Err(OfferError::WrongSigner { named: offer.node_id, signer });
        }
        if offer.network != *network {
            return Err(OfferError::WrongNetwork { expected: *network, got: offer.network });
        }
        offer.check(now_ms)?;
        public.verify(domain::UPSERT, &self.offer, &signature)?;
        Ok(offer)
    }
}

impl From<SignedOffer> for Upsert {
    fn from(signed: SignedOffer) -> Self {
        let SignedOffer { offer, public, signature } = signed;
        Self { offer, public, signature }
    }
}

impl From<Upsert> for SignedOffer {
    fn from(upsert: Upsert) -> Self {
        let Upsert { offer, public, signature } = upsert;
        Self { offer, public, signature }
    }
}

impl RouteReply {
    /// The provider's offer as the router passed it on.
    pub fn signed_offer(&self) -> SignedOffer {
        SignedOffer { offer: self.offer.clone(), public: self.public.clone(), signature: self.signature.clone() }
    }
}

impl Encode for Offer {
    fn encode(&self, w: &mut Writer) {
        w.u8(VERSION).put(&self.network).put(&self.node_id).put(&self.consensus_id);
        w.str(&self.machine).put(&self.model_id).put(&self.model_root).put(&self.class_hash);
        w.u32(self.n_ctx).u32(self.slots).u64(self.price_prompt).u64(self.price_completion);
        w.str(&self.endpoint).opt(self.tls_cert.as_ref(), |w, hash| {
            w.put(hash);
        });
        w.put(&self.payout).put(&self.stake_owner).u64(self.stake);
        w.u64(self.issued_ms).u64(self.expires_ms);
    }
}

impl Decode for Offer {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let version = r.u8()?;
        if version != VERSION {
            return Err(DecodeError::invalid("offer version", version));
        }
        Ok(Self {
            network: r.get()?,
            node_id: r.get()?,
            consensus_id: r.get()?,
            machine: r.str(MACHINE_BYTES_MAX)?.to_owned(),
            model_id: r.get()?,
            model_root: r.get()?,
            class_hash: r.get()?,
            n_ctx: r.u32()?,
            slots: r.u32()?,
            price_prompt: r.u64()?,
            price_completion: r.u64()?,
            endpoint: r.str(URL_BYTES_MAX)?.to_owned(),
            tls_cert: r.opt(Reader::get)?,
            payout: r.get()?,
            stake_owner: r.get()?,
            stake: r.u64()?,
            issued_ms: r.u64()?,
            expires_ms: r.u64()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_700_000_000_000;

    fn key(seed: u8) -> NodeKey {
        NodeKey::from_seeds([seed; 32], [seed ^ 0xff; 32])
    }

    fn offer(key: &NodeKey) -> Offer {
        Offer {
            network: NetworkId::from_bytes([1; 32]),
            node_id: key.node_id(),
            consensus_id: ConsensusId::from_bytes([2; 32]),
            machine: "attic".into(),
            model_id: "ogong/verified/huggingface/smollm2-135m".parse().expect("a model id"),
            model_root: ModelRoot::from_bytes([3; 32]),
            class_hash: ClassHash::from_bytes([4; 32]),
            n_ctx: 2048,
            slots: 4,
            price_prompt: 1_000,
            price_completion: 3_000,
            endpoint: "http://127.0.0.1:8080".into(),
            tls_cert: Some(Hash32::from_bytes([5; 32])),
            payout: ChainKey::from_bytes([6; 32]),
            stake_owner: ChainKey::from_bytes([7; 32]),
            stake: 0,
            issued_ms: NOW,
            expires_ms: NOW + 60_000,
        }
    }

    #[test]
    fn an_honest_offer_verifies_through_upsert_and_route() {
        let key = key(9);
        let signed = SignedOffer::from(Upsert::from(offer(&key).sign(&key)));
        let read = signed.verify(&NetworkId::from_bytes([1; 32]), NOW + 1).expect("it holds");
        assert_eq!(read, offer(&key));
        assert_eq!(read.price_max(), 3_000);
    }

    #[test]
    fn a_changed_price_breaks_the_signature() {
        let key = key(9);
        let mut signed = offer(&key).sign(&key);
        signed.offer = Offer { price_completion: 1, ..offer(&key) }.to_bytes();
        let error = signed.verify(&NetworkId::from_bytes([1; 32]), NOW).expect_err("forged");
        assert!(matches!(error, OfferError::Signature(_)), "{error}");
    }

    #[test]
    fn another_signer_network_or_time_is_refused() {
        let (mine, other) = (key(9), key(10));
        let network = NetworkId::from_bytes([1; 32]);
        let error = offer(&mine).sign(&other).verify(&network, NOW).expect_err("signer");
        assert!(matches!(error, OfferError::WrongSigner { .. }), "{error}");
        let signed = offer(&mine).sign(&mine);
        let error = signed.verify(&NetworkId::from_bytes([8; 32]), NOW).expect_err("network");
        assert!(matches!(error, OfferError::WrongNetwork { .. }), "{error}");
        for now in [NOW + 60_000, NOW - CLOCK_SKEW_MS_MAX - 1] {
            let error = signed.verify(&network, now).expect_err("time");
            assert!(matches!(error, OfferError::NotNow { .. }), "{error}");
        }
        signed.verify(&network, NOW - CLOCK_SKEW_MS_MAX).expect("skew is allowed");
    }

    #[test]
    fn impossible_fields_are_refused() {
        let key = key(9);
        let network = NetworkId::from_bytes([1; 32]);
        for bad in [
            Offer { endpoint: "ftp://x".into(), ..offer(&key) },
            Offer { slots: 0, ..offer(&key) },
            Offer { expires_ms: NOW + OFFER_LIFE_MS_MAX + 1, ..offer(&key) },
            Offer { expires_ms: NOW, ..offer(&key) },
        ] {
            let error = bad.sign(&key).verify(&network, NOW).expect_err("impossible");
            assert!(matches!(error, OfferError::Field { .. }), "{error}");
        }
    }

    #[test]
    fn every_truncation_is_an_error() {
        let bytes = offer(&key(9)).to_bytes();
        for end in 0..bytes.len() {
            assert!(Offer::from_bytes(&bytes[..end]).is_err(), "{end} bytes");
        }
    }
}
