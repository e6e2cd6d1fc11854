//! What the tests share: the model, requests, and an audit of a reply as a validator would do it.
#![allow(dead_code, reason = "each test file uses a part")]

pub mod gguf;
pub mod server;
pub mod tiny;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use ogong_base::hash::{Hash32, ReplyId, sha256};
use ogong_base::params::{
    KS_LIMIT_PPM, KS_POSITION_LIMIT_PPM, L2_LIMIT_PPM, MARGIN_MEAN_LIMIT_PPM, MARGIN_POSITION_LIMIT_PPM,
    MARGIN_STEPS_PER_NAT,
};
use ogong_commitment::builder::Trajectory;
use ogong_commitment::digest::Digest;
use ogong_commitment::leaf::WindowLeaf;
use ogong_commitment::sketch::Sketch;
use ogong_commitment::{drift, order, response, sampler};
use ogong_engine::wire::{OrderLimits, ScoreMode, ScoreReply, ScoreRequest};
use ogong_text::{Engine, EngineConfig};

/// The model that a package carries.
const SHIPPED: &str = "SmolLM2-135M-Instruct.Q4_1.gguf";

/// Where `cargo xtask setup` leaves models.
pub fn models() -> PathBuf {
    if let Some(cache) = std::env::var_os("OGONG_CACHE") {
        return PathBuf::from(cache).join("models");
    }
    let cache = std::env::var_os("XDG_CACHE_HOME").filter(|dir| !dir.is_empty()).map(PathBuf::from);
    let cache = cache.or_else(|| std::env::home_dir().map(|home| home.join(".cache"))).expect("a home directory");
    cache.join("ogong").join("models")
}

/// The shipped model in another weight format, made with llama.cpp's own quantiser if it is not there.
pub fn model(format: &str) -> PathBuf {
    let shipped = models().join(SHIPPED);
    assert!(shipped.is_file(), "{} is missing; hint: run `cargo xtask setup`", shipped.display());
    let path = models().join(SHIPPED.replace("Q4_1", format));
    if !path.is_file() {
        let unfinished = path.with_extension(format!("{}.part", std::process::id()));
        ogong_text::quantize::quantize(&shipped, &unfinished, format, 1).expect("quantise");
        std::fs::rename(&unfinished, &path).expect("rename");
    }
    path
}

/// MiniLM, converted from the package that carries it if it is not there.
pub fn minilm() -> PathBuf {
    let path = models().join("all-MiniLM-L6-v2.F32.gguf");
    if !path.is_file() {
        let unfinished = path.with_extension(format!("{}.part", std::process::id()));
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/minilm_to_gguf.py");
        let status = std::process::Command::new("python3").arg(script).arg(&unfinished).status().expect("python3");
        assert!(status.success(), "{script} failed; hint: it needs pip and, once, the package index");
        std::fs::rename(&unfinished, &path).expect("rename");
    }
    path
}

/// An engine as the tests run it: one thread, short contexts.
pub fn config(format: &str) -> EngineConfig {
    EngineConfig { n_ctx: 1536, threads: 1, ..EngineConfig::new(model(format)) }
}

/// A loaded engine.
pub fn engine(format: &str) -> Engine {
    Engine::load(&config(format)).expect("engine")
}

/// A chat body.
pub fn body(prompt: &str, sampling: &str) -> Bytes {
    let prompt = serde_json::to_string(prompt).expect("json");
    format!(r#"{{"model":"ogong/verified/smollm2/135m-instruct","messages":[{{"role":"user","content":{prompt}}}]{sampling}}}"#).into()
}

/// A reply's name.
pub fn reply_id(n: u8) -> ReplyId {
    ReplyId::from_bytes([n; 32])
}

/// What the order says.
pub fn limits(max_tokens: u32) -> OrderLimits {
    OrderLimits { issued_ms: 1_700_000_000_000, max_tokens, n_ctx: 1536 }
}

/// A committed reply with what it answered.
pub struct Reply {
    pub id: ReplyId,
    pub body: Bytes,
    pub limits: OrderLimits,
    pub trajectory: Arc<Trajectory>,
}

/// Generates a committed reply.
pub fn commit(engine: &Engine, n: u8, body: Bytes, max_tokens: u32) -> Reply {
    let (id, limits) = (reply_id(n), limits(max_tokens));
    let trajectory = engine.generate_committed(body.clone(), id, limits).expect("a committed reply");
    Reply { id, body, limits, trajectory }
}

/// What an audit measured, the worst over windows and positions.
#[derive(Debug, Default, Clone, Copy)]
pub struct Measured {
    pub l2: f64,
    pub ks: f64,
    pub ks_position: f64,
    pub margin_mean: f64,
    pub margin_max: f64,
    /// Positions at the cap or near it: a cut of the verifier's took out an honest token.
    pub capped: usize,
}

impl Measured {
    /// Whether SPEC 5.5 would let it pass.
    pub fn passes(&self, n_tokens: usize) -> bool {
        let within = |score: f64, limit: u64| drift::to_ppm(score) <= limit;
        within(self.l2, L2_LIMIT_PPM)
            && within(self.ks, KS_LIMIT_PPM)
            && within(self.ks_position, KS_POSITION_LIMIT_PPM)
            && within(self.margin_max, MARGIN_POSITION_LIMIT_PPM)
            && (n_tokens < 64 || within(self.margin_mean, MARGIN_MEAN_LIMIT_PPM))
    }
}

/// Asks for a score of every window.
pub fn score(engine: &Engine, reply: &Reply, mode: ScoreMode) -> ScoreReply {
    let windows = (0..u32::try_from(reply.trajectory.leaves.len()).expect("few")).collect();
    let request = ScoreRequest::new(reply.id, &reply.body, &reply.trajectory.ids, windows, mode, reply.limits);
    engine.score(&request).expect("a score")
}

/// Checks everything that needs no numbers: replay, header derivation, hashes.
pub fn check_bindings(reply: &Reply, score: &ScoreReply) {
    let trajectory = &reply.trajectory;
    let seed = order::seed(reply.id);
    for leaf in &trajectory.leaves {
        sampler::replay(leaf, &trajectory.header.params, &seed, &trajectory.ids).expect("the window replays");
        leaf.check(leaf.index, &trajectory.ids, 49_152).expect("a well-formed leaf");
    }
    assert_eq!(score.n_prompt, trajectory.header.n_prompt);
    assert_eq!(score.prompt_ids_hash, trajectory.header.prompt_ids);
    assert_eq!(score.raw_text_sha256, Hash32::from_bytes(sha256(&trajectory.raw_text)));
    assert_eq!(score.class.class_hash(), trajectory.header.class);
    assert_eq!(trajectory.resp_hash(), response::resp_hash(&trajectory.ids, &trajectory.raw_text));
    let params =
        ogong_commitment::params::SamplingParams::from_body(&reply.body, reply.limits.max_tokens).expect("params");
    assert_eq!(trajectory.header.params, params);
}

/// Measures drift and margins as SPEC 3.5, 3.7 and 4.7 define them.
pub fn measure(reply: &Reply, score: &ScoreReply) -> Measured {
    let mut measured = Measured::default();
    for (leaf, window) in reply.trajectory.leaves.iter().zip(&score.windows) {
        assert_eq!(leaf.index, window.window);
        let (sketches, tops): (Vec<Sketch>, Vec<Digest>) = window.unpack().expect("numbers");
        let ks = drift::window_ks(&leaf.digests, &tops);
        measured.l2 = measured.l2.max(drift::window_l2(&leaf.sketches, &sketches));
        measured.ks = measured.ks.max(ks.mean);
        measured.ks_position = measured.ks_position.max(ks.worst);
    }
    let margins: Vec<f64> =
        score.margin_list().expect("margins").iter().map(|m| f64::from(*m) / f64::from(MARGIN_STEPS_PER_NAT)).collect();
    assert_eq!(margins.len(), reply.trajectory.ids.len());
    measured.margin_mean = margins.iter().sum::<f64>() / margins.len() as f64;
    measured.margin_max = margins.iter().copied().fold(0.0, f64::max);
    measured.capped = margins.iter().filter(|margin| **margin > 9.9).count();
    measured
}

/// The leaves that a score's numbers make.
pub fn recomputed(reply: &Reply, score: &ScoreReply) -> Vec<WindowLeaf> {
    let leaf = |window: &ogong_engine::wire::WindowScore| {
        let (sketches, tops) = window.unpack().expect("numbers");
        let ids = reply.trajectory.leaves[window.window as usize].ids.clone();
        WindowLeaf { index: window.window, ids, sketches, digests: tops.iter().map(Digest::cut).collect() }
    };
    score.windows.iter().map(leaf).collect()
}

/// Text of some length, so that prompts cross chunk boundaries.
pub fn long_text(words: usize) -> String {
    let vocabulary =
        ["river", "stone", "engine", "market", "window", "letter", "garden", "signal", "copper", "winter", "measure"];
    (0..words).map(|i| vocabulary[(i * i + 3 * i) % vocabulary.len()]).collect::<Vec<_>>().join(" ")
}

/// A path in a temporary directory.
pub fn file(dir: &Path, name: &str, content: &[u8]) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, content).expect("write");
    path
}
