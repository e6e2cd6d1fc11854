//! A whole market in one process: a router and a gateway over real QUIC and HTTP, providers that answer with real records, a chain on paper.

#![allow(dead_code)]

pub mod paper;
pub mod provider;

use ogong_base::{ConsensusId, SessionKey};
use ogong_daemon::shutdown::Shutdown;
use ogong_gateway::Gateway;
use ogong_gateway::ledger::Ledger;
use ogong_gateway::market::Market;
use ogong_net::{Endpoint, Identity, Pin, https};
use paper::PaperChain;
use provider::{Behaviour, Provider};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpListener;

pub const MODEL: &str = "ogong/verified/acme/small";
/// Anything that takes longer has hung.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

pub fn router_config(dir: &Path, bind: SocketAddr, relay: bool) -> ogong_router::Config {
    ogong_router::Config {
        bind,
        cert_out: None,
        relay,
        payout: None,
        network: Some(paper::network()),
        stakes: None,
        data_dir: dir.to_owned(),
    }
}

pub struct Mesh {
    pub dir: TempDir,
    /// Taken out by who stops it: the socket goes with the last handle.
    pub router: Option<Endpoint>,
    pub router_id: ConsensusId,
    pub router_addr: SocketAddr,
    pub chain: Arc<PaperChain>,
    pub ledger: Ledger,
    pub base: String,
    pub client: reqwest::Client,
    pub shutdown: Shutdown,
    gateway: Endpoint,
}

pub struct Options {
    pub relay: bool,
    pub max_price: u64,
    pub wrong_pin: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { relay: false, max_price: u64::MAX, wrong_pin: false }
    }
}

impl Mesh {
    pub async fn start(options: Options) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let router =
            ogong_router::start(&router_config(&dir.path().join("router"), loopback(), options.relay)).unwrap();
        let router_addr = router.local_addr().unwrap();
        let pin = if options.wrong_pin { Identity::generate().unwrap().consensus_id() } else { router.consensus_id() };
        let gateway = Endpoint::bind(loopback(), &Identity::generate().unwrap()).unwrap();
        let market = Market::new(gateway.dialer(router_addr.to_string(), Pin::Consensus(pin)));
        let chain = Arc::new(PaperChain::default());
        let ledger = Ledger::open(dir.path()).unwrap();
        let session = SessionKey::from_seed([7; 32]);
        let serving =
            Arc::new(Gateway::new(Arc::clone(&chain) as Arc<_>, market, ledger.clone(), session, options.max_price));
        let listener = TcpListener::bind(loopback()).await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let shutdown = Shutdown::new();
        tokio::spawn(ogong_gateway::serve_http(serving, listener, shutdown.clone()));
        let router_id = router.consensus_id();
        Self {
            dir,
            router: Some(router),
            router_id,
            router_addr,
            chain,
            ledger,
            base,
            client: client(),
            shutdown,
            gateway,
        }
    }

    pub async fn provider(&self, seed: u8, behaviour: Behaviour) -> Provider {
        Provider::start(seed, behaviour, self.router_addr, self.router_id).await
    }

    pub async fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> reqwest::Response {
        let request =
            self.client.post(format!("{}{path}", self.base)).header("content-type", "application/json").body(body);
        tokio::time::timeout(PATIENCE, request.send()).await.expect("an answer in time").expect("an HTTP answer")
    }

    pub async fn chat(&self, stream: bool) -> reqwest::Response {
        self.post("/v1/chat/completions", chat_body(stream)).await
    }
}

pub fn chat_body(stream: bool) -> String {
    format!(
        r#"{{ "user": "alice", "model": "{MODEL}", "messages": [{{"role":"user","content":"hi"}}], "stream": {stream}, "max_tokens": 64 }}"#
    )
}

pub fn client() -> reqwest::Client {
    reqwest::Client::builder().use_preconfigured_tls(https::client_config(None).unwrap()).no_proxy().build().unwrap()
}

/// The status and `error.code` of an error answer.
pub async fn error_of(response: reqwest::Response) -> (u16, String, String) {
    let status = response.status().as_u16();
    let body = response.bytes().await.unwrap();
    let error = ogong_openai::ErrorBody::from_json(&body)
        .unwrap_or_else(|| panic!("no error body: {}", String::from_utf8_lossy(&body)));
    (status, error.error.code.unwrap(), error.error.message)
}
