//! Statements that nodes sign with their node keys and that the chain reads (SPEC 9.12, 9.13):
//! `bytes(tag) ‖ u8 1 ‖ hash network ‖ key program ‖ body`.

use crate::Address;
use crate::bytes::{Writer, tagged};

/// On which network and program a statement holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The config's network.
    pub network: [u8; 32],
    /// The program's address.
    pub program: Address,
}

impl Place {
    fn statement(&self, tag: &str) -> Writer {
        Writer::empty().bytes(tag.as_bytes()).u8(1).raw(&self.network).address(&self.program)
    }
}

/// A validator's vote on a reply: its hybrid co-signature (SPEC 9.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vote {
    /// Which reply.
    pub reply_id: [u8; 32],
    /// 1 accept, 2 not selected, 3 reject.
    pub outcome: u8,
    /// SPEC 5.7.
    pub verdict_hash: [u8; 32],
    /// Of the settlement that it is part of (SPEC 9.3).
    pub digest: [u8; 32],
}

/// A verifier's word on a job (SPEC 5.14).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word {
    /// SPEC 5.4.
    pub job: [u8; 32],
    /// Of its report.
    pub report_hash: [u8; 32],
    /// 1 accept, 3 reject.
    pub outcome: u8,
    /// Unix milliseconds.
    pub signed_ms: u64,
}

/// A router's answer to a query (SPEC 8.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// Hash of the query, which holds a nonce.
    pub query: [u8; 32],
    /// SPEC 1.5.
    pub model_root: [u8; 32],
    /// Node id.
    pub provider: [u8; 32],
    /// Atoms per 1,000 prompt and completion tokens.
    pub prices: [u64; 2],
    /// What the query allows at most.
    pub ceilings: [u64; 2],
    /// Unix milliseconds.
    pub issued_ms: u64,
}

/// A provider's answer to a liveness challenge (SPEC 9.13).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LivenessAnswer {
    /// The round that drew it.
    pub round: u64,
    /// The round's value.
    pub beacon: [u8; 32],
    /// Unix milliseconds.
    pub answered_ms: u64,
}

impl Vote {
    /// What the node key signs.
    pub fn message(&self, place: &Place) -> Vec<u8> {
        let head = place.statement("ogong/v1/settlement/cosign").raw(&self.reply_id).u8(self.outcome);
        head.raw(&self.verdict_hash).raw(&self.digest).finish()
    }
}

impl Word {
    /// What the node key signs.
    pub fn message(&self, place: &Place) -> Vec<u8> {
        let head = place.statement("ogong/v1/audit/word").raw(&self.job).raw(&self.report_hash);
        head.u8(self.outcome).u64(self.signed_ms).finish()
    }
}

impl Route {
    /// What the node key signs.
    pub fn message(&self, place: &Place) -> Vec<u8> {
        let head = place.statement("ogong/v1/net/route").raw(&self.query).raw(&self.model_root).raw(&self.provider);
        let numbers = self.prices.into_iter().chain(self.ceilings).chain([self.issued_ms]);
        numbers.fold(head, Writer::u64).finish()
    }
}

impl LivenessAnswer {
    /// What the node key signs.
    pub fn message(&self, place: &Place) -> Vec<u8> {
        let head = place.statement("ogong/v1/audit/liveness").u64(self.round).raw(&self.beacon);
        head.u64(self.answered_ms).finish()
    }

    /// Whether the round draws the provider, as the program decides it.
    pub fn is_drawn(&self, network: &[u8; 32], node_id: &[u8; 32]) -> bool {
        const PPM: u128 = 1_000_000;
        let message = Writer::empty().raw(network).u64(self.round).raw(&self.beacon).raw(node_id).finish();
        let [a, b, c, d, e, f, g, h, ..] = tagged("ogong/v1/audit/draw-liveness", &message);
        u128::from(u64::from_be_bytes([a, b, c, d, e, f, g, h])) * PPM < u128::from(crate::LIVENESS_PPM) << 64
    }

    /// What a quorum approves: `H("ogong/v1/settlement/liveness", …)`.
    pub fn digest(&self, place: &Place, provider: &Address, stake_epoch: u64) -> [u8; 32] {
        let head = Writer::empty().raw(&place.network).address(&place.program).u64(self.round).raw(&self.beacon);
        let message = head.u64(self.answered_ms).address(provider).u64(stake_epoch).finish();
        tagged("ogong/v1/settlement/liveness", &message)
    }
}

/// A planted audit (SPEC 9.12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Honeypot {
    /// SPEC 5.4.
    pub job: [u8; 32],
    /// The right answer: 1 accept or 3 reject.
    pub expected: u8,
    /// Random, so that nobody can try jobs out.
    pub salt: [u8; 32],
}

impl Honeypot {
    /// What is on chain before the audit: `H("ogong/v1/audit/honeypot", …)`.
    pub fn commitment(&self) -> [u8; 32] {
        tagged("ogong/v1/audit/honeypot", &Writer::empty().raw(&self.job).u8(self.expected).raw(&self.salt).finish())
    }
}

/// The hash of signed statements of one key, in the order in which they are verified: part of a case's address.
pub fn hash(key: &[u8; 32], messages: &[Vec<u8>]) -> [u8; 32] {
    use sha2::{Digest, Sha256};
    let hasher = messages.iter().fold(Sha256::new(), |hasher, message| hasher.chain_update(key).chain_update(message));
    hasher.finalize().into()
}

/// What a quorum approves to slash: `H("ogong/v1/settlement/slash", …)`.
pub fn slash_digest(place: &Place, case: &crate::account::Case, stake_epoch: u64) -> [u8; 32] {
    let head = Writer::empty().raw(&place.network).address(&place.program).u8(case.kind).address(&case.culprit);
    tagged("ogong/v1/settlement/slash", &head.raw(&case.subject).raw(&case.evidence).u64(stake_epoch).finish())
}

/// What a quorum approves of an epoch's emission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EmissionTerms {
    /// The epoch whose work is paid.
    pub epoch: u64,
    /// Atoms to providers, routers, validators, verifiers, and for liveness.
    pub amounts: [u64; 5],
    /// The epoch's sums: counted fees, those that left their payers, routes, audits, verifications, liveness answers.
    pub sums: [u64; 6],
    /// The epoch whose stake votes.
    pub stake_epoch: u64,
}

impl EmissionTerms {
    /// `H("ogong/v1/settlement/emission", …)`.
    pub fn digest(&self, place: &Place) -> [u8; 32] {
        let numbers = [self.epoch].into_iter().chain(self.amounts).chain(self.sums).chain([self.stake_epoch]);
        let head = Writer::empty().raw(&place.network).address(&place.program);
        tagged("ogong/v1/settlement/emission", &numbers.fold(head, Writer::u64).finish())
    }
}

/// `H("ogong/v1/base/node-id", public)`, SPEC 1.1.
pub fn node_id(public: &[u8]) -> [u8; 32] {
    tagged("ogong/v1/base/node-id", public)
}
