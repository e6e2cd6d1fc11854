//! Frozen vectors of announcement, receipt, job, report and verdict. `OGONG_BLESS=1` writes the file again; a changed value
//! means a new protocol version.

mod world;

use std::path::PathBuf;

use ogong_audit::*;
use ogong_base::codec::{Decode, Encode};
use ogong_base::hash::{Hash32, NodeId, RecordHash, ReplyId, ReqHash, VerdictHash, sha256};
use ogong_base::units::{Round, UnixMillis};
use ogong_commitment::digest::Digest;
use ogong_commitment::sketch::Sketch;
use serde_json::{Value, json};
use world::*;

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../spec/vectors/audit.json")
}

fn announcement() -> Announcement {
    announce(7, Role::Verifier, 8, 9, class("a", true)).body
}

fn receipt() -> Receipt {
    Receipt {
        reply_id: ReplyId::from_bytes([0x11; 32]),
        record_hash: RecordHash::from_bytes([0x22; 32]),
        validator: node_key(40).node_id(),
        received: UnixMillis(ISSUED_MS + 20_000),
        round: Round(28_808),
    }
}

fn job() -> Job<'static> {
    Job {
        record_hash: RecordHash::from_bytes([0x22; 32]),
        req_hash: ReqHash::from_bytes([0x33; 32]),
        ids: &[1, 2, 70_000],
        windows: &[0],
        mode: Mode::Exact,
    }
}

fn report() -> Report {
    let sketches =
        (0..3u16).map(|i| Sketch(std::array::from_fn(|j| 0x3c00 + i * 64 + u16::try_from(j).expect("small"))));
    let tops =
        (0..3i16).map(|i| Digest { entries: (0..64u32).map(|j| (j * 1_000, -(i + 2_000 + j as i16 * 50))).collect() });
    Report {
        job: job().hash(),
        mode: Mode::Exact,
        class: class("a", true).class_hash(),
        n_prompt: 12,
        prompt_ids: Hash32::from_bytes([0x44; 32]),
        raw_text_sha256: sha256(b"raw text"),
        end_token_at: Some(2),
        stop_string_at: None,
        windows: vec![WindowReport { window: 0, sketches: sketches.collect(), tops: tops.collect() }],
        margins: vec![0, 31, 10_240],
    }
}

fn verdict() -> Verdict {
    Verdict {
        reply_id: ReplyId::from_bytes([0x11; 32]),
        record_hash: RecordHash::from_bytes([0x22; 32]),
        outcome: Outcome::Reject,
        reason: Reason::MarginMean,
        culprit: Culprit::Provider,
        round: Round(28_808),
        beacon: Hash32::from_bytes([0x55; 32]),
        marks: Marks::BOOTSTRAP.with(Marks::EXACT),
        scores: vec![
            Score { check: Check::SketchL2, value_ppm: 27_000, limit_ppm: 100_000 },
            Score { check: Check::MarginMean, value_ppm: 97_000, limit_ppm: 30_000 },
        ],
        windows: vec![0, 2, 3],
        verifiers: vec![NodeId::from_bytes([0x66; 32]), NodeId::from_bytes([0x77; 32])],
        reports: vec![report().hash(), Hash32::from_bytes([0x88; 32])],
    }
}

fn draws() -> Value {
    let (round, beacon, record) = (Round(28_808), Hash32::from_bytes([0x55; 32]), RecordHash::from_bytes([0x22; 32]));
    let draws = Draws::new(network(), round, beacon, record);
    json!({
        "network": network().to_hex(), "round": round.0, "beacon": beacon.to_hex(), "record_hash": record.to_hex(),
        "select": hex::encode(draws.select), "verifier": hex::encode(draws.verifier),
        "second": hex::encode(draws.second), "windows": hex::encode(draws.windows),
        "selected_at_500000_ppm": draws.is_selected(500_000), "windows_of_1000_tokens": draws.windows(1_000, 2),
    })
}

fn signed<T: Signable>(body: &T, key: u8) -> Value {
    // The ML-DSA half is randomised, so the signature's Ed25519 half and the key's hash stand for the whole.
    let key = node_key(key);
    let signature = key.sign(T::TAG, &body.to_bytes());
    json!({
        "bytes": hex::encode(body.to_bytes()), "tag": T::TAG.as_str(), "signer_node_id": key.node_id().to_hex(),
        "signer_ed25519": hex::encode(key.public().ed25519()), "signature_ed25519": hex::encode(signature.ed25519()),
    })
}

fn vectors() -> Value {
    json!({
        "announcement": signed(&announcement(), 7),
        "receipt": signed(&receipt(), 40),
        "draws": draws(),
        "job": { "hash": job().hash().to_hex() },
        "report": { "signed": signed(&report(), 7), "hash": report().hash().to_hex() },
        "verdict": { "bytes": hex::encode(verdict().to_bytes()), "hash": verdict().hash().to_hex() },
        "checks": Check::ALL.iter().map(|check| json!([*check as u8, check.name()])).collect::<Vec<_>>(),
        "reasons": Reason::ALL.iter().map(|reason| json!([reason.number(), reason.name()])).collect::<Vec<_>>(),
    })
}

fn frozen() -> Value {
    serde_json::from_slice(&std::fs::read(path()).expect("vector file")).expect("json")
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value["bytes"].as_str().expect("a hex string")).expect("hex")
}

#[test]
fn the_file_holds_what_the_code_computes() {
    if std::env::var_os("OGONG_BLESS").is_some() {
        let text = serde_json::to_string_pretty(&vectors()).expect("json") + "\n";
        std::fs::write(path(), text).expect("writable");
    }
    assert_eq!(frozen(), vectors());
}

#[test]
fn frozen_bytes_decode_to_their_values() {
    let frozen = frozen();
    assert_eq!(Announcement::from_bytes(&bytes(&frozen["announcement"])), Ok(announcement()));
    assert_eq!(Receipt::from_bytes(&bytes(&frozen["receipt"])), Ok(receipt()));
    assert_eq!(Report::from_bytes(&bytes(&frozen["report"]["signed"])), Ok(report()));
    let decoded = Verdict::from_bytes(&bytes(&frozen["verdict"])).expect("a verdict");
    assert_eq!(decoded, verdict());
    let hash = VerdictHash::from_hex(frozen["verdict"]["hash"].as_str().expect("a hex string"));
    assert_eq!(hash, Ok(decoded.hash()));
}

#[test]
fn bent_bytes_are_refused() {
    let verdict = verdict().to_bytes();
    // Version, outcome, reason, culprit, marks: values that do not exist.
    for at in [0, 65, 66, 68, 109] {
        let mut bent = verdict.clone();
        bent[at] = 0xff;
        assert!(Verdict::from_bytes(&bent).is_err(), "byte {at}");
    }
    let report = report().to_bytes();
    for at in [0, 33] {
        let mut bent = report.clone();
        bent[at] = 9;
        assert!(Report::from_bytes(&bent).is_err(), "byte {at}");
    }
    for cut in 0..report.len().min(400) {
        assert!(Report::from_bytes(&report[..cut]).is_err(), "cut at {cut}");
    }
    let mut long = receipt().to_bytes();
    long.push(0);
    assert!(Receipt::from_bytes(&long).is_err());
}
