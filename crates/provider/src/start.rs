//! `ogong-provider start`: engine, store, validators, router, consumers, in the order in which each needs the one before.

use crate::{
    Error, announce,
    cli::Start,
    commands,
    config::{self, Config, Network},
    gate::Terms,
    http,
    keys::Keys,
    ledger_store::Replies,
    market::Market,
    push::Pusher,
    service::{Service, UnderWay},
    tls::Served,
    validators::Validators,
    verifier::{self, Verifier},
};
use ogong_audit::{Announcement, Role};
use ogong_base::{
    hash::{ChainKey, NetworkId},
    model_id::ModelId,
    units::UnixMillis,
};
use ogong_daemon::{Shutdown, Store, clock::now_ms, files};
use ogong_engine::{EngineClient, Supervisor, supervisor::SupervisorConfig, wire::Capabilities};
use ogong_net::{Endpoint, Offer, Pin, consensus_id_of_file};
use ogong_settlement::{Chain, interface::PROGRAM_ID, wallet};
use serde_json::json;
use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
    time::sleep,
};
use tracing::{info, warn};

/// How often the registry of validators is read.
const REGISTRY: Duration = Duration::from_secs(30);
/// How often it is read while no validator is known.
const REGISTRY_EMPTY: Duration = Duration::from_secs(2);
/// How often old openings are dropped.
const EXPIRE: Duration = Duration::from_secs(600);

/// The engine behind this provider: a child, or a server that somebody else runs.
enum Engine {
    Embedded(Supervisor),
    Upstream(EngineClient),
}

impl Engine {
    async fn of(config: &Config, home: &Path) -> Result<Self, Error> {
        if let Some(url) = &config.upstream {
            return Ok(Self::Upstream(EngineClient::new(url)?));
        }
        let (model, args) = config.text_model()?;
        let mut spawn = SupervisorConfig::new(&model, verifier::log_dir(home).join("engine.log"));
        spawn.extra_args = args;
        spawn.commit = config.join_network;
        (spawn.parallel, spawn.n_ctx, spawn.threads) = (config.parallel, config.n_ctx, config.threads);
        info!(model = %model.display(), "starting the engine");
        Ok(Self::Embedded(Supervisor::start(spawn).await?))
    }

    fn client(&self) -> &EngineClient {
        match self {
            Self::Embedded(supervisor) => supervisor.client(),
            Self::Upstream(client) => client,
        }
    }

    async fn stop(self) {
        if let Self::Embedded(supervisor) = self {
            supervisor.stop().await;
        }
    }
}

/// Runs until `shutdown`.
///
/// # Errors
/// What is missing or does not fit, before anything is served.
pub async fn run(home: &Path, flags: Start, shutdown: Shutdown) -> Result<(), Error> {
    let mut config = commands::load(home)?;
    override_with(&mut config, &flags)?;
    let network = Network::of(&config)?;
    files::create_private_dir(home)?;
    let keys = Keys::load_or_create(home)?;
    let program = config.program_id.unwrap_or_else(|| wallet::chain_key(&PROGRAM_ID));
    let chain = Chain::connect(&network.rpc_url, wallet::address(&program)).await?;
    let front = Front::bind(&config).await?;
    let engine = Engine::of(&config, home).await?;
    let node = Node { home, config: &config, network: &network, keys: &keys, chain: &chain, program };
    let outcome = node.serve(&engine, front, &flags, &shutdown).await;
    shutdown.trigger();
    engine.stop().await;
    outcome
}

fn override_with(config: &mut Config, flags: &Start) -> Result<(), Error> {
    let overrides = crate::cli::Configure {
        listen: flags.listen.clone(),
        rpc_url: flags.rpc_url.clone(),
        program_id: flags.program_id.clone(),
        ..Default::default()
    };
    config.apply(&overrides)
}

/// The consumers' side: bound before anything else, so that a port in use is found at once.
struct Front {
    tcp: TcpListener,
    addr: SocketAddr,
    tls: Option<Served>,
}

impl Front {
    async fn bind(config: &Config) -> Result<Self, Error> {
        let wanted = config.listen.unwrap_or_else(|| config::LISTEN.parse().expect("invariant: a constant address"));
        let tls = match (&config.cert, &config.key) {
            (Some(cert), Some(key)) => Some(Served::load(cert, key)?),
            (None, None) if wanted.ip().is_loopback() => None,
            (None, None) => return Err(Error::PlainHttp { addr: wanted }),
            (Some(_), None) => return Err(Error::Missing { flag: "--key" }),
            (None, Some(_)) => return Err(Error::Missing { flag: "--cert" }),
        };
        let listen = |source| Error::Listen { addr: wanted, source };
        let tcp = TcpListener::bind(wanted).await.map_err(listen)?;
        let addr = tcp.local_addr().map_err(listen)?;
        Ok(Self { tcp, addr, tls })
    }

    fn url(&self, config: &Config) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        config.endpoint.clone().unwrap_or_else(|| format!("{scheme}://{}", self.addr))
    }
}

struct Node<'a> {
    home: &'a Path,
    config: &'a Config,
    network: &'a Network,
    keys: &'a Keys,
    chain: &'a Chain,
    program: ChainKey,
}

impl Node<'_> {
    async fn serve(&self, engine: &Engine, front: Front, flags: &Start, shutdown: &Shutdown) -> Result<(), Error> {
        let capabilities = self.capabilities(engine).await?;
        let chain_config = self.chain.config().await?;
        let network_id = NetworkId::from_bytes(chain_config.network);
        let endpoint = Endpoint::bind(SocketAddr::from(([0, 0, 0, 0], 0)), &self.keys.identity)?;
        let store = Store::open(&self.home.join("provider.redb"))?;
        let replies = Replies::of(&store);
        let validators = Validators::new(endpoint.clone(), replies.clone());
        let pusher = Pusher::new(replies.clone(), *self.keys.payout.as_bytes())?;
        let slots = Arc::new(Semaphore::new(capabilities.slots.max(1) as usize));
        let terms = self.terms(&capabilities, network_id);
        let service = Arc::new(Service {
            terms: terms.clone(),
            key: Arc::clone(&self.keys.node),
            chain: self.chain.clone(),
            engine: engine.client().clone(),
            slots: Arc::clone(&slots),
            replies: replies.clone(),
            pusher: pusher.clone(),
            under_way: UnderWay::default(),
        });
        tokio::spawn(pusher.run(validators.clone(), shutdown.clone()));
        tokio::spawn(registry(self.chain.clone(), validators.clone(), self.configured()?, shutdown.clone()));
        tokio::spawn(expire(replies, shutdown.clone()));
        let announcement = self.announcement(&terms, &capabilities, &endpoint);
        tokio::spawn(announce::run(announcement, Arc::clone(&self.keys.node), validators, shutdown.clone()));
        self.start_verifier(engine, shutdown);
        let ready = watch_engine(engine.client().clone(), shutdown.clone());
        let offer = self.offer(&terms, &capabilities, &endpoint, &front);
        let router =
            endpoint.dialer(self.network.router.clone(), Pin::from(consensus_id_of_file(&self.network.router_cert)?));
        let market = Market { offer, key: Arc::clone(&self.keys.node), router, slots, ready };
        let market = tokio::spawn(market.run(shutdown.clone()));
        let url = front.url(self.config);
        info!(%url, provider = %self.keys.provider_id(self.config.machine.as_deref()), model = %terms.model_id, "serving");
        if let Some(path) = &flags.ready_file {
            let ready =
                json!({ "url": url, "node_id": terms.provider, "payout": terms.payout, "pid": std::process::id() });
            files::write_atomic(path, ready.to_string().as_bytes(), files::PUBLIC)?;
        }
        let served = serve_http(front, http::routes(service), shutdown.clone()).await;
        let _ = market.await;
        endpoint.close().await;
        served
    }

    /// What the engine can do, held against the network's needs and the catalogue (SPEC 1.5).
    async fn capabilities(&self, engine: &Engine) -> Result<Capabilities, Error> {
        let capabilities = committing(engine.client()).await?;
        let model_id = &self.network.model_id;
        let named = self.chain.model_root(&model_id.to_string()).await?;
        let expected = named.ok_or_else(|| Error::UnknownModel { model_id: model_id.to_string() })?;
        if expected != capabilities.model_root {
            return Err(Error::OtherModel {
                model_id: model_id.to_string(),
                expected: expected.to_hex(),
                got: capabilities.model_root.to_hex(),
            });
        }
        Ok(capabilities)
    }

    fn terms(&self, capabilities: &Capabilities, network: NetworkId) -> Terms {
        Terms {
            network,
            program: self.program,
            provider: self.keys.node.node_id(),
            model_id: self.network.model_id.clone(),
            model_root: capabilities.model_root,
            n_ctx: capabilities.n_ctx,
            price_prompt: self.network.price_prompt,
            price_completion: self.network.price_completion,
            payout: self.keys.payout,
        }
    }

    fn stake_owner(&self) -> ChainKey {
        self.config.stake_owner.unwrap_or(self.keys.payout)
    }

    fn announcement(&self, terms: &Terms, capabilities: &Capabilities, endpoint: &Endpoint) -> Announcement {
        Announcement {
            network: terms.network,
            role: Role::Provider,
            model_id: terms.model_id.clone(),
            model_root: terms.model_root,
            class: capabilities.class.clone(),
            consensus_id: endpoint.consensus_id(),
            endpoint: String::new(),
            stake_owner: self.stake_owner(),
            payout: terms.payout,
            issued: UnixMillis(now_ms()),
        }
    }

    fn offer(&self, terms: &Terms, capabilities: &Capabilities, endpoint: &Endpoint, front: &Front) -> Offer {
        Offer {
            network: terms.network,
            node_id: terms.provider,
            consensus_id: endpoint.consensus_id(),
            machine: self.config.machine.clone().unwrap_or_default(),
            model_id: terms.model_id.clone(),
            model_root: terms.model_root,
            class_hash: capabilities.class.class_hash(),
            n_ctx: terms.n_ctx,
            slots: capabilities.slots,
            price_prompt: terms.price_prompt,
            price_completion: terms.price_completion,
            endpoint: front.url(self.config),
            tls_cert: front.tls.as_ref().map(|tls| tls.fingerprint),
            payout: terms.payout,
            stake_owner: self.stake_owner(),
            stake: 0,
            issued_ms: 0,
            expires_ms: 0,
        }
    }

    /// The validator named by flag, where its certificate is named too; one without is found in the registry.
    fn configured(&self) -> Result<Option<(ogong_base::hash::ConsensusId, String)>, Error> {
        match (&self.config.validator_endpoint, &self.config.validator_cert) {
            (Some(endpoint), Some(cert)) => Ok(Some((consensus_id_of_file(cert)?, endpoint.clone()))),
            _ => Ok(None),
        }
    }

    fn start_verifier(&self, engine: &Engine, shutdown: &Shutdown) {
        if self.config.verify == Some(false) {
            return;
        }
        let bind = self
            .config
            .verifier_bind
            .unwrap_or_else(|| config::VERIFIER_BIND.parse().expect("invariant: a constant address"));
        let verifier = Verifier {
            engine_url: engine.client().base_url().to_owned(),
            bind,
            model_id: ModelId::clone(&self.network.model_id),
            rpc_url: self.network.rpc_url.clone(),
            program_id: self.program,
            stake_owner: self.stake_owner(),
            home: self.home.to_owned(),
        };
        tokio::spawn(verifier.run(shutdown.clone()));
    }
}

/// What an engine can do, if it can earn: a server without commit mode shows neither coins nor hidden states.
///
/// # Errors
/// When it cannot, or cannot be asked.
async fn committing(engine: &EngineClient) -> Result<Capabilities, Error> {
    match engine.capabilities().await {
        Ok(capabilities) if capabilities.commit && capabilities.score => Ok(capabilities),
        Ok(_) | Err(ogong_engine::Error::Refused { .. } | ogong_engine::Error::Malformed { .. }) => {
            Err(Error::NoCommit { url: engine.base_url().to_owned() })
        }
        Err(error) => Err(error.into()),
    }
}

async fn serve_http(front: Front, routes: axum::Router, shutdown: Shutdown) -> Result<(), Error> {
    let Front { tcp, addr, tls } = front;
    let ended = async move { shutdown.cancelled().await };
    let served = match tls {
        Some(tls) => axum::serve(tls.listen(tcp), routes).with_graceful_shutdown(ended).await,
        None => axum::serve(tcp, routes).with_graceful_shutdown(ended).await,
    };
    served.map_err(|source| Error::Listen { addr, source })
}

async fn registry(
    chain: Chain,
    validators: Validators,
    configured: Option<(ogong_base::hash::ConsensusId, String)>,
    shutdown: Shutdown,
) {
    if let Some((id, endpoint)) = configured {
        validators.add(id, &endpoint);
    }
    while !shutdown.is_triggered() {
        let pause = match validators.refresh(&chain).await {
            Ok(0) => REGISTRY_EMPTY,
            Ok(_) => REGISTRY,
            Err(error) => {
                warn!(%error, "registry could not be read; trying again");
                REGISTRY_EMPTY
            }
        };
        let _ = shutdown.unless(sleep(pause)).await;
    }
}

async fn expire(replies: Replies, shutdown: Shutdown) {
    while !shutdown.is_triggered() {
        match replies.expire(now_ms()).await {
            Ok(0) => {}
            Ok(dropped) => info!(dropped, "old openings dropped"),
            Err(error) => warn!(%error, "old openings could not be dropped"),
        }
        let _ = shutdown.unless(sleep(EXPIRE)).await;
    }
}

fn watch_engine(client: EngineClient, shutdown: Shutdown) -> watch::Receiver<bool> {
    let (sender, receiver) = watch::channel(true);
    tokio::spawn(async move {
        while !shutdown.is_triggered() {
            let up = matches!(client.health().await, Ok(true));
            sender.send_if_modified(|was| std::mem::replace(was, up) != up);
            let _ = shutdown.unless(sleep(Duration::from_secs(1))).await;
        }
    });
    receiver
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{Json, Router, http::StatusCode, routing::get};
    use ogong_base::{class::NumericClass, hash::ModelRoot};

    /// An upstream whose `/v1/capabilities` answers so.
    async fn asked(answer: impl Into<serde_json::Value>, status: StatusCode) -> Result<Capabilities, Error> {
        let answer = answer.into();
        let routes = Router::new().route("/v1/capabilities", get(async move || (status, Json(answer))));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/v1", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        committing(&EngineClient::new(&url).expect("a client")).await
    }

    #[tokio::test]
    async fn an_upstream_without_commit_mode_is_refused() {
        let class = NumericClass {
            engine: "llama.cpp b12032".into(),
            backend: "cpu".into(),
            weight_format: "Q8_0".into(),
            kv_dtype: "f16".into(),
            flash_attention: true,
            exact: true,
        };
        let full = Capabilities {
            engine: "ogong-text-server".into(),
            model: "m".into(),
            model_root: ModelRoot::from_bytes([1; 32]),
            n_ctx: 512,
            n_vocab: 9,
            class,
            commit: true,
            score: true,
            exact: true,
            slots: 1,
        };
        let json = |capabilities: &Capabilities| serde_json::to_value(capabilities).expect("JSON");
        assert_eq!(asked(json(&full), StatusCode::OK).await.expect("it can earn"), full);
        let mute = Capabilities { commit: false, ..full.clone() };
        let unscored = Capabilities { score: false, ..full };
        for (answer, status) in [
            (json(&mute), StatusCode::OK),
            (json(&unscored), StatusCode::OK),
            (json!({"error": {"message": "no such path"}}), StatusCode::NOT_FOUND),
            (json!({"object": "list"}), StatusCode::OK),
        ] {
            let error = asked(answer.clone(), status).await.expect_err("it cannot earn");
            let hint = error.hint().unwrap_or_default();
            assert!(matches!(error, Error::NoCommit { .. }) && hint.contains("commit"), "{answer}: {error}");
        }
        let nobody = EngineClient::new("http://127.0.0.1:1").expect("a client");
        assert!(!matches!(committing(&nobody).await, Err(Error::NoCommit { .. }) | Ok(_)), "that is another trouble");
    }
}
