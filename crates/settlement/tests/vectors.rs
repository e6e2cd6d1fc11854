//! The frozen vectors of SPEC 9 (`spec/vectors/settlement.json`), computed apart from this code.

use ogong_base::{
    Encode,
    hash::{ChainKey, Hash32, NetworkId, RecordHash, ReplyId, VerdictHash},
};
use ogong_settlement::{
    digest::{Settlement, Vote},
    handlers,
    split::{Split, Terms},
};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vectors {
    spec: String,
    digests: Vec<DigestVector>,
    /// The chain's own tests check these.
    #[serde(rename = "batches")]
    _batches: Vec<serde_json::Value>,
    splits: Vec<SplitVector>,
    fees: Vec<FeeVector>,
    handlers: Vec<HandlerVector>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DigestVector {
    name: String,
    network: NetworkId,
    program: ChainKey,
    reply_id: ReplyId,
    record_hash: RecordHash,
    outcome: u8,
    verdict_hash: VerdictHash,
    round: u64,
    n_prompt: u32,
    n_billed: u32,
    n_counted: u32,
    payees: Vec<(ChainKey, u64)>,
    stake_epoch: u64,
    expiry_ms: u64,
    message: String,
    digest: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SplitVector {
    fee: u64,
    max_fee: u64,
    split_bps: [u16; 5],
    provider: u64,
    router: u64,
    validator: u64,
    reserve: u64,
    change: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FeeVector {
    n_prompt: u32,
    n_billed: u32,
    price_prompt: u64,
    price_completion: u64,
    max_fee: u64,
    fee: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HandlerVector {
    reply_id: ReplyId,
    validators: Vec<(ChainKey, u64)>,
    order: Vec<ChainKey>,
}

fn vectors() -> Vectors {
    let vectors: Vectors =
        serde_json::from_str(include_str!("../../../spec/vectors/settlement.json")).expect("the vectors parse");
    assert_eq!(vectors.spec, "9");
    vectors
}

#[test]
fn digests() {
    let digests = vectors().digests;
    assert!(!digests.is_empty());
    for vector in digests {
        let settlement = Settlement {
            network: vector.network,
            program: vector.program,
            reply_id: vector.reply_id,
            record_hash: vector.record_hash,
            outcome: vector.outcome,
            verdict_hash: vector.verdict_hash,
            round: vector.round,
            n_prompt: vector.n_prompt,
            n_billed: vector.n_billed,
            n_counted: vector.n_counted,
            payees: vector.payees,
            stake_epoch: vector.stake_epoch,
            expiry_ms: vector.expiry_ms,
        };
        assert_eq!(hex::encode(settlement.to_bytes()), vector.message, "{}", vector.name);
        assert_eq!(settlement.digest().to_string(), vector.digest, "{}", vector.name);
    }
}

#[test]
fn splits() {
    let splits = vectors().splits;
    assert!(!splits.is_empty());
    for vector in splits {
        let split = Split::of(vector.fee, vector.max_fee, &vector.split_bps).expect("valid");
        let SplitVector { provider, router, validator, reserve, change, .. } = vector;
        assert_eq!(split, Split { provider, router, validator, reserve, change });
    }
}

#[test]
fn fees() {
    let fees = vectors().fees;
    assert!(!fees.is_empty());
    for vector in fees {
        let FeeVector { price_prompt, price_completion, max_fee, .. } = vector;
        let terms = Terms { price_prompt, price_completion, max_fee };
        assert_eq!(terms.fee(vector.n_prompt, vector.n_billed), vector.fee);
    }
}

#[test]
fn handler_orders() {
    let orders = vectors().handlers;
    assert!(!orders.is_empty());
    for vector in orders {
        assert_eq!(handlers::order(&vector.reply_id, &vector.validators), vector.order);
    }
}

/// A vote as it is signed, tag and all: the bytes that the chain reads as evidence (SPEC 9.12).
#[test]
fn votes() {
    #[derive(Deserialize)]
    struct File {
        network: NetworkId,
        program: ChainKey,
        vote: VoteVector,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct VoteVector {
        reply_id: ReplyId,
        outcome: u8,
        verdict_hash: VerdictHash,
        digest: Hash32,
        message: String,
    }
    let file: File =
        serde_json::from_str(include_str!("../../../spec/vectors/chain-statements.json")).expect("the vectors parse");
    let VoteVector { reply_id, outcome, verdict_hash, digest, message } = file.vote;
    let vote = Vote { network: file.network, program: file.program, reply_id, outcome, verdict_hash, digest };
    let tag = ogong_base::domain::COSIGN.as_str();
    let length = u32::try_from(tag.len()).expect("short").to_le_bytes();
    let signed = [&length[..], tag.as_bytes(), &vote.to_bytes()].concat();
    assert_eq!(hex::encode(signed), message);
}
