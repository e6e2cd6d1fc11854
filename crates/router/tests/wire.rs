//! The router over real QUIC: what it takes, what it refuses, and that no peer takes it down.

use ogong_base::{ChainKey, ClassHash, ModelRoot, NetworkId, NodeKey};
use ogong_daemon::clock::now_ms;
use ogong_net::wire::{
    ErrorCode, Forward, Heartbeat, Models, Report, Route, RouteOutcome, StatusRequest, Upsert, Withdraw,
};
use ogong_net::{Dialer, Endpoint, Error, Identity, Offer};
use ogong_router::Config;
use std::net::SocketAddr;
use tempfile::TempDir;

const MODEL: &str = "ogong/verified/acme/small";

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn network() -> NetworkId {
    NetworkId::from_bytes([1; 32])
}

struct Bench {
    dir: TempDir,
    router: Endpoint,
}

fn bench(network: Option<NetworkId>) -> Bench {
    let dir = tempfile::tempdir().unwrap();
    let data_dir = dir.path().join("data");
    let cert_out = Some(dir.path().join("router.der"));
    let router = ogong_router::start(&Config {
        bind: loopback(),
        cert_out,
        relay: false,
        payout: None,
        network,
        stakes: None,
        data_dir,
    })
    .unwrap();
    Bench { dir, router }
}

struct Node {
    key: NodeKey,
    endpoint: Endpoint,
    dialer: Dialer,
}

impl Bench {
    fn node(&self, seed: u8) -> Node {
        let endpoint = Endpoint::bind(loopback(), &Identity::generate().unwrap()).unwrap();
        let dialer = endpoint.dialer(self.router.local_addr().unwrap().to_string(), self.router.consensus_id());
        Node { key: NodeKey::from_seeds([seed; 32], [seed ^ 0xff; 32]), endpoint, dialer }
    }
}

impl Node {
    fn offer(&self) -> Offer {
        let now = now_ms();
        Offer {
            network: network(),
            node_id: self.key.node_id(),
            consensus_id: self.endpoint.consensus_id(),
            machine: String::new(),
            model_id: MODEL.parse().unwrap(),
            model_root: ModelRoot::from_bytes([2; 32]),
            class_hash: ClassHash::from_bytes([3; 32]),
            n_ctx: 1_024,
            slots: 2,
            price_prompt: 10,
            price_completion: 20,
            endpoint: "http://127.0.0.1:1".into(),
            tls_cert: None,
            payout: ChainKey::from_bytes([4; 32]),
            stake_owner: ChainKey::from_bytes([5; 32]),
            stake: 0,
            issued_ms: now,
            expires_ms: now + 60_000,
        }
    }

    async fn upsert(&self, offer: &Offer) -> Result<(), ErrorCode> {
        code(self.dialer.ask(Upsert::from(offer.sign(&self.key))).await).map(drop)
    }

    async fn route(&self, exclude: Vec<Vec<u8>>) -> Result<ogong_net::wire::RouteReply, ErrorCode> {
        let route = Route { model_id: MODEL.into(), max_price: u64::MAX, prompt_tokens: 1, max_tokens: 1, exclude };
        code(self.dialer.ask(route).await)
    }

    async fn report(&self, of: &Node, outcome: RouteOutcome) -> bool {
        let report =
            Report { node_id: of.key.node_id().as_bytes().to_vec(), model_id: MODEL.into(), outcome: outcome.into() };
        self.dialer.ask(report).await.unwrap().counted
    }
}

fn code<T>(outcome: Result<T, Error>) -> Result<T, ErrorCode> {
    outcome.map_err(|error| match error {
        Error::Refused(reply) => {
            assert!(!reply.hint.is_empty(), "no hint in: {}", reply.message);
            reply.code()
        }
        other => panic!("not refused but broken: {other}"),
    })
}

#[tokio::test]
async fn an_offer_comes_out_as_it_went_in() {
    let bench = bench(Some(network()));
    let (provider, gateway) = (bench.node(1), bench.node(2));
    assert_eq!(gateway.route(vec![]).await.unwrap_err(), ErrorCode::NotFound);
    let offer = provider.offer();
    provider.upsert(&offer).await.unwrap();
    let reply = gateway.route(vec![]).await.unwrap();
    assert_eq!(reply.signed_offer().verify(&network(), now_ms()).unwrap(), offer);
    assert_eq!((reply.relay, reply.candidates, reply.router.len(), reply.router_payout.len()), (false, 1, 32, 32));
    let models = gateway.dialer.ask(Models {}).await.unwrap().models;
    assert_eq!(
        (models.len(), models[0].model_id.as_str(), models[0].free_slots, models[0].price_completion),
        (1, MODEL, 1, 20)
    );
    let node_id = offer.node_id.as_bytes().to_vec();
    assert_eq!(gateway.route(vec![node_id.clone()]).await.unwrap_err(), ErrorCode::NotFound);
    assert!(provider.dialer.ask(Withdraw { node_id, model_id: MODEL.into() }).await.unwrap().known);
    assert_eq!(gateway.route(vec![]).await.unwrap_err(), ErrorCode::NotFound);
}

#[tokio::test]
async fn forged_stale_and_foreign_offers_are_refused() {
    let bench = bench(Some(network()));
    let (provider, thief) = (bench.node(1), bench.node(2));
    let good = provider.offer();
    let mut forged = good.sign(&provider.key);
    let last = forged.signature.len() - 1;
    forged.signature[last] ^= 1;
    assert_eq!(code(provider.dialer.ask(Upsert::from(forged)).await).unwrap_err(), ErrorCode::Unverified);
    let expired = Offer { issued_ms: good.issued_ms - 100_000, expires_ms: good.issued_ms - 1, ..good.clone() };
    assert_eq!(provider.upsert(&expired).await.unwrap_err(), ErrorCode::Unverified);
    let elsewhere = Offer { network: NetworkId::from_bytes([8; 32]), ..good.clone() };
    assert_eq!(provider.upsert(&elsewhere).await.unwrap_err(), ErrorCode::Unverified);
    let unreachable = Offer { endpoint: String::new(), ..good.clone() };
    assert_eq!(provider.upsert(&unreachable).await.unwrap_err(), ErrorCode::Malformed);
    let garbage = Upsert { offer: vec![1, 2, 3], public: vec![], signature: vec![] };
    assert_eq!(code(provider.dialer.ask(garbage).await).unwrap_err(), ErrorCode::Unverified);
    // A valid offer over a connection that is not its provider's.
    let stolen = Upsert::from(good.sign(&provider.key));
    assert_eq!(code(thief.dialer.ask(stolen).await).unwrap_err(), ErrorCode::Forbidden);
    provider.upsert(&good).await.unwrap();
    let beat =
        Heartbeat { node_id: good.node_id.as_bytes().to_vec(), model_id: MODEL.into(), free_slots: 0, queued: 0 };
    assert_eq!(code(thief.dialer.ask(beat).await).unwrap_err(), ErrorCode::Forbidden);
}

#[tokio::test]
async fn a_burst_fills_the_slots_and_reports_free_them() {
    let bench = bench(None);
    let (provider, gateway, other) = (bench.node(1), bench.node(2), bench.node(3));
    provider.upsert(&provider.offer()).await.unwrap();
    gateway.route(vec![]).await.unwrap();
    gateway.route(vec![]).await.unwrap();
    assert_eq!(gateway.route(vec![]).await.unwrap_err(), ErrorCode::Busy);
    assert!(!other.report(&provider, RouteOutcome::Failed).await, "who was not sent has no word");
    assert!(gateway.report(&provider, RouteOutcome::Served).await);
    gateway.route(vec![]).await.unwrap();
}

#[tokio::test]
async fn malformed_and_unserved_requests_are_answered_and_the_router_goes_on() {
    let bench = bench(None);
    let (provider, gateway) = (bench.node(1), bench.node(2));
    provider.upsert(&provider.offer()).await.unwrap();
    let bad_model = Route { model_id: "gpt".into(), ..Route::default() };
    assert_eq!(code(gateway.dialer.ask(bad_model).await).unwrap_err(), ErrorCode::Malformed);
    assert_eq!(gateway.route(vec![vec![1; 31]]).await.unwrap_err(), ErrorCode::Malformed);
    assert_eq!(gateway.route(vec![vec![1; 32]; 65]).await.unwrap_err(), ErrorCode::Malformed);
    assert_eq!(code(gateway.dialer.ask(StatusRequest::default()).await).unwrap_err(), ErrorCode::Unsupported);
    let forward =
        Forward { node_id: provider.key.node_id().as_bytes().to_vec(), model_id: MODEL.into(), ..Forward::default() };
    assert_eq!(code(gateway.dialer.ask(forward).await).unwrap_err(), ErrorCode::Unsupported);
    assert!(gateway.route(vec![]).await.is_ok());
}

#[tokio::test]
async fn the_certificate_file_pins_the_router_and_identity_and_payout_are_kept() {
    let bench = bench(None);
    let pinned = ogong_net::consensus_id_of_file(&bench.dir.path().join("router.der")).unwrap();
    assert_eq!(pinned, bench.router.consensus_id());
    let keypair = bench.dir.path().join("data").join(ogong_router::PAYOUT_FILE);
    ogong_daemon::keys::load_keypair(&keypair).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&keypair).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[tokio::test]
async fn a_port_in_use_is_named_with_a_hint() {
    let bench = bench(None);
    let bind = bench.router.local_addr().unwrap();
    let config = Config {
        bind,
        cert_out: None,
        relay: false,
        payout: None,
        network: None,
        stakes: None,
        data_dir: bench.dir.path().join("second"),
    };
    let error = ogong_router::start(&config).err().expect("the port is taken");
    assert!(error.to_string().contains(&bind.port().to_string()), "{error}");
    assert!(error.hint().is_some_and(|hint| hint.contains("--bind")), "{error}");
}
