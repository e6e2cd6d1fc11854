//! A world small enough to compute in a test: a made-up model of 500 tokens and 64 hidden values, and everything around it
//! real: orders, sampling, sketches, leaves, signatures, rounds, draws, reports.
//!
//! [`Case::run`] is a handling validator: it asks [`decide`] what is needed and fetches just that.

#![allow(dead_code)]

use ogong_audit::*;
use ogong_base::class::NumericClass;
use ogong_base::hash::{ChainKey, ConsensusId, Hash32, ModelRoot, NetworkId, NodeId, sha256};
use ogong_base::keys::{NodeKey, SessionKey};
use ogong_base::model_id::model_root;
use ogong_base::units::UnixMillis;
use ogong_beacon::{Beacon, Schedule, Share, Validator, ValidatorSet, VrfKey};
use ogong_commitment::builder::{Trajectory, TrajectoryBuilder};
use ogong_commitment::digest::{self, Digest};
use ogong_commitment::leaf::{Stop, window_range};
use ogong_commitment::order::{Order, seed};
use ogong_commitment::params::SamplingParams;
use ogong_commitment::record::Record;
use ogong_commitment::request::req_hash;
use ogong_commitment::response::{cut_at_stop, find_stop, prompt_ids_hash, stop_token};
use ogong_commitment::sampler::{Counts, choose, margin, margin_steps};
use ogong_commitment::sketch::{Bank, Sketch};

pub const VOCABULARY: u32 = 500;
pub const HIDDEN: usize = 64;
pub const END_TOKEN: u32 = 2;
pub const ISSUED_MS: u64 = 1_800_000_000_000;
pub const BODY: &str =
    r#"{"model":"ogong/verified/test/tiny","messages":[{"role":"user","content":"why?"}],"temperature":0.9}"#;

/// Numbers of a made-up model: `weights` decides the true ones, `noise` of `noise_seed` is laid over them.
#[derive(Debug, Clone, Copy)]
pub struct Model {
    pub weights: u64,
    pub noise: f32,
    pub noise_seed: u64,
}

pub const TRUE_MODEL: Model = Model { weights: 7, noise: 0.0, noise_seed: 0 };
/// Another machine: differs as honest arithmetic does.
pub const NEARBY: Model = Model { weights: 7, noise: 0.01, noise_seed: 1 };
/// Rough weights under the true model's name.
pub const REQUANTISED: Model = Model { weights: 7, noise: 0.35, noise_seed: 2 };

fn unit(state: &mut u64) -> f32 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)) as u32 as f32 / u32::MAX as f32
}

fn normal(state: &mut u64) -> f32 {
    (0..4).map(|_| unit(state)).sum::<f32>() * 1.732 - 3.464
}

impl Model {
    /// Hidden state and logits that predict token `t` after the prompt and `ids[..t]`.
    pub fn forward(&self, prompt: &[u32], ids: &[u32], t: usize) -> (Vec<f32>, Vec<f32>) {
        let mut context: Vec<u8> = prompt.iter().chain(&ids[..t]).flat_map(|id| id.to_le_bytes()).collect();
        context.extend_from_slice(&self.weights.to_le_bytes());
        let digest = sha256(&context);
        let mut state = u64::from_le_bytes(*digest.first_chunk().expect("32 bytes"));
        let mut noise = state ^ self.noise_seed.wrapping_mul(0xd6e8_feb8_6659_fd93);
        let mut value = |scale: f32| scale * (normal(&mut state) + self.noise * normal(&mut noise));
        let hidden = (0..HIDDEN).map(|_| value(1.0)).collect();
        let logits = (0..VOCABULARY).map(|_| value(2.5)).collect();
        (hidden, logits)
    }
}

pub fn piece(id: u32) -> Vec<u8> {
    if id == END_TOKEN { Vec::new() } else { format!("w{id} ").into_bytes() }
}

pub fn tokenise(body: &[u8]) -> Vec<u32> {
    body.iter().map(|byte| u32::from(*byte)).collect()
}

pub fn node_key(number: u8) -> NodeKey {
    NodeKey::from_seeds([number; 32], [number ^ 0x80; 32])
}

pub fn network() -> NetworkId {
    NetworkId::of_name("audit-tests")
}

pub fn root() -> ModelRoot {
    model_root(&[sha256(b"tiny weights"), sha256(b"tiny tokenizer")])
}

pub fn class(backend: &str, exact: bool) -> NumericClass {
    NumericClass {
        engine: "tiny 1".to_owned(),
        backend: backend.to_owned(),
        weight_format: "F32".to_owned(),
        kv_dtype: "f32".to_owned(),
        flash_attention: true,
        exact,
    }
}

/// A lie told in a report.
pub type Lie = fn(&mut Report);

/// One verifier: its key number, what it computes with, and how it lies.
#[derive(Clone)]
pub struct Verifier {
    pub key: u8,
    pub owner: u8,
    pub certificate: u8,
    pub class: NumericClass,
    pub model: Model,
    pub lie: Option<Lie>,
    pub silent: bool,
}

impl Verifier {
    pub fn honest(key: u8) -> Self {
        Self { key, owner: key, certificate: key, class: class("b", false), model: NEARBY, lie: None, silent: false }
    }

    /// Of the provider's class, computing the same bits.
    pub fn exact(key: u8) -> Self {
        Self { class: class("a", true), model: TRUE_MODEL, ..Self::honest(key) }
    }

    pub fn announcement(&self) -> SignedAnnouncement {
        announce(self.key, Role::Verifier, self.owner, self.certificate, self.class.clone())
    }
}

pub fn announce(key: u8, role: Role, owner: u8, certificate: u8, class: NumericClass) -> SignedAnnouncement {
    let body = Announcement {
        network: network(),
        role,
        model_id: "ogong/verified/test/tiny".parse().expect("a good id"),
        model_root: root(),
        class,
        consensus_id: ConsensusId::from_bytes([certificate; 32]),
        endpoint: format!("127.0.0.1:{}", 4_000 + u16::from(key)),
        stake_owner: ChainKey::from_bytes([owner; 32]),
        payout: ChainKey::from_bytes([owner ^ 0xff; 32]),
        issued: UnixMillis(ISSUED_MS),
    };
    Signed::sign(body, &node_key(key))
}

/// One reply and everybody around it.
#[derive(Clone)]
pub struct Case {
    pub body: Vec<u8>,
    pub order: Order,
    pub prompt: Vec<u32>,
    pub trajectory: Trajectory,
    pub record: Record,
    pub signer: u8,
    pub verifiers: Vec<Verifier>,
    pub pinned: Option<Verifier>,
    pub exact: bool,
    pub alpha_ppm: u64,
    pub refuse_openings: bool,
    /// Changes the finished evidence just before it is decided on, every time.
    pub twist: Option<fn(&mut Evidence)>,
}

pub const PROVIDER: u8 = 1;

impl Case {
    /// 100 tokens (four windows) of the true model.
    pub fn honest() -> Self {
        Self::of(BODY, 100, TRUE_MODEL)
    }

    /// A reply of at most `max_tokens` tokens that `model` writes and commits to.
    pub fn of(body: &str, max_tokens: u32, model: Model) -> Self {
        Self::spoof(body, max_tokens, model, model)
    }

    /// `writer` chooses tokens, `committer`'s numbers are committed: an honest reply if they are the same model.
    pub fn spoof(body: &str, max_tokens: u32, writer: Model, committer: Model) -> Self {
        let body = body.as_bytes().to_vec();
        let order = order(&body, max_tokens);
        let prompt = tokenise(&body);
        let params = SamplingParams::from_body(&body, max_tokens).expect("a good body");
        let ids = write(&order, &prompt, &params, writer);
        let trajectory = commit(&prompt, &params, &ids, order.n_ctx, committer);
        let verifiers = (20..24).map(Verifier::honest).collect();
        let record = record(&order, &trajectory);
        Self {
            body,
            order,
            prompt,
            trajectory,
            record,
            signer: PROVIDER,
            verifiers,
            pinned: None,
            exact: false,
            alpha_ppm: 1_000_000,
            refuse_openings: false,
            twist: None,
        }
    }

    /// Commits to the trajectory as it is now.
    pub fn seal(&mut self) {
        let (t0_ms, t1_ms) = (self.record.t0_ms, self.record.t1_ms);
        self.record = Record { t0_ms, t1_ms, ..record(&self.order, &self.trajectory) };
    }

    pub fn ground(&self) -> Ground {
        Ground {
            network: network(),
            program: ChainKey::from_bytes([0x70; 32]),
            session_key: session().public(),
            catalogue_root: Some(root()),
            alpha_ppm: 0,
            schedule: schedule(),
            validators: validators(),
        }
    }

    /// What a handler holds when the round has come.
    pub fn evidence(&self) -> Evidence {
        let signed = self.record.sign(&node_key(self.signer));
        let received = UnixMillis(ISSUED_MS + 20_000);
        let validator = node_key(40);
        let receipt =
            Receipt::new(self.order.reply_id(), signed.record_hash(), validator.node_id(), received, &schedule());
        let round = receipt.round;
        Evidence {
            ground: self.ground(),
            order: self.order.clone(),
            order_signature: self.order.sign(&session()),
            record: signed,
            rival: None,
            receipt: Signed::sign(receipt, &validator),
            beacon: beacon(round),
            alpha_ppm: self.alpha_ppm,
            extra_windows: 2,
            opening_refused: false,
            material: None,
            openings: Vec::new(),
            provider: Some(announce(PROVIDER, Role::Provider, PROVIDER, PROVIDER, class("a", true))),
            candidates: self.verifiers.iter().map(Verifier::announcement).collect(),
            pinned: self.pinned.is_some(),
            attempts: Vec::new(),
        }
    }

    /// Fetches what is asked for until nothing more is.
    pub fn run(&self, profile: &Profile) -> (Evidence, Decision) {
        let mut evidence = self.evidence();
        for _ in 0..32 {
            if let Some(twist) = self.twist {
                twist(&mut evidence);
            }
            let decision = decide(&evidence, profile);
            match decision.next.clone() {
                Next::Nothing | Next::Nobody => return (evidence, decision),
                Next::Material if self.refuse_openings => evidence.opening_refused = true,
                Next::Material => evidence.material = Some(self.material()),
                Next::Openings(windows) => {
                    let open = |window: &u32| self.trajectory.open(window + 1).expect("a window of the reply");
                    evidence.openings = windows.iter().map(open).collect();
                }
                Next::Pinned => {
                    let verifier = self.pinned.clone().expect("pinned");
                    self.ask(&mut evidence, &decision, &verifier, self.exact);
                }
                Next::Verifier(id, exactness) => {
                    let verifier = self.verifiers.iter().find(|v| node_key(v.key).node_id() == id).expect("announced");
                    let exact = exactness == Exactness::Required || exactness == Exactness::Possible && self.exact;
                    self.ask(&mut evidence, &decision, verifier, exact);
                }
            }
        }
        panic!("the handler went round in circles");
    }

    /// The verdict under the default profile.
    pub fn verdict(&self) -> Verdict {
        self.run(&Profile::default()).1.verdict
    }

    pub fn material(&self) -> Material {
        Material {
            body: self.body.clone(),
            ids: self.trajectory.ids.clone(),
            raw_text: self.trajectory.raw_text.clone(),
            header: self.trajectory.open(0).expect("a header"),
        }
    }

    fn ask(&self, evidence: &mut Evidence, decision: &Decision, verifier: &Verifier, exact: bool) {
        let id = node_key(verifier.key).node_id();
        let mode = if exact { Mode::Exact } else { Mode::Tolerance };
        let report = (!verifier.silent).then(|| {
            let mut report = self.report(verifier, &decision.verdict.windows, mode);
            if let Some(lie) = verifier.lie {
                lie(&mut report);
            }
            Signed::sign(report, &node_key(verifier.key))
        });
        evidence.attempts.push(Attempt { verifier: id, report });
    }

    /// What a verifier finds with its own numbers, from the request and the ids alone.
    pub fn report(&self, verifier: &Verifier, windows: &[u32], mode: Mode) -> Report {
        let ids = &self.trajectory.ids;
        let params = SamplingParams::from_body(&self.body, self.order.max_tokens).unwrap_or_default();
        let seed = seed(self.order.reply_id());
        let bank = Bank::new(HIDDEN).expect("a good width");
        let prompt = tokenise(&self.body);
        let rows: Vec<_> = (0..ids.len()).map(|t| verifier.model.forward(&prompt, ids, t)).collect();
        let mut counts = Counts::default();
        let margins = rows.iter().zip(ids).zip(0..).map(|(((_, logits), id), t)| {
            let nat = margin(logits, *id, &params, &counts, &seed, t).expect("finite");
            counts.add(*id);
            margin_steps(nat)
        });
        let margins = margins.collect();
        let n_tokens = u32::try_from(ids.len()).expect("few tokens");
        let windows_scored = windows.iter().map(|&window| {
            let rows = &rows[window_range(n_tokens, window)];
            WindowReport {
                window,
                sketches: rows.iter().map(|(hidden, _)| bank.project(hidden).expect("finite")).collect(),
                tops: rows.iter().map(|(_, logits)| digest::top64(logits).expect("finite")).collect(),
            }
        });
        let pieces: Vec<Vec<u8>> = ids.iter().map(|id| piece(*id).into_iter().collect()).collect();
        let raw = pieces.concat();
        let stop_string_at = stop_token(&pieces, &params.stop).map(|at| u32::try_from(at).expect("few tokens"));
        Report {
            job: Job { record_hash: self.record.record_hash(), req_hash: req_hash(&self.body), ids, windows, mode }
                .hash(),
            mode,
            class: verifier.class.class_hash(),
            n_prompt: u32::try_from(prompt.len()).expect("short"),
            prompt_ids: prompt_ids_hash(&prompt),
            raw_text_sha256: sha256(cut_at_stop(&raw, &params.stop)),
            end_token_at: ids.iter().position(|id| *id == END_TOKEN).map(|at| u32::try_from(at).expect("few tokens")),
            stop_string_at,
            windows: windows_scored.collect(),
            margins,
        }
    }
}

pub fn session() -> SessionKey {
    SessionKey::from_seed([0x5e; 32])
}

pub fn schedule() -> Schedule {
    Schedule::new(UnixMillis(ISSUED_MS - 86_400_000), 3_000).expect("a good period")
}

pub fn order(body: &[u8], max_tokens: u32) -> Order {
    Order {
        network: network(),
        program: ChainKey::from_bytes([0x70; 32]),
        nonce: Hash32::from_bytes([0x0c; 32]),
        owner: ChainKey::from_bytes([0x0f; 32]),
        provider: node_key(PROVIDER).node_id(),
        router: NodeId::from_bytes([3; 32]),
        epoch: 5,
        model_id: "ogong/verified/test/tiny".parse().expect("a good id"),
        model_root: root(),
        req_hash: req_hash(body),
        price_prompt: 100,
        price_completion: 300,
        max_fee: 1_000_000,
        max_tokens,
        n_ctx: 1_024,
        issued_ms: ISSUED_MS,
        deadline_ms: ISSUED_MS + 900_000,
    }
}

fn keys() -> Vec<(u8, VrfKey)> {
    (40..43).map(|number| (number, VrfKey::from_seed([number; 32]).expect("a key"))).collect()
}

pub fn validators() -> ValidatorSet {
    let validators = keys().into_iter().map(|(number, vrf)| Validator {
        consensus_id: ConsensusId::from_bytes([number; 32]),
        node_id: node_key(number).node_id(),
        vrf: vrf.public(),
        stake: 1_000,
    });
    ValidatorSet::new(validators.collect()).expect("a good set")
}

pub fn beacon(round: ogong_base::units::Round) -> Beacon {
    let shares = keys().into_iter().map(|(number, vrf)| Share {
        consensus_id: ConsensusId::from_bytes([number; 32]),
        proof: vrf.prove(network(), round).expect("a proof"),
    });
    Beacon::aggregate(network(), round, &validators(), shares.collect()).expect("a quorum")
}

pub fn record(order: &Order, trajectory: &Trajectory) -> Record {
    Record {
        reply_id: order.reply_id(),
        req_hash: order.req_hash,
        resp_hash: trajectory.resp_hash(),
        model_root: order.model_root,
        commit_root: trajectory.commit_root(),
        n_tokens: u32::try_from(trajectory.ids.len()).expect("few tokens"),
        t0_ms: ISSUED_MS + 100,
        t1_ms: ISSUED_MS + 9_000,
    }
}

/// Samples an answer as an engine does.
pub fn write(order: &Order, prompt: &[u32], params: &SamplingParams, model: Model) -> Vec<u32> {
    let limit = params.max_tokens.min(order.n_ctx - u32::try_from(prompt.len()).expect("short"));
    let seed = seed(order.reply_id());
    let (mut ids, mut counts, mut raw) = (Vec::new(), Counts::default(), Vec::new());
    for t in 0..limit {
        let (_, logits) = model.forward(prompt, &ids, ids.len());
        let digest = Digest::from_logits(&logits).expect("finite");
        let id = choose(&digest, params, &counts, &seed, t).expect("a candidate");
        ids.push(id);
        counts.add(id);
        raw.extend(piece(id));
        if id == END_TOKEN || find_stop(&raw, &params.stop).is_some() {
            break;
        }
    }
    ids
}

/// Commits to an answer with a model's numbers.
pub fn commit(prompt: &[u32], params: &SamplingParams, ids: &[u32], n_ctx: u32, model: Model) -> Trajectory {
    let bank = Bank::new(HIDDEN).expect("a good width");
    let mut builder = TrajectoryBuilder::new(prompt, class("a", true).class_hash(), params.clone());
    for (t, id) in ids.iter().enumerate() {
        let (hidden, logits) = model.forward(prompt, ids, t);
        let sketch: Sketch = bank.project(&hidden).expect("finite");
        builder.push(*id, &piece(*id), sketch, Digest::from_logits(&logits).expect("finite"));
    }
    let pieces: Vec<Vec<u8>> = ids.iter().map(|id| piece(*id)).collect();
    let end = ids.iter().position(|id| *id == END_TOKEN);
    let limit = usize::try_from(params.max_tokens.min(n_ctx)).expect("fits").min(1_024 - prompt.len());
    let stop = Stop::derive(&pieces, end, &params.stop, limit).unwrap_or(Stop::Length);
    builder.finish(stop).expect("a reply")
}
