//! The frozen vectors of SPEC §1–§4, computed anew. `cargo run -p ogong-commitment --example vectors -- --write` puts them
//! into `spec/vectors/`; the tests hold the files to them byte for byte.

use ogong_base::codec::Encode;
use ogong_base::{
    ChainKey, CommitRoot, Hash32, HybridSignature, ModelId, ModelRoot, NetworkId, NodeId, NodeKey, NumericClass,
    ReqHash, RespHash, SessionKey, domain, model_root, sha256,
};
use ogong_commitment::digest::{Digest, Scan, top64};
use ogong_commitment::leaf::{Header, Stop, WindowLeaf};
use ogong_commitment::order::{Order, seed};
use ogong_commitment::params::SamplingParams;
use ogong_commitment::record::Record;
use ogong_commitment::sampler::{Counts, choose, coin, margin, margin_steps};
use ogong_commitment::sketch::{Bank, Sketch};
use ogong_commitment::{drift, merkle, request, response};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Where the files stand.
pub fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/vectors")
}

/// Every file with its text.
pub fn all() -> Vec<(&'static str, String)> {
    let files = [
        ("node.json", node()),
        ("model.json", model()),
        ("order.json", order_file()),
        ("request.json", request_file()),
        ("response.json", response_file()),
        ("record.json", record_file()),
        ("header.json", header_file()),
        ("window.json", window_file()),
        ("sketch.json", sketch_file()),
        ("digest.json", digest_file()),
        ("coin.json", coin_file()),
        ("sampler.json", sampler_file()),
        ("margin.json", margin_file()),
        ("drift.json", drift_file()),
        ("merkle.json", merkle_file()),
    ];
    let text = |value: Value| serde_json::to_string_pretty(&value).expect("json") + "\n";
    files.map(|(name, value)| (name, text(value))).to_vec()
}

/// A file as it stands, where it does.
pub fn stored(name: &str) -> Option<Value> {
    serde_json::from_slice(&std::fs::read(directory().join(name)).ok()?).ok()
}

fn node_key() -> NodeKey {
    NodeKey::from_seeds([0x11; 32], [0x22; 32])
}

const NODE_MESSAGE: &[u8] = b"the message that is signed";

/// ML-DSA signing is hedged with fresh randomness, so a stored signature that holds is kept.
fn node() -> Value {
    let key = node_key();
    let stored: Option<HybridSignature> =
        stored("node.json").and_then(|file| serde_json::from_value(file["signature"].clone()).ok());
    let holds = |s: &HybridSignature| key.public().verify(domain::RECORD, NODE_MESSAGE, s).is_ok();
    let signature = stored.filter(holds).unwrap_or_else(|| key.sign(domain::RECORD, NODE_MESSAGE));
    json!({
        "spec": "1.1, 1.2",
        "ed25519_seed": hex::encode([0x11; 32]),
        "mldsa_seed": hex::encode([0x22; 32]),
        "public": key.public(),
        "node_id": key.node_id(),
        "tag": domain::RECORD.as_str(),
        "message": hex::encode(NODE_MESSAGE),
        "signature": signature,
    })
}

fn class() -> NumericClass {
    NumericClass {
        engine: "llama.cpp b12032".into(),
        backend: "cpu x86-64".into(),
        weight_format: "Q8_0".into(),
        kv_dtype: "f16".into(),
        flash_attention: true,
        exact: true,
    }
}

fn model() -> Value {
    let files = [sha256(b"weights"), sha256(b"tokenizer")];
    json!({
        "spec": "1.5, 1.6, 1.7",
        "files_sha256": files.map(hex::encode),
        "model_root": model_root(&files),
        "model_root_of_none": model_root(&[]),
        "class": class(),
        "class_bytes": hex::encode(class().to_bytes()),
        "class_hash": class().class_hash(),
        "network": "localnet",
        "network_id": NetworkId::of_name("localnet"),
    })
}

fn order() -> Order {
    Order {
        network: NetworkId::of_name("localnet"),
        program: ChainKey::from_bytes([1; 32]),
        nonce: Hash32::from_bytes([2; 32]),
        owner: ChainKey::from_bytes([3; 32]),
        provider: node_key().node_id(),
        router: NodeId::from_bytes([5; 32]),
        epoch: 7,
        model_id: "ogong/verified/smollm2/135m-instruct".parse::<ModelId>().expect("well formed"),
        model_root: model_root(&[sha256(b"weights")]),
        req_hash: request::req_hash(b"{}"),
        price_prompt: 1_000,
        price_completion: 3_000,
        max_fee: 1_000_000,
        max_tokens: 512,
        n_ctx: 4_096,
        issued_ms: 1_790_000_000_000,
        deadline_ms: 1_790_000_900_000,
    }
}

fn order_file() -> Value {
    let key = SessionKey::from_seed([0x33; 32]);
    let order = order();
    let fees = [(0, 1), (10, 3), (999, 999), (4_000, 500), (u32::MAX, u32::MAX)];
    json!({
        "spec": "2.2, 2.3, 2.4",
        "order": order,
        "bytes": hex::encode(order.to_bytes()),
        "reply_id": order.reply_id(),
        "seed": hex::encode(seed(order.reply_id())),
        "session_seed": hex::encode([0x33; 32]),
        "session_public": hex::encode(key.public()),
        "signature": hex::encode(order.sign(&key)),
        "fees": fees.map(|(p, c)| json!({"n_prompt": p, "n_billed": c, "fee": order.fee(p, c)})),
    })
}

fn request_file() -> Value {
    let bodies = [
        r#"{ "model": "m", "user": "someone", "messages": [ {"role":"user","content":"hi"} ], "temperature": 0.70 }"#,
        r#"{"top_p":0.99995,"top_k":0,"min_p":5e-2,"presence_penalty":-0.00015,"frequency_penalty":1.99995}"#,
        r#"{"temperature":0.00005,"max_tokens":7,"max_completion_tokens":9,"stop":["\n","END"]}"#,
        r#"{"store":false,"metadata":{"a":1},"safety_identifier":"x","temperature":0,"stop":"ü","n":1}"#,
    ];
    let refused = [
        r#"{"n":2}"#,
        r#"{"temperature":2.0001}"#,
        r#"{"top_p":0.00005}"#,
        r#"{"seed":1}"#,
        r#"{"tools":[{}]}"#,
        r#"{"stop":["a","b","c","d","e"]}"#,
        r#"{"logit_bias":{"1":1}}"#,
        r#"{"mirostat":1}"#,
        r#"{"a_new_sampler":1}"#,
        r#"{"temperature":1,"temperature":1}"#,
    ];
    let case = |body: &str| {
        let frozen = request::freeze(body.as_bytes()).expect("a good body");
        let params = SamplingParams::from_body(&frozen, 100).expect("canonical");
        json!({
            "body": body,
            "frozen": String::from_utf8_lossy(&frozen),
            "req_hash": request::req_hash(&frozen),
            "order_max_tokens": 100,
            "params": hex::encode(params.to_bytes()),
        })
    };
    let refusal = |body: &str| {
        let refusal = SamplingParams::from_body(body.as_bytes(), 100).expect_err(body);
        json!({"body": body, "member": refusal.member(), "message": refusal.to_string()})
    };
    json!({"spec": "2.1, 3.3", "cases": bodies.map(case), "refused": refused.map(refusal)})
}

fn response_file() -> Value {
    let (ids, raw): (&[u32], &[u8]) = (&[1, 2, 70_000, 2], b"one two END three");
    let stops = [b"END".to_vec(), b"three".to_vec()];
    let cut = response::cut_at_stop(raw, &stops);
    json!({
        "spec": "2.5, 3.2",
        "ids": ids,
        "raw": hex::encode(raw),
        "stop": ["END", "three"],
        "raw_text": hex::encode(cut),
        "resp_hash": response::resp_hash(ids, cut),
        "prompt_ids_hash": response::prompt_ids_hash(ids),
        "no_ids_hash": response::prompt_ids_hash(&[]),
    })
}

fn record_file() -> Value {
    let record = Record {
        reply_id: order().reply_id(),
        req_hash: ReqHash::from_bytes([1; 32]),
        resp_hash: RespHash::from_bytes([2; 32]),
        model_root: ModelRoot::from_bytes([3; 32]),
        commit_root: CommitRoot::from_bytes([4; 32]),
        n_tokens: 77,
        t0_ms: 1_790_000_000_123,
        t1_ms: 1_790_000_001_456,
    };
    json!({
        "spec": "3.9",
        "record": record,
        "bytes": hex::encode(record.to_bytes()),
        "record_hash": record.record_hash(),
    })
}

fn header_file() -> Value {
    let body = br#"{"temperature":0.7,"top_p":0.9,"stop":["\n\n"]}"#;
    let params = SamplingParams::from_body(body, 512).expect("canonical");
    let case = |stop: Stop, name: &str| {
        let header = Header {
            n_prompt: 5,
            prompt_ids: response::prompt_ids_hash(&[1, 2, 3, 4, 5]),
            n_tokens: 33,
            class: class().class_hash(),
            params: params.clone(),
            stop,
        };
        json!({"stop": name, "bytes": hex::encode(header.to_bytes())})
    };
    json!({
        "spec": "3.2",
        "n_prompt": 5,
        "prompt_ids": [1, 2, 3, 4, 5],
        "n_tokens": 33,
        "class": class(),
        "body": String::from_utf8_lossy(body),
        "order_max_tokens": 512,
        "headers": [
            case(Stop::EndToken, "end token"),
            case(Stop::StopString, "stop string"),
            case(Stop::Length, "length"),
        ],
    })
}

fn window_file() -> Value {
    let bank = Bank::new(32).expect("a good width");
    let sketch = |i: u64| bank.project(&floats(i, 32, 8.0)).expect("finite");
    let digest = |i: u64| Digest::from_logits(&floats(i, 300, 24.0)).expect("finite");
    let leaf = WindowLeaf {
        index: 1,
        ids: vec![3, 200, 70_000],
        sketches: (0..3).map(sketch).collect(),
        digests: (0..3).map(digest).collect(),
    };
    json!({
        "spec": "3.4",
        "index": leaf.index,
        "ids": leaf.ids,
        "sketches": leaf.sketches.iter().map(|s| hex::encode(s.to_bytes())).collect::<Vec<_>>(),
        "digests": leaf.digests.iter().map(|d| json!(d.entries)).collect::<Vec<_>>(),
        "bytes": hex::encode(leaf.to_bytes()),
    })
}

fn sketch_file() -> Value {
    let case = |(d, scale): (usize, f32)| {
        let bank = Bank::new(d).expect("a good width");
        let hidden = floats(d as u64, d, scale);
        let sketch: Sketch = bank.project(&hidden).expect("finite");
        json!({
            "d": d,
            "first_signs": bank.row(0).iter().take(16).collect::<Vec<_>>(),
            "bank_sha256": hex::encode(sha256(&(0..64).flat_map(|j| bank.row(j).iter().map(|s| *s as u8)).collect::<Vec<_>>())),
            "hidden_f32_le": hex_floats(&hidden),
            "sketch": hex::encode(sketch.to_bytes()),
        })
    };
    let cases = [(1, 1.0), (7, 0.001), (64, 30.0), (576, 8.0), (64, 20_000.0)];
    json!({"spec": "3.5", "bank": 1, "cases": cases.map(case)})
}

fn digest_file() -> Value {
    let case = |(n, spread): (usize, f32)| {
        let logits = floats(n as u64 + spread as u64, n, spread);
        let top = top64(&logits).expect("finite");
        json!({
            "logits_f32_le": hex_floats(&logits),
            "lse_f64_bits": format!("{:016x}", Scan::new(&logits).expect("finite").lse.to_bits()),
            "uncut": top.entries,
            "digest": top.cut().entries,
            "bytes": hex::encode(top.cut().to_bytes()),
        })
    };
    let cases = [(8, 2.0), (64, 0.0), (65, 1.0), (300, 24.0), (300, 60.0), (515, 8.0)];
    json!({"spec": "3.6", "cases": cases.map(case)})
}

fn coin_file() -> Value {
    let seed = seed(order().reply_id());
    let pairs = [(0, 0), (0, 1), (1, 0), (31, 49_151), (1_000_000, 7), (u32::MAX, u32::MAX)];
    let case =
        |(t, id): (u32, u32)| json!({"t": t, "id": id, "g_f64_bits": format!("{:016x}", coin(&seed, t, id).to_bits())});
    json!({"spec": "4.3", "seed": hex::encode(seed), "coins": pairs.map(case)})
}

fn settings() -> Vec<SamplingParams> {
    let mut all = Vec::new();
    for temperature in [0, 1_000, 7_000, 10_000, 15_000] {
        for top_p in [5_000, 9_000, 10_000] {
            for (top_k, min_p) in [(64, 0), (5, 0), (64, 500), (20, 1_000)] {
                for (presence, frequency) in [(0, 0), (5_000, 3_000), (-2_500, -1_000)] {
                    all.push(SamplingParams {
                        temperature,
                        top_p,
                        min_p,
                        top_k,
                        presence,
                        frequency,
                        max_tokens: 16,
                        stop: Vec::new(),
                    });
                }
            }
        }
    }
    all
}

fn sampler_file() -> Value {
    let seed = seed(order().reply_id());
    let digests: Vec<Digest> = [(1, 20.0), (2, 40.0), (3, 6.0)]
        .map(|(i, s)| Digest::from_logits(&floats(i, 120, s)).expect("finite"))
        .to_vec();
    let case = |params: SamplingParams| {
        let mut counts = Counts::default();
        let ids: Vec<Option<u32>> = (0..16)
            .zip(digests.iter().cycle())
            .map(|(t, digest)| {
                let id = choose(digest, &params, &counts, &seed, t);
                id.iter().for_each(|id| counts.add(*id));
                id
            })
            .collect();
        json!({"params": hex::encode(params.to_bytes()), "ids": ids})
    };
    json!({
        "spec": "4.1-4.5",
        "seed": hex::encode(seed),
        "digests": digests.iter().map(|d| json!(d.entries)).collect::<Vec<_>>(),
        "rule": "token t draws from digest t mod 3; penalties count the tokens before it",
        "cases": settings().into_iter().map(case).collect::<Vec<_>>(),
    })
}

fn margin_file() -> Value {
    let seed = seed(order().reply_id());
    let logits = floats(11, 200, 16.0);
    let top: Vec<u32> = top64(&logits).expect("finite").entries.iter().map(|(id, _)| *id).collect();
    let claimed = [top[0], top[1], top[4], top[20], top[63], 199];
    let counts = Counts::of(&[top[0], top[0], top[4]]);
    let case = |params: SamplingParams| {
        let of = |id: &u32| margin_steps(margin(&logits, *id, &params, &counts, &seed, 3).expect("finite"));
        json!({"params": hex::encode(params.to_bytes()), "margins": claimed.iter().map(of).collect::<Vec<_>>()})
    };
    json!({
        "spec": "4.7",
        "seed": hex::encode(seed),
        "t": 3,
        "logits_f32_le": hex_floats(&logits),
        "earlier_ids": [top[0], top[0], top[4]],
        "claimed": claimed,
        "cases": settings().into_iter().step_by(7).map(case).collect::<Vec<_>>(),
    })
}

fn drift_file() -> Value {
    let bank = Bank::new(64).expect("a good width");
    let sketches = |i: u64| (0..3).map(|k| bank.project(&floats(i + k, 64, 8.0)).expect("finite")).collect::<Vec<_>>();
    let digests =
        |i: u64, spread: f32| (0..3).map(|k| top64(&floats(i + k, 200, spread)).expect("finite")).collect::<Vec<_>>();
    let (c, v) = (sketches(1), sketches(2));
    let (cd, vd) = (digests(5, 20.0).iter().map(Digest::cut).collect::<Vec<_>>(), digests(5, 21.0));
    let (ks, tv) = (drift::window_ks(&cd, &vd), drift::window_tv(&cd, &vd));
    let bytes = |sketches: &[Sketch]| sketches.iter().map(|s| hex::encode(s.to_bytes())).collect::<Vec<_>>();
    let entries = |digests: &[Digest]| digests.iter().map(|d| json!(d.entries)).collect::<Vec<_>>();
    json!({
        "spec": "3.5, 3.7",
        "committed_sketches": bytes(&c),
        "verifier_sketches": bytes(&v),
        "l2_ppm": drift::to_ppm(drift::window_l2(&c, &v)),
        "committed_digests": entries(&cd),
        "verifier_digests": entries(&vd),
        "ks_mean_ppm": drift::to_ppm(ks.mean),
        "ks_worst_ppm": drift::to_ppm(ks.worst),
        "tv_mean_ppm": drift::to_ppm(tv.mean),
        "tv_worst_ppm": drift::to_ppm(tv.worst),
    })
}

fn merkle_file() -> Value {
    let case = |n: usize| {
        let leaves: Vec<Vec<u8>> = (0..n).map(|i| vec![i as u8; i + 1]).collect();
        let index = n / 2;
        let proof = merkle::prove(&leaves, index).expect("in the tree");
        json!({
            "leaves": leaves.iter().map(hex::encode).collect::<Vec<_>>(),
            "root": merkle::root(&leaves),
            "index": index,
            "proof": proof.0.iter().map(hex::encode).collect::<Vec<_>>(),
            "proof_bytes": hex::encode(proof.to_bytes()),
        })
    };
    let sizes = [1, 2, 3, 5, 8, 9];
    json!({"spec": "3.8", "cases": sizes.map(case)})
}

/// Deterministic numbers in ±scale/2, a few of them far out: exact in f32, so that no library has a say.
fn floats(start: u64, n: usize, scale: f32) -> Vec<f32> {
    let mut state = start.wrapping_mul(2).wrapping_add(1);
    (0..n)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let unit = (state >> 40) as f32 / (1u32 << 24) as f32 - 0.5;
            unit * unit * unit * 4.0 * scale
        })
        .collect()
}

fn hex_floats(values: &[f32]) -> String {
    hex::encode(values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>())
}
