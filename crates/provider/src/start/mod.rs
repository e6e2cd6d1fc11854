//! `ogong-provider start`: engine, store, validators, router, consumers, in the order in which each needs the one before.

mod engine;
mod front;
mod routine;

use self::{
    engine::{Engine, committing, watch_engine},
    front::Front,
};
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
    validators::Validators,
    verifier::Verifier,
};
use ogong_audit::{Announcement, Role};
use ogong_base::{
    hash::{ChainKey, ConsensusId, NetworkId},
    model_id::ModelId,
    units::UnixMillis,
};
use ogong_daemon::{Shutdown, Store, clock::now_ms, files};
use ogong_engine::wire::Capabilities;
use ogong_net::{Endpoint, Offer, Pin, consensus_id_of_file};
use ogong_settlement::{Chain, interface::PROGRAM_ID, wallet};
use serde_json::json;
use std::{net::SocketAddr, path::Path, sync::Arc};
use tokio::sync::Semaphore;
use tracing::info;

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
        tokio::spawn(routine::registry(self.chain.clone(), validators.clone(), self.configured()?, shutdown.clone()));
        tokio::spawn(routine::expire(replies, shutdown.clone()));
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
        let served = front.serve(http::routes(service), shutdown.clone()).await;
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
    fn configured(&self) -> Result<Option<(ConsensusId, String)>, Error> {
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
