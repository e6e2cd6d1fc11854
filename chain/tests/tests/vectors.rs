//! The interface's settlement digest against the frozen vectors (SPEC 9.3); `settle` holds the program's against the
//! interface's.

use ogong_chain_interface::event::{Batch, Settlement};
use ogong_chain_interface::{Address, merkle};
use serde_json::Value;

fn hash(value: &Value) -> [u8; 32] {
    let hex = value.as_str().expect("hex");
    assert_eq!(hex.len(), 64, "32 bytes: {hex}");
    std::array::from_fn(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).expect("hex"))
}

fn key(value: &Value) -> Address {
    value.as_str().expect("base58").parse().expect("an address")
}

fn number(value: &Value) -> u64 {
    value.as_u64().expect("a number")
}

fn vectors() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../spec/vectors/settlement.json");
    let text = std::fs::read_to_string(path).expect("the vectors");
    serde_json::from_str(&text).expect("json")
}

#[test]
fn batches() {
    let file = vectors();
    let batches = file["batches"].as_array().expect("a list");
    assert!(!batches.is_empty());
    for vector in batches {
        let hashes = |list: &Value| list.as_array().expect("a list").iter().map(hash).collect::<Vec<_>>();
        let leaves = hashes(&vector["leaves"]);
        let root = merkle::root(&leaves);
        assert_eq!(root, hash(&vector["root"]));
        for (index, proof) in vector["proofs"].as_array().expect("a list").iter().enumerate() {
            assert_eq!(merkle::proof(&leaves, index), Some(hashes(proof)));
        }
        let batch = Batch {
            network: hash(&vector["network"]),
            program: key(&vector["program"]),
            root,
            count: u32::try_from(number(&vector["count"])).expect("u32"),
            fee_owner: key(&vector["fee_owner"]),
            stake_epoch: number(&vector["stake_epoch"]),
            expiry_ms: number(&vector["expiry_ms"]),
        };
        assert_eq!(batch.digest(), hash(&vector["digest"]));
    }
}

#[test]
fn settlement_digests() {
    let file = vectors();
    let digests = file["digests"].as_array().expect("a list");
    assert!(!digests.is_empty());
    for vector in digests {
        let payees = vector["payees"].as_array().expect("a list");
        let settlement = Settlement {
            network: hash(&vector["network"]),
            program: key(&vector["program"]),
            reply_id: hash(&vector["reply_id"]),
            record_hash: hash(&vector["record_hash"]),
            outcome: u8::try_from(number(&vector["outcome"])).expect("u8"),
            verdict_hash: hash(&vector["verdict_hash"]),
            round: number(&vector["round"]),
            n_prompt: u32::try_from(number(&vector["n_prompt"])).expect("u32"),
            n_billed: u32::try_from(number(&vector["n_billed"])).expect("u32"),
            n_counted: u32::try_from(number(&vector["n_counted"])).expect("u32"),
            payees: payees.iter().map(|payee| (key(&payee[0]), number(&payee[1]))).collect(),
            stake_epoch: number(&vector["stake_epoch"]),
            expiry_ms: number(&vector["expiry_ms"]),
        };
        assert_eq!(settlement.digest(), hash(&vector["digest"]), "{}", vector["name"]);
    }
}
