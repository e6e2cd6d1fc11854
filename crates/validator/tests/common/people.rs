//! A provider and verifiers over real QUIC that compute with the made-up model.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use ogong_audit::{Announcement, Mode, Role, Signed};
use ogong_base::codec::Encode;
use ogong_base::hash::{ChainKey, Hash32};
use ogong_base::units::UnixMillis;
use ogong_commitment::builder::Opening;
use ogong_commitment::order::Order;
use ogong_commitment::params::SamplingParams;
use ogong_daemon::clock::now_ms;
use ogong_net::wire::{
    Announce, ErrorCode, ErrorReply, LeafOpening, Material, Openings, PushRecord, ReceiptReply, Request, Response,
    SignedReport,
};
use ogong_net::{Endpoint, Error, Handler, Identity, Peer, PeerInfo};
use ogong_validator::run::Running;

#[path = "../../../audit/tests/world/mod.rs"]
pub mod world;

use super::Net;
use world::{BODY, Case, Model, PROVIDER, TRUE_MODEL, Verifier};

/// Where the provider is paid.
pub fn payout() -> ChainKey {
    ChainKey::from_bytes([PROVIDER ^ 0xff; 32])
}

/// A reply of today: `writer` answers, `committer`'s numbers are committed. `nonce` makes orders differ.
pub fn reply(nonce: u8, writer: Model, committer: Model) -> Case {
    let mut case = Case::of(BODY, 40, TRUE_MODEL);
    let issued_ms = now_ms();
    case.order = Order {
        nonce: Hash32::from_bytes([nonce; 32]),
        program: ChainKey::ZERO,
        issued_ms,
        deadline_ms: issued_ms + 900_000,
        ..world::order(BODY.as_bytes(), 40)
    };
    let params = SamplingParams::from_body(BODY.as_bytes(), 40).expect("a good body");
    let ids = world::write(&case.order, &case.prompt, &params, writer);
    case.trajectory = world::commit(&case.prompt, &params, &ids, case.order.n_ctx, committer);
    case.record = world::record(&case.order, &case.trajectory);
    case
}

/// The provider of one or more replies.
pub struct Provider {
    pub endpoint: Endpoint,
    peers: Vec<Peer>,
    replies: Arc<std::sync::Mutex<Vec<Case>>>,
    pub refuses: Arc<AtomicBool>,
}

impl Provider {
    /// Dials every validator and announces itself.
    pub async fn join(net: &Net) -> Self {
        let identity = Identity::generate().expect("made");
        let endpoint = Endpoint::bind(local(), &identity).expect("bound");
        let replies = Arc::new(std::sync::Mutex::new(Vec::new()));
        let refuses = Arc::new(AtomicBool::new(false));
        endpoint.serve(Opens { replies: Arc::clone(&replies), refuses: Arc::clone(&refuses) });
        let mut provider = Self { endpoint, peers: Vec::new(), replies, refuses };
        for running in &net.nodes {
            provider.dial(running).await;
        }
        provider
    }

    /// Dials one validator, as after its restart.
    pub async fn dial(&mut self, running: &Running) {
        let addr = running.local_addr().expect("bound");
        let peer = self.endpoint.connect(addr, running.node.consensus_id()).await.expect("connected");
        let announced = announcement(PROVIDER, Role::Provider, &self.endpoint, world::class("a", true), payout());
        peer.ask(announced).await.expect("announced");
        self.peers.retain(|old| old.consensus_id() != peer.consensus_id());
        self.peers.push(peer);
    }

    /// Opens the escrow and keeps the reply for its audit.
    pub fn serve(&self, net: &Net, case: &Case) {
        net.ledger.open(&case.order, world::session().public(), payout());
        self.replies.lock().expect("not poisoned").push(case.clone());
    }

    /// Pushes the record to one validator.
    pub async fn push_to(&self, running: &Running, push: PushRecord) -> Result<ReceiptReply, Error> {
        let id = running.node.consensus_id();
        let peer = self.peers.iter().find(|peer| peer.consensus_id() == id).expect("dialled");
        peer.ask(push).await
    }

    /// Serves a reply and pushes its record to every validator.
    pub async fn answer(&self, net: &Net, case: &Case) {
        self.serve(net, case);
        for running in &net.nodes {
            self.push_to(running, push(case)).await.expect("a receipt");
        }
    }
}

/// The record of a reply as its provider pushes it.
pub fn push(case: &Case) -> PushRecord {
    let signed = case.record.sign(&world::node_key(case.signer));
    PushRecord {
        record: signed.record,
        record_signature: signed.signature.to_bytes(),
        provider_public: signed.public.to_bytes(),
        order: case.order.to_bytes(),
        order_signature: case.order.sign(&world::session()).to_vec(),
        session_key: world::session().public().to_vec(),
        provider_payout: payout().as_bytes().to_vec(),
        n_prompt: u32::try_from(case.prompt.len()).expect("short"),
    }
}

struct Opens {
    replies: Arc<std::sync::Mutex<Vec<Case>>>,
    refuses: Arc<AtomicBool>,
}

impl Opens {
    fn case(&self, reply_id: &[u8]) -> Result<Case, ErrorReply> {
        if self.refuses.load(Ordering::SeqCst) {
            return Err(ErrorReply::new(ErrorCode::Forbidden, "no", ""));
        }
        let replies = self.replies.lock().expect("not poisoned");
        let found = replies.iter().find(|case| case.order.reply_id().as_bytes() == reply_id);
        found.cloned().ok_or_else(|| ErrorReply::new(ErrorCode::NotFound, "no such reply", ""))
    }
}

impl Handler for Opens {
    async fn handle(&self, _from: PeerInfo, request: Request) -> Result<Response, ErrorReply> {
        match request {
            Request::MaterialRequest(request) => {
                let case = self.case(&request.reply_id)?;
                let material = case.material();
                let header = Some(leaf(&material.header));
                Ok(Material {
                    reply_id: request.reply_id,
                    body: material.body,
                    ids: material.ids,
                    raw_text: material.raw_text,
                    header,
                }
                .into())
            }
            Request::OpeningRequest(request) => {
                let case = self.case(&request.reply_id)?;
                let open = |index: &u32| leaf(&case.trajectory.open(*index).expect("a leaf of the reply"));
                Ok(Openings { openings: request.leaves.iter().map(open).collect(), reply_id: request.reply_id }.into())
            }
            other => Err(ErrorReply::unsupported(other.kind(), "provider")),
        }
    }
}

fn leaf(opening: &Opening) -> LeafOpening {
    LeafOpening { index: opening.index, leaf: opening.leaf.clone(), proof: opening.proof.0.as_flattened().to_vec() }
}

/// A verifier that knows the replies it will be asked about.
pub struct Scorer {
    pub endpoint: Endpoint,
    pub jobs: Arc<AtomicU32>,
    pub identity: Identity,
    cases: Arc<std::sync::Mutex<Vec<Case>>>,
    _peers: Vec<Peer>,
}

impl Scorer {
    /// Serves, and announces itself to every validator if it is to be drawn.
    pub async fn join(net: &Net, verifier: Verifier, announced: bool) -> Self {
        let identity = Identity::generate().expect("made");
        let endpoint = Endpoint::bind(local(), &identity).expect("bound");
        let (jobs, cases) = (Arc::new(AtomicU32::new(0)), Arc::new(std::sync::Mutex::new(Vec::new())));
        endpoint.serve(Scores { verifier: verifier.clone(), cases: Arc::clone(&cases), jobs: Arc::clone(&jobs) });
        let mut peers = Vec::new();
        for running in net.nodes.iter().filter(|_| announced) {
            let peer = endpoint
                .connect(running.local_addr().expect("bound"), running.node.consensus_id())
                .await
                .expect("connected");
            let owner = ChainKey::from_bytes([verifier.owner; 32]);
            peer.ask(announcement(verifier.key, Role::Verifier, &endpoint, verifier.class.clone(), owner))
                .await
                .expect("announced");
            peers.push(peer);
        }
        Self { endpoint, jobs, identity, cases, _peers: peers }
    }

    pub fn learn(&self, case: &Case) {
        self.cases.lock().expect("not poisoned").push(case.clone());
    }
}

struct Scores {
    verifier: Verifier,
    cases: Arc<std::sync::Mutex<Vec<Case>>>,
    jobs: Arc<AtomicU32>,
}

impl Handler for Scores {
    async fn handle(&self, _from: PeerInfo, request: Request) -> Result<Response, ErrorReply> {
        let Request::ScoreJob(job) = request else { return Err(ErrorReply::unsupported(request.kind(), "verifier")) };
        self.jobs.fetch_add(1, Ordering::SeqCst);
        if self.verifier.silent {
            return Err(ErrorReply::new(ErrorCode::Busy, "busy", ""));
        }
        let mode = if job.mode == Mode::Exact as u32 { Mode::Exact } else { Mode::Tolerance };
        if mode == Mode::Exact && !self.verifier.class.exact {
            return Err(ErrorReply::new(ErrorCode::Unsupported, "no exact mode", ""));
        }
        let case = self
            .cases
            .lock()
            .expect("not poisoned")
            .iter()
            .find(|case| case.order.reply_id().as_bytes() == job.reply_id.as_slice())
            .cloned();
        let case = case.ok_or_else(|| ErrorReply::new(ErrorCode::NotFound, "unknown reply", ""))?;
        let mut report = case.report(&self.verifier, &job.windows, mode);
        if let Some(lie) = self.verifier.lie {
            lie(&mut report);
        }
        let signed = Signed::sign(report, &world::node_key(self.verifier.key));
        Ok(SignedReport {
            report: signed.body.to_bytes(),
            signature: signed.signature.to_bytes(),
            verifier_public: signed.public.to_bytes(),
        }
        .into())
    }
}

fn announcement(
    key: u8,
    role: Role,
    endpoint: &Endpoint,
    class: ogong_base::class::NumericClass,
    payout: ChainKey,
) -> Announce {
    let body = Announcement {
        network: world::network(),
        role,
        model_id: "ogong/verified/test/tiny".parse().expect("a good id"),
        model_root: world::root(),
        class,
        consensus_id: endpoint.consensus_id(),
        endpoint: endpoint.local_addr().expect("bound").to_string(),
        stake_owner: ChainKey::from_bytes([key; 32]),
        payout,
        issued: UnixMillis(now_ms()),
    };
    let signed = Signed::sign(body, &world::node_key(key));
    Announce {
        announcement: signed.body.to_bytes(),
        signature: signed.signature.to_bytes(),
        public: signed.public.to_bytes(),
    }
}

fn local() -> SocketAddr {
    "127.0.0.1:0".parse().expect("an address")
}
