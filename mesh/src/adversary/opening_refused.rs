//! The lie: the provider pushes its record and then opens nothing, as one would that never kept what it committed to.
//!
//! It has until the deadline; after it the silence itself rejects (SPEC 5.6). There is nothing to switch off: without leaves no check
//! can pass, so without the deadline the reply would just never settle.
//!
//! [`Silent`] is put together from the provider's own parts as its `start` does it, but for one: whoever asks for openings is
//! shown another cupboard, which is empty.

use super::Expected;
use crate::{Mesh, tools::MODEL_ID};
use anyhow::Result;
use ogong_audit::{Announcement, Check, Role};
use ogong_base::{
    hash::{ConsensusId, NetworkId},
    units::UnixMillis,
};
use ogong_daemon::{Shutdown, Store, clock::now_ms, files};
use ogong_engine::{EngineClient, wire::Capabilities};
use ogong_net::{Endpoint, Offer, Pin, consensus_id_of_file};
use ogong_provider::{
    announce,
    gate::Terms,
    http,
    keys::Keys,
    ledger_store::Replies,
    market::Market,
    push::Pusher,
    service::{Service, UnderWay},
    validators::Validators,
};
use ogong_settlement::{interface::PROGRAM_ID, wallet};
use std::{net::SocketAddr, sync::Arc};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
    task::JoinHandle,
};

/// What catches it.
pub const EXPECTED: Expected = Expected::of(&[Check::Opening], &[]);

/// A provider that opens nothing, in this process.
pub struct Silent {
    shutdown: Shutdown,
    tasks: Vec<JoinHandle<()>>,
    endpoint: Endpoint,
    /// Says that the engine is up, for as long as it is held.
    _ready: watch::Sender<bool>,
}

impl Silent {
    /// Starts it in front of an engine and makes it known to router and validators.
    ///
    /// # Errors
    /// When engine, chain or system do not give what it needs.
    pub async fn start(mesh: &Mesh, name: &str, engine: EngineClient, price: u64) -> Result<Self> {
        let home = mesh.dir().join(format!("provider-{name}"));
        files::create_private_dir(&home)?;
        let keys = Keys::load_or_create(&home)?;
        let payout = wallet::address(&keys.payout);
        mesh.ledger.chain.create_token_accounts(&mesh.ledger.admin, &mesh.ledger.mint, &[payout]).await?;
        let capabilities = engine.capabilities().await?;
        let endpoint = Endpoint::bind(SocketAddr::from(([127, 0, 0, 1], 0)), &keys.identity)?;
        let replies = Replies::of(&Store::open(&home.join("provider.redb"))?);
        // The lie.
        let nothing = Replies::of(&Store::open(&home.join("nothing.redb"))?);
        let validators = Validators::new(endpoint.clone(), nothing);
        validators.refresh(&mesh.ledger.chain).await?;
        let pusher = Pusher::new(replies.clone(), *keys.payout.as_bytes())?;
        let terms = terms(mesh, &keys, &capabilities, price).await?;
        let slots = Arc::new(Semaphore::new(1));
        let tcp = TcpListener::bind(("127.0.0.1", 0)).await?;
        let offer = offer(&terms, &capabilities, endpoint.consensus_id(), format!("http://{}", tcp.local_addr()?));
        let router = endpoint.dialer(mesh.router.endpoint.clone(), Pin::from(consensus_id_of_file(&mesh.router.home)?));
        let (ready, is_ready) = watch::channel(true);
        let shutdown = Shutdown::new();
        let announcement = announcement(&terms, &capabilities, endpoint.consensus_id());
        let market = Market { offer, key: Arc::clone(&keys.node), router, slots: Arc::clone(&slots), ready: is_ready };
        let service = Arc::new(Service {
            terms,
            key: Arc::clone(&keys.node),
            chain: mesh.ledger.chain.clone(),
            engine,
            slots,
            replies,
            pusher: pusher.clone(),
            under_way: UnderWay::default(),
        });
        let tasks = vec![
            tokio::spawn(pusher.run(validators.clone(), shutdown.clone())),
            tokio::spawn(announce::run(announcement, keys.node, validators, shutdown.clone())),
            tokio::spawn(market.run(shutdown.clone())),
            tokio::spawn(async move {
                let _ = axum::serve(tcp, http::routes(service)).await;
            }),
        ];
        Ok(Self { shutdown, tasks, endpoint, _ready: ready })
    }

    /// Withdraws from the router and ends.
    pub async fn stop(self) {
        self.shutdown.trigger();
        let (server, others) = self.tasks.split_last().map_or((None, &[][..]), |(last, rest)| (Some(last), rest));
        if let Some(server) = server {
            server.abort();
        }
        while others.iter().any(|task| !task.is_finished()) {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        self.endpoint.close().await;
    }
}

async fn terms(mesh: &Mesh, keys: &Keys, capabilities: &Capabilities, price: u64) -> Result<Terms> {
    Ok(Terms {
        network: NetworkId::from_bytes(mesh.ledger.chain.config().await?.network),
        program: wallet::chain_key(&PROGRAM_ID),
        provider: keys.node.node_id(),
        model_id: MODEL_ID.parse()?,
        model_root: capabilities.model_root,
        n_ctx: capabilities.n_ctx,
        price_prompt: price,
        price_completion: price,
        payout: keys.payout,
    })
}

fn announcement(terms: &Terms, capabilities: &Capabilities, consensus_id: ConsensusId) -> Announcement {
    Announcement {
        network: terms.network,
        role: Role::Provider,
        model_id: terms.model_id.clone(),
        model_root: terms.model_root,
        class: capabilities.class.clone(),
        consensus_id,
        endpoint: String::new(),
        stake_owner: terms.payout,
        payout: terms.payout,
        issued: UnixMillis(now_ms()),
    }
}

fn offer(terms: &Terms, capabilities: &Capabilities, consensus_id: ConsensusId, url: String) -> Offer {
    Offer {
        network: terms.network,
        node_id: terms.provider,
        consensus_id,
        machine: "silent".to_owned(),
        model_id: terms.model_id.clone(),
        model_root: terms.model_root,
        class_hash: capabilities.class.class_hash(),
        n_ctx: terms.n_ctx,
        slots: 1,
        price_prompt: terms.price_prompt,
        price_completion: terms.price_completion,
        endpoint: url,
        tls_cert: None,
        payout: terms.payout,
        stake_owner: terms.payout,
        stake: 0,
        issued_ms: 0,
        expires_ms: 0,
    }
}
