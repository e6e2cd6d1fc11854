//! One reply from order to verdict in a single process: no chain, no engine process, no network.
//!
//! ```text
//!   order ─▶ generate + commit ─▶ record ─▶ receipt ─▶ draw ─▶ openings ─▶ report ─▶ decide ─▶ Accept
//! ```
//!
//! The text engine is linked as a library. Everything between is the code that validators run (SPEC 2 to 5): the loop asks
//! [`decide`] what it needs and fetches just that. Then the same reply once more with one token replaced.
//!
//! `cargo run --example traj_audit_loop [-- MODEL.gguf]`; exits 0 when the honest reply is accepted and the other rejected.

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use ogong_audit::{
    Announcement, Attempt, Decision, Evidence, Exactness, Ground, Job, Material, Mode, Next, Outcome, Profile, Receipt,
    Report, Role, Signed, WindowReport, decide,
};
use ogong_base::hash::{ChainKey, ConsensusId, Hash32, NetworkId, NodeId};
use ogong_base::keys::{NodeKey, SessionKey};
use ogong_base::units::{Round, UnixMillis};
use ogong_base::{Encode, ModelId};
use ogong_beacon::{Beacon, Schedule, Share, Validator, ValidatorSet, VrfKey};
use ogong_commitment::builder::Trajectory;
use ogong_commitment::order::Order;
use ogong_commitment::record::Record;
use ogong_commitment::request::{freeze, req_hash};
use ogong_commitment::response::cut_at_stop;
use ogong_daemon::clock::now_ms;
use ogong_engine::wire::{OrderLimits, ScoreMode, ScoreRequest};
use ogong_mesh::{Tools, tools::MODEL_ID};
use ogong_text::{Engine, EngineConfig};
use std::sync::Arc;
use std::time::Instant;

/// Answer tokens at most: three windows.
const TOKENS: u32 = 96;
/// Prompt and answer tokens at most.
const N_CTX: u32 = 1_024;
const PROMPT: &str = "Write a short story about a lighthouse keeper who finds a message in a bottle.";
/// Seeds of the nodes' keys; a real node draws its own.
const PROVIDER: u8 = 1;
const VALIDATOR: u8 = 2;
/// As many verifiers as may have to confirm one another.
const VERIFIERS: std::ops::Range<u8> = 10..14;

fn main() -> Result<()> {
    let model = match std::env::args_os().nth(1) {
        Some(path) => path.into(),
        None => Tools::find_model("Q8_0")?,
    };
    println!("1. load      {}", model.display());
    let begun = Instant::now();
    // One thread: with more, this engine does not reproduce itself bit for bit on long prompts.
    let config = EngineConfig { n_ctx: N_CTX, parallel: 1, threads: 1, ..EngineConfig::new(model) };
    let engine = Engine::load(&config)?;
    let says = engine.capabilities();
    println!("             {:.1} s, model root {}", begun.elapsed().as_secs_f64(), says.model_root);
    println!("             class {} | {} | {}", says.class.engine, says.class.backend, says.class.weight_format);
    let honest = World::generate(&engine)?;
    println!(
        "             exact mode: {}",
        if says.exact { "the self-test reproduced every bit" } else { "not on this machine and these threads" }
    );
    let modes: &[Mode] = if says.exact { &[Mode::Tolerance, Mode::Exact] } else { &[Mode::Tolerance] };
    for &mode in modes {
        println!("\nThe honest reply, {mode:?} mode");
        let decision = honest.audit(mode)?;
        show(&decision);
        ensure!(decision.verdict.outcome == Outcome::Accept, "an honest reply got {:?}", decision.verdict.outcome);
    }
    println!("\nThe same reply, one token replaced");
    let forged = honest.with_a_token_replaced()?;
    let decision = forged.audit(Mode::Tolerance)?;
    show(&decision);
    ensure!(decision.verdict.outcome == Outcome::Reject, "a forged reply got {:?}", decision.verdict.outcome);
    println!("\nhonest accepted, forged rejected");
    Ok(())
}

/// One reply and everybody who has to do with it.
struct World<'a> {
    engine: &'a Engine,
    body: Vec<u8>,
    order: Order,
    session: Arc<SessionKey>,
    vrf: Arc<VrfKey>,
    ground: Ground,
    trajectory: Trajectory,
    times: (u64, u64),
}

impl<'a> World<'a> {
    /// Orders a reply and has the engine write and commit to it.
    fn generate(engine: &'a Engine) -> Result<Self> {
        let says = engine.capabilities();
        let body = format!(
            r#"{{"model":"{MODEL_ID}","messages":[{{"role":"user","content":"{PROMPT}"}}],"temperature":0.7,"max_tokens":{TOKENS}}}"#
        );
        let body = freeze(body.as_bytes())?;
        let session = SessionKey::from_seed([0x5e; 32]);
        let vrf = VrfKey::from_seed([VALIDATOR; 32])?;
        let issued_ms = now_ms();
        let ground = Ground {
            network: NetworkId::of_name("in-process"),
            program: ChainKey::from_bytes([0x70; 32]),
            session_key: session.public(),
            catalogue_root: Some(says.model_root),
            alpha_ppm: 1_000_000,
            schedule: Schedule::new(UnixMillis(issued_ms.saturating_sub(86_400_000)), 3_000)?,
            validators: ValidatorSet::new(vec![Validator {
                consensus_id: ConsensusId::from_bytes([VALIDATOR; 32]),
                node_id: node(VALIDATOR).node_id(),
                vrf: vrf.public(),
                stake: 1_000,
            }])?,
        };
        let order = order(&ground, &body, says.model_root, issued_ms)?;
        println!("2. order     reply {}, {} bytes of request", order.reply_id(), body.len());
        let t0 = now_ms();
        let begun = Instant::now();
        let trajectory = engine.generate_committed(Bytes::from(body.clone()), order.reply_id(), limits(&order))?;
        let seconds = begun.elapsed().as_secs_f64();
        let trajectory = Trajectory::clone(&trajectory);
        let bytes: usize = trajectory.leaf_bytes().iter().map(Vec::len).sum();
        let n = trajectory.ids.len();
        println!(
            "3. generate  {n} tokens in {seconds:.2} s ({:.1} tok/s), committed while written",
            n as f64 / seconds
        );
        println!(
            "             {} leaves, {bytes} bytes kept, {} bytes a token",
            trajectory.leaves.len() + 1,
            bytes / n
        );
        println!("             {:?}", String::from_utf8_lossy(&trajectory.raw_text));
        let times = (t0, now_ms());
        Ok(Self { engine, body, order, session: Arc::new(session), vrf: Arc::new(vrf), ground, trajectory, times })
    }

    /// A provider that delivers another token than the model chose, and commits to it as if it had been chosen.
    fn with_a_token_replaced(&self) -> Result<Self> {
        let at = self.trajectory.ids.len() / 2;
        let mut ids = self.trajectory.ids.clone();
        let (window, place) = (at / 32, at % 32);
        let leaf = self.trajectory.leaves.get(window).context("no such window")?;
        let digest = leaf.digests.get(place).context("no such token")?;
        let old = *ids.get(at).context("no such token")?;
        let new = digest.entries.iter().map(|entry| entry.0).rfind(|id| *id != old).context("no other candidate")?;
        let word = |id| String::from_utf8_lossy(self.engine.model().piece(id)).into_owned();
        println!("   replaced  token {at}, {:?} by {:?}, which the model holds possible too", word(old), word(new));
        *ids.get_mut(at).context("no such token")? = new;
        let mut trajectory = self.trajectory.clone();
        if let Some(id) = trajectory.leaves.get_mut(window).and_then(|leaf| leaf.ids.get_mut(place)) {
            *id = new;
        }
        let mut raw = Vec::new();
        for id in &ids {
            raw.extend(self.engine.model().piece(*id));
        }
        trajectory.raw_text = cut_at_stop(&raw, &trajectory.header.params.stop).to_vec();
        trajectory.ids = ids;
        Ok(Self {
            engine: self.engine,
            body: self.body.clone(),
            order: self.order.clone(),
            session: Arc::clone(&self.session),
            vrf: Arc::clone(&self.vrf),
            ground: self.ground.clone(),
            times: self.times,
            trajectory,
        })
    }

    /// What the handling validator holds once the record has come and the round has begun.
    fn evidence(&self) -> Result<Evidence> {
        let record = Record {
            reply_id: self.order.reply_id(),
            req_hash: self.order.req_hash,
            resp_hash: self.trajectory.resp_hash(),
            model_root: self.order.model_root,
            commit_root: self.trajectory.commit_root(),
            n_tokens: u32::try_from(self.trajectory.ids.len())?,
            t0_ms: self.times.0,
            t1_ms: self.times.1,
        };
        let signed = record.sign(&node(PROVIDER));
        println!("4. record    {} bytes, commit root {}", signed.to_bytes().len(), record.commit_root);
        let validator = node(VALIDATOR);
        let receipt = Receipt::new(
            record.reply_id,
            signed.record_hash(),
            validator.node_id(),
            UnixMillis(self.times.1),
            &self.ground.schedule,
        );
        let beacon = self.beacon(receipt.round)?;
        println!(
            "5. receipt   round {}, which begins after the record is in; beacon {}{}",
            receipt.round.0,
            beacon.value,
            if beacon.is_solo() { ", one validator alone" } else { "" }
        );
        Ok(Evidence {
            order_signature: self.order.sign(&self.session),
            order: self.order.clone(),
            ground: self.ground.clone(),
            record: signed,
            rival: None,
            receipt: Signed::sign(receipt, &validator),
            beacon,
            alpha_ppm: 1_000_000,
            extra_windows: 2,
            opening_refused: false,
            material: None,
            openings: Vec::new(),
            provider: Some(self.announce(PROVIDER, Role::Provider)?),
            candidates: VERIFIERS.map(|seed| self.announce(seed, Role::Verifier)).collect::<Result<_>>()?,
            pinned: false,
            attempts: Vec::new(),
        })
    }

    fn beacon(&self, round: Round) -> Result<Beacon> {
        let (network, set) = (self.ground.network, &self.ground.validators);
        let share =
            Share { consensus_id: ConsensusId::from_bytes([VALIDATOR; 32]), proof: self.vrf.prove(network, round)? };
        Ok(Beacon::aggregate(network, round, set, vec![share])?)
    }

    /// Fetches what [`decide`] asks for until it asks for nothing more.
    fn audit(&self, mode: Mode) -> Result<Decision> {
        let profile = Profile::default();
        let mut evidence = self.evidence()?;
        loop {
            let decision = decide(&evidence, &profile);
            match decision.next.clone() {
                Next::Nothing => return Ok(decision),
                Next::Material => {
                    evidence.material = Some(Material {
                        body: self.body.clone(),
                        ids: self.trajectory.ids.clone(),
                        raw_text: self.trajectory.raw_text.clone(),
                        header: self.trajectory.open(0)?,
                    });
                }
                Next::Openings(windows) => {
                    let openings = windows.iter().map(|window| self.trajectory.open(window + 1));
                    evidence.openings = openings.collect::<Result<_, _>>()?;
                    let bytes: usize = evidence.openings.iter().map(|opening| opening.to_bytes().len()).sum();
                    println!("6. draw      windows {windows:?}, opened in {bytes} bytes");
                }
                Next::Verifier(id, exactness) => {
                    let exact = exactness == Exactness::Required || mode == Mode::Exact;
                    let mode = if exact { Mode::Exact } else { Mode::Tolerance };
                    evidence.attempts.push(self.ask(&decision, id, mode)?);
                }
                Next::Pinned | Next::Nobody => anyhow::bail!("no verifier is left: {}", decision.verdict.reason),
            }
        }
    }

    /// The drawn verifier scores the claimed ids; it sees no opening.
    fn ask(&self, decision: &Decision, id: NodeId, mode: Mode) -> Result<Attempt> {
        let key = VERIFIERS.map(node).find(|key| key.node_id() == id).context("somebody unknown was drawn")?;
        let windows = &decision.verdict.windows;
        let (ids, reply_id) = (&self.trajectory.ids, self.order.reply_id());
        let score_mode = if mode == Mode::Exact { ScoreMode::Exact } else { ScoreMode::Tolerance };
        let request = ScoreRequest::new(reply_id, &self.body, ids, windows.clone(), score_mode, limits(&self.order));
        let begun = Instant::now();
        let reply = self.engine.score(&request)?;
        let scored = begun.elapsed().as_secs_f64();
        let scored_windows = reply.windows.iter().map(|score| -> Result<WindowReport> {
            let (sketches, tops) = score.unpack()?;
            Ok(WindowReport { window: score.window, sketches, tops })
        });
        let report = Report {
            job: Job { record_hash: decision.verdict.record_hash, req_hash: self.order.req_hash, ids, windows, mode }
                .hash(),
            mode,
            class: reply.class.class_hash(),
            n_prompt: reply.n_prompt,
            prompt_ids: reply.prompt_ids_hash,
            raw_text_sha256: *reply.raw_text_sha256.as_bytes(),
            end_token_at: reply.end_token_at,
            stop_string_at: reply.stop_string_at,
            windows: scored_windows.collect::<Result<_>>()?,
            margins: reply.margin_list()?,
        };
        println!("7. report    verifier {id:?} scored {} tokens in {scored:.2} s ({mode:?})", ids.len());
        Ok(Attempt { verifier: id, report: Some(Signed::sign(report, &key)) })
    }

    fn announce(&self, seed: u8, role: Role) -> Result<ogong_audit::SignedAnnouncement> {
        let body = Announcement {
            network: self.ground.network,
            role,
            model_id: MODEL_ID.parse::<ModelId>()?,
            model_root: self.order.model_root,
            class: self.engine.capabilities().class.clone(),
            consensus_id: ConsensusId::from_bytes([seed; 32]),
            endpoint: format!("127.0.0.1:{}", 4_000 + u16::from(seed)),
            stake_owner: ChainKey::from_bytes([seed; 32]),
            payout: ChainKey::from_bytes([seed; 32]),
            issued: UnixMillis(self.order.issued_ms),
        };
        Ok(Signed::sign(body, &node(seed)))
    }
}

fn node(seed: u8) -> NodeKey {
    NodeKey::from_seeds([seed; 32], [seed ^ 0x80; 32])
}

fn limits(order: &Order) -> OrderLimits {
    OrderLimits { issued_ms: order.issued_ms, max_tokens: order.max_tokens, n_ctx: order.n_ctx }
}

fn order(ground: &Ground, body: &[u8], model_root: ogong_base::ModelRoot, issued_ms: u64) -> Result<Order> {
    Ok(Order {
        network: ground.network,
        program: ground.program,
        nonce: Hash32::from_bytes([0x0c; 32]),
        owner: ChainKey::from_bytes([0x0f; 32]),
        provider: node(PROVIDER).node_id(),
        router: NodeId::from_bytes([3; 32]),
        epoch: 1,
        model_id: MODEL_ID.parse()?,
        model_root,
        req_hash: req_hash(body),
        price_prompt: 1_000_000,
        price_completion: 1_000_000,
        max_fee: 10_000_000_000,
        max_tokens: TOKENS,
        n_ctx: N_CTX,
        issued_ms,
        deadline_ms: issued_ms + 900_000,
    })
}

/// Every number beside its limit, then the verdict.
fn show(decision: &Decision) {
    let verdict = &decision.verdict;
    for score in &verdict.scores {
        // Means over few tokens have no limit.
        let limit = if score.limit_ppm == u64::MAX { "none".to_owned() } else { figure(score.limit_ppm) };
        let over = if score.holds() { "" } else { "   over" };
        println!("   {:<24} {:>10}   limit {limit}{over}", score.check.name(), figure(score.value_ppm));
    }
    let culprit =
        if verdict.outcome == Outcome::Reject { format!(", {:?} is charged", verdict.culprit) } else { String::new() };
    println!(
        "8. verdict   {} ({}), {} reports{culprit}",
        verdict.outcome.name(),
        verdict.reason,
        verdict.reports.len()
    );
    if let Some(billing) = decision.billing {
        println!("             billed: {} prompt and {} answer tokens", billing.n_prompt, billing.n_billed);
    }
}

fn figure(ppm: u64) -> String {
    format!("{:.6}", ppm as f64 / 1e6)
}
