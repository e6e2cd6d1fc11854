//! An audit in this process: what a handling validator does, on real engines' numbers, without chain, sockets and rounds to wait for.
//!
//! [`Court::serve`] is an honest provider in front of whatever engine it is given; [`Court::hear`] grows the evidence as
//! [`decide`] asks for it and decides under any profile, so that one run of a lie can be judged with one check after another
//! switched off.

use super::court_ground::{VALIDATORS, beacon, network, node_key, session, validators};
use crate::tools::MODEL_ID;
use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use ogong_audit::{
    Announcement, Attempt, Decision, Evidence, Exactness, Ground, Job, Material, Mode, Next, Profile, Receipt, Report,
    Role, Signed, SignedAnnouncement, WindowReport, decide,
};
use ogong_base::{
    hash::{ChainKey, ConsensusId, Hash32, NodeId, RecordHash, sha256},
    keys::NodeKey,
    units::UnixMillis,
};
use ogong_beacon::Schedule;
use ogong_commitment::{
    builder::Trajectory,
    order::Order,
    record::{Record, SignedRecord},
    request::{freeze, req_hash},
};
use ogong_engine::{
    EngineClient,
    client::CommitHeaders,
    wire::{Capabilities, OrderLimits, ScoreMode, ScoreReply, ScoreRequest},
};
use serde_json::Value;
use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// When every order of a court is issued.
const ISSUED_MS: u64 = 1_800_000_000_000;
/// Tokens of prompt and answer.
const N_CTX: u32 = 2_048;
/// Key number of the provider; of no other node.
const PROVIDER: u8 = 1;
/// Key number of the first verifier.
const VERIFIER: u8 = 20;

/// A reply as a provider hands it over.
#[derive(Debug, Clone)]
pub struct Presented {
    /// What was ordered.
    pub order: Order,
    /// The frozen body.
    pub body: Vec<u8>,
    /// What the provider signed.
    pub record: SignedRecord,
    /// What it opens.
    pub trajectory: Trajectory,
    /// Whether it opens anything.
    pub opens: bool,
}

/// A court over one model.
pub struct Court {
    capabilities: Capabilities,
    /// The engine of every verifier; verifier `i` has key number `VERIFIER + i`.
    verifiers: Vec<EngineClient>,
    orders: AtomicU64,
    /// Scores of the hearings so far: a verifier that is asked again says the same.
    said: Mutex<HashMap<(RecordHash, String, Mode), ScoreReply>>,
}

impl Court {
    /// A court whose verifiers have these engines.
    ///
    /// # Errors
    /// When the first engine does not answer.
    pub async fn new(verifiers: Vec<EngineClient>) -> Result<Self> {
        let capabilities = verifiers.first().context("no verifier")?.capabilities().await?;
        Ok(Self { capabilities, verifiers, orders: AtomicU64::new(0), said: Mutex::default() })
    }

    /// What an honest engine says of itself.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// Orders an answer of an honest provider in front of `engine`, and gives what it will hand over.
    ///
    /// # Errors
    /// When the engine refuses or does not answer.
    pub async fn serve(&self, engine: &EngineClient, request: &Value, max_tokens: u32) -> Result<Presented> {
        let body = freeze(request.to_string().as_bytes())?;
        let order = self.order(&body, max_tokens)?;
        let limits = OrderLimits { issued_ms: order.issued_ms, max_tokens, n_ctx: order.n_ctx };
        let commit = CommitHeaders { reply_id: order.reply_id(), limits };
        let response = engine.forward("/v1/chat/completions", Bytes::from(body.clone()), Some(commit)).await?;
        let status = response.status();
        let answer = response.text().await?;
        ensure!(status.is_success(), "the engine refused: {answer}");
        let trajectory = engine.trajectory(order.reply_id()).await?;
        let record = Record {
            reply_id: order.reply_id(),
            req_hash: order.req_hash,
            resp_hash: trajectory.resp_hash(),
            model_root: order.model_root,
            commit_root: trajectory.commit_root(),
            n_tokens: trajectory.header.n_tokens,
            t0_ms: ISSUED_MS + 100,
            t1_ms: ISSUED_MS + 9_000,
        };
        Ok(Presented { order, body, record: record.sign(&node_key(PROVIDER)), trajectory, opens: true })
    }

    /// The provider's key, to sign what its honest code would not.
    pub fn provider(&self) -> NodeKey {
        node_key(PROVIDER)
    }

    /// Whether verifier `index` is the first that would be asked about a record.
    ///
    /// # Errors
    /// When the reply cannot be drawn for.
    pub async fn is_asked_first(&self, presented: &Presented, index: u8) -> Result<bool> {
        let mut evidence = self.evidence(presented)?;
        open(&mut evidence, presented, &Next::Material)?;
        let windows = decide(&evidence, &Profile::default()).verdict.windows;
        open(&mut evidence, presented, &Next::Openings(windows))?;
        Ok(
            matches!(decide(&evidence, &Profile::default()).next, Next::Verifier(id, _) if id == node_key(VERIFIER + index).node_id()),
        )
    }

    /// Grows the evidence until nothing more is asked for, and decides.
    ///
    /// # Errors
    /// When a verifier's engine does not score.
    pub async fn hear(&self, presented: &Presented, profile: &Profile, exact: bool) -> Result<(Evidence, Decision)> {
        let mut evidence = self.evidence(presented)?;
        loop {
            let decision = decide(&evidence, profile);
            match &decision.next {
                Next::Nothing | Next::Nobody | Next::Pinned => return Ok((evidence, decision)),
                Next::Material | Next::Openings(_) if !presented.opens => {
                    ensure!(!evidence.opening_refused, "asked again: {:?}", decision.next);
                    evidence.opening_refused = true;
                }
                Next::Material | Next::Openings(_) => open(&mut evidence, presented, &decision.next)?,
                Next::Verifier(id, exactness) => {
                    let wants = exact && *exactness == Exactness::Possible || *exactness == Exactness::Required;
                    let mode = if wants { Mode::Exact } else { Mode::Tolerance };
                    let attempt = self.ask(&evidence, *id, &decision.verdict.windows, mode).await?;
                    evidence.attempts.push(attempt);
                }
            }
        }
    }

    fn order(&self, body: &[u8], max_tokens: u32) -> Result<Order> {
        let nonce = self.orders.fetch_add(1, Ordering::Relaxed);
        Ok(Order {
            network: network(),
            program: ChainKey::from_bytes([0x70; 32]),
            nonce: Hash32::from_bytes(sha256(&nonce.to_le_bytes())),
            owner: ChainKey::from_bytes([0x0f; 32]),
            provider: node_key(PROVIDER).node_id(),
            router: NodeId::from_bytes([3; 32]),
            epoch: 1,
            model_id: MODEL_ID.parse()?,
            model_root: self.capabilities.model_root,
            req_hash: req_hash(body),
            price_prompt: 100,
            price_completion: 300,
            max_fee: 1_000_000,
            max_tokens,
            n_ctx: N_CTX,
            issued_ms: ISSUED_MS,
            deadline_ms: ISSUED_MS + 900_000,
        })
    }

    /// What a handler holds when the round has come.
    fn evidence(&self, presented: &Presented) -> Result<Evidence> {
        let schedule = Schedule::new(UnixMillis(ISSUED_MS - 86_400_000), 3_000)?;
        let validator = node_key(VALIDATORS.start);
        let received = UnixMillis(ISSUED_MS + 20_000);
        let (order, record) = (presented.order.clone(), presented.record.clone());
        let receipt = Receipt::new(order.reply_id(), record.record_hash(), validator.node_id(), received, &schedule);
        let candidates = (VERIFIER..).zip(&self.verifiers).map(|(key, _)| self.announce(key, Role::Verifier));
        Ok(Evidence {
            ground: Ground {
                network: network(),
                program: order.program,
                session_key: session().public(),
                catalogue_root: Some(self.capabilities.model_root),
                alpha_ppm: 1_000_000,
                schedule,
                validators: validators()?,
            },
            order_signature: order.sign(&session()),
            record,
            rival: None,
            beacon: beacon(receipt.round)?,
            receipt: Signed::sign(receipt, &validator),
            alpha_ppm: 1_000_000,
            extra_windows: 2,
            opening_refused: false,
            material: None,
            openings: Vec::new(),
            provider: Some(self.announce(PROVIDER, Role::Provider)?),
            candidates: candidates.collect::<Result<_>>()?,
            pinned: false,
            attempts: Vec::new(),
            order,
        })
    }

    fn announce(&self, key: u8, role: Role) -> Result<SignedAnnouncement> {
        let body = Announcement {
            network: network(),
            role,
            model_id: MODEL_ID.parse()?,
            model_root: self.capabilities.model_root,
            class: self.capabilities.class.clone(),
            consensus_id: ConsensusId::from_bytes([key; 32]),
            endpoint: format!("127.0.0.1:{}", 4_000 + u16::from(key)),
            stake_owner: ChainKey::from_bytes([key; 32]),
            payout: ChainKey::from_bytes([key ^ 0xff; 32]),
            issued: UnixMillis(ISSUED_MS),
        };
        Ok(Signed::sign(body, &node_key(key)))
    }

    async fn ask(&self, evidence: &Evidence, id: NodeId, windows: &[u32], mode: Mode) -> Result<Attempt> {
        let mut all = (VERIFIER..).zip(&self.verifiers);
        let (key, engine) = all.find(|(key, _)| node_key(*key).node_id() == id).context("not of this court")?;
        let material = evidence.material.as_ref().context("no material")?;
        let record_hash = evidence.record.record_hash();
        let said = (record_hash, engine.base_url().to_owned(), mode);
        let known = self.said.lock().unwrap_or_else(PoisonError::into_inner).get(&said).cloned();
        let reply = match known {
            Some(reply) => reply,
            None => {
                let order = &evidence.order;
                let limits =
                    OrderLimits { issued_ms: order.issued_ms, max_tokens: order.max_tokens, n_ctx: order.n_ctx };
                let how = if mode == Mode::Exact { ScoreMode::Exact } else { ScoreMode::Tolerance };
                let request =
                    ScoreRequest::new(order.reply_id(), &material.body, &material.ids, windows.to_vec(), how, limits);
                engine.score(&request).await?
            }
        };
        let job = Job { record_hash, req_hash: evidence.order.req_hash, ids: &material.ids, windows, mode };
        let report = Signed::sign(report(&job, &reply)?, &node_key(key));
        self.said.lock().unwrap_or_else(PoisonError::into_inner).insert(said, reply);
        Ok(Attempt { verifier: id, report: Some(report) })
    }
}

/// The provider's answer to a handler's request.
fn open(evidence: &mut Evidence, presented: &Presented, wanted: &Next) -> Result<()> {
    let Presented { body, trajectory, .. } = presented;
    if let Next::Openings(windows) = wanted {
        evidence.openings = windows.iter().map(|window| trajectory.open(window + 1)).collect::<Result<_, _>>()?;
    } else {
        evidence.material = Some(Material {
            body: body.clone(),
            ids: trajectory.ids.clone(),
            raw_text: trajectory.raw_text.clone(),
            header: trajectory.open(0)?,
        });
    }
    Ok(())
}

fn report(job: &Job<'_>, reply: &ScoreReply) -> Result<Report> {
    let windows = reply.windows.iter().map(|score| {
        let (sketches, tops) = score.unpack()?;
        Ok(WindowReport { window: score.window, sketches, tops })
    });
    Ok(Report {
        job: job.hash(),
        mode: job.mode,
        class: reply.class.class_hash(),
        n_prompt: reply.n_prompt,
        prompt_ids: reply.prompt_ids_hash,
        raw_text_sha256: *reply.raw_text_sha256.as_bytes(),
        end_token_at: reply.end_token_at,
        stop_string_at: reply.stop_string_at,
        windows: windows.collect::<Result<_>>()?,
        margins: reply.margin_list()?,
    })
}
