//! The statements that nodes sign for the chain, the digests that quorums approve and the emission curve, against the frozen
//! vectors (SPEC 9.12, 9.13). The program's writing of them is held against the interface's by each instruction's tests.

use crate::curve::curve;
use ogong_chain_interface::Address;
use ogong_chain_interface::account::Case;
use ogong_chain_interface::evidence::{
    EmissionTerms, Honeypot, LivenessAnswer, Place, Route, Vote, Word, slash_digest,
};
use serde_json::Value;

fn file() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../spec/vectors/chain-statements.json");
    serde_json::from_str(&std::fs::read_to_string(path).expect("the vectors")).expect("json")
}

fn bytes(value: &Value) -> Vec<u8> {
    let hex = value.as_str().expect("hex");
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex")).collect()
}

fn hash(value: &Value) -> [u8; 32] {
    bytes(value).try_into().expect("32 bytes")
}

fn key(value: &Value) -> Address {
    value.as_str().expect("base58").parse().expect("an address")
}

fn number(value: &Value) -> u64 {
    value.as_u64().or_else(|| value.as_str()?.parse().ok()).expect("a number")
}

fn byte(value: &Value) -> u8 {
    u8::try_from(number(value)).expect("a byte")
}

fn numbers<const N: usize>(value: &Value) -> [u64; N] {
    let list: Vec<u64> = value.as_array().expect("a list").iter().map(number).collect();
    list.try_into().expect("so many numbers")
}

#[test]
fn statements() {
    let file = file();
    let place = Place { network: hash(&file["network"]), program: key(&file["program"]) };
    let v = &file["vote"];
    let vote = Vote {
        reply_id: hash(&v["reply_id"]),
        outcome: byte(&v["outcome"]),
        verdict_hash: hash(&v["verdict_hash"]),
        digest: hash(&v["digest"]),
    };
    assert_eq!(vote.message(&place), bytes(&v["message"]), "vote");
    let v = &file["word"];
    let word = Word {
        job: hash(&v["job"]),
        report_hash: hash(&v["report_hash"]),
        outcome: byte(&v["outcome"]),
        signed_ms: number(&v["signed_ms"]),
    };
    assert_eq!(word.message(&place), bytes(&v["message"]), "word");
    let v = &file["route"];
    let route = Route {
        query: hash(&v["query"]),
        model_root: hash(&v["model_root"]),
        provider: hash(&v["provider"]),
        prices: numbers(&v["prices"]),
        ceilings: numbers(&v["ceilings"]),
        issued_ms: number(&v["issued_ms"]),
    };
    assert_eq!(route.message(&place), bytes(&v["message"]), "route");
    let v = &file["honeypot"];
    let honeypot = Honeypot { job: hash(&v["job"]), expected: byte(&v["expected"]), salt: hash(&v["salt"]) };
    assert_eq!(honeypot.commitment(), hash(&v["commitment"]), "honeypot");
}

#[test]
fn digests_that_quorums_approve() {
    let file = file();
    let place = Place { network: hash(&file["network"]), program: key(&file["program"]) };
    let v = &file["liveness"];
    let answer = LivenessAnswer {
        round: number(&v["round"]),
        beacon: hash(&v["beacon"]),
        answered_ms: number(&v["answered_ms"]),
    };
    assert_eq!(answer.message(&place), bytes(&v["message"]), "liveness message");
    assert_eq!(answer.digest(&place, &key(&v["provider"]), number(&v["stake_epoch"])), hash(&v["digest"]), "liveness");
    let first = number(&v["first_drawn_round"]);
    let node_id = hash(&v["node_id"]);
    for round in answer.round..=first {
        let drawn = LivenessAnswer { round, ..answer }.is_drawn(&place.network, &node_id);
        assert_eq!(drawn, round == first, "round {round}");
    }
    let v = &file["slash"];
    let case = Case {
        kind: byte(&v["kind"]),
        culprit: key(&v["culprit"]),
        subject: hash(&v["subject"]),
        evidence: hash(&v["evidence"]),
        accuser: Address::default(),
        opened_ms: 0,
        slashed_ms: 0,
        slashed: 0,
    };
    assert_eq!(slash_digest(&place, &case, number(&v["stake_epoch"])), hash(&v["digest"]), "slash");
    let v = &file["emission"];
    let terms = EmissionTerms {
        epoch: number(&v["epoch"]),
        amounts: numbers(&v["amounts"]),
        sums: numbers(&v["sums"]),
        stake_epoch: number(&v["stake_epoch"]),
    };
    assert_eq!(terms.digest(&place), hash(&v["digest"]), "emission");
}

#[test]
fn curve_and_shares() {
    let file = file();
    for v in file["curve"].as_array().expect("a list") {
        assert_eq!(curve::emitted(number(&v["elapsed_s"])), number(&v["emitted"]), "{v}");
    }
    for v in file["by_role"].as_array().expect("a list") {
        let parts = curve::by_role(number(&v["amount"]), number(&v["era"]));
        assert_eq!(parts, numbers::<5>(&v["atoms"]), "{v}");
        assert_eq!(parts.iter().sum::<u64>(), number(&v["amount"]), "{v}");
    }
}
