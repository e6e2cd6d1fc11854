//! A provider put together from the provider's own parts as its `start` does it, but for what it does with its records: the
//! lies that no engine can tell.

use super::empty_commitment::emptied;
use crate::{Mesh, tools::MODEL_ID};
use anyhow::Result;
use ogong_audit::{Announcement, Role};
use ogong_base::{
    codec::Decode,
    hash::{ConsensusId, NetworkId},
    keys::NodeKey,
    units::UnixMillis,
};
use ogong_commitment::record::Record;
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
use std::{collections::BTreeSet, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
    task::JoinHandle,
    time::sleep,
};

/// How often a crook looks for a new record of its own.
const LOOK: Duration = Duration::from_millis(50);

/// What it does with its own records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crook {
    /// Pushes them and opens nothing.
    Silent,
    /// Pushes one over no tokens in place of each.
    Empty,
}

/// A provider of our own making, in this process.
pub struct Crooked {
    shutdown: Shutdown,
    tasks: Vec<JoinHandle<()>>,
    endpoint: Endpoint,
    /// Says that the engine is up, for as long as it is held.
    _ready: watch::Sender<bool>,
}

impl Crooked {
    /// Starts it before an engine and makes it known to router and validators.
    ///
    /// # Errors
    /// When engine, chain or system do not give what it needs.
    pub async fn start(mesh: &Mesh, name: &str, engine: EngineClient, price: u64, crook: Crook) -> Result<Self> {
        let home = mesh.dir().join(format!("provider-{name}"));
        files::create_private_dir(&home)?;
        let keys = Keys::load_or_create(&home)?;
        let payout = wallet::address(&keys.payout);
        mesh.ledger.chain.create_token_accounts(&mesh.ledger.admin, &mesh.ledger.mint, &[payout]).await?;
        let capabilities = engine.capabilities().await?;
        let endpoint = Endpoint::bind(SocketAddr::from(([127, 0, 0, 1], 0)), &keys.identity)?;
        let replies = Replies::of(&Store::open(&home.join("provider.redb"))?);
        // The lie: whoever asks for openings is shown another cupboard.
        let nothing = Replies::of(&Store::open(&home.join("nothing.redb"))?);
        let validators = Validators::new(endpoint.clone(), nothing.clone());
        validators.refresh(&mesh.ledger.chain).await?;
        let pusher = Pusher::new(replies.clone(), *keys.payout.as_bytes())?;
        let pushed = match crook {
            Crook::Silent => pusher.clone(),
            Crook::Empty => Pusher::new(nothing, *keys.payout.as_bytes())?,
        };
        let key = Arc::clone(&keys.node);
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
            replies: replies.clone(),
            pusher,
            under_way: UnderWay::default(),
        });
        if crook == Crook::Empty {
            tokio::spawn(push_emptied(replies, pushed.clone(), key, shutdown.clone()));
        }
        let tasks = vec![
            tokio::spawn(pushed.run(validators.clone(), shutdown.clone())),
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
            sleep(LOOK).await;
        }
        self.endpoint.close().await;
    }
}

/// Puts an empty record in the place of every honest one. The pusher that the service hands its own to is never run.
async fn push_emptied(replies: Replies, pushed: Pusher, key: Arc<NodeKey>, shutdown: Shutdown) {
    let mut seen = BTreeSet::new();
    while !shutdown.is_triggered() {
        for (reply_id, mut stored) in replies.all().unwrap_or_default() {
            if seen.insert(reply_id)
                && let Ok(record) = Record::from_bytes(&stored.record.record)
            {
                (stored.trajectory, stored.record) = emptied(stored.trajectory, &record, &key);
                pushed.add(reply_id, &stored);
            }
        }
        let _ = shutdown.unless(sleep(LOOK)).await;
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
        machine: "crooked".to_owned(),
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
