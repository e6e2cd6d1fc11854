//! Putting a node together and keeping it up.

use std::net::SocketAddr;
use std::sync::Arc;

use ogong_audit::{Profile, SprtParams};
use ogong_daemon::Shutdown;
use ogong_daemon::clock::now_ms;
use ogong_net::Endpoint;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinHandle;
use tracing::{info, warn};

use crate::announced::Announced;
use crate::catalogue::Catalogue;
use crate::config::Config;
use crate::error::Error;
use crate::ledger::{LazyChain, Ledger};
use crate::links::Links;
use crate::node::{JOBS_AT_ONCE, Node};
use crate::registry::{self, Reader};
use crate::rounds::Rounds;
use crate::serve::Service;
use crate::shelf::Shelf;
use crate::turns::Sinks;
use crate::{cases, epochs, keys, verifiers};

/// A node that runs.
pub struct Running {
    /// Its parts.
    pub node: Arc<Node>,
    endpoint: Endpoint,
    actors: Vec<JoinHandle<()>>,
}

/// Starts a node on the chain its config names.
///
/// # Errors
/// When keys, store or socket cannot be had. A chain that does not answer is no error: the node says so and waits.
pub async fn start(config: Config) -> Result<Running, Error> {
    let ledger = config.chain.as_ref().map(|chain| Arc::new(LazyChain::new(chain)) as Arc<dyn Ledger>);
    start_on(config, ledger, Profile::default()).await
}

/// Starts a node on a ledger and with a profile of the caller's, as tests do.
///
/// # Errors
/// As [`start`].
pub async fn start_on(config: Config, ledger: Option<Arc<dyn Ledger>>, profile: Profile) -> Result<Running, Error> {
    let (keys, vrf) = keys::load_or_create(&config.data_dir, config.keypair.as_deref())?;
    if let Some(path) = &config.cert_out {
        keys.identity.write_cert(path)?;
    }
    let shelf = Shelf::open(&config.data_dir, now_ms())?;
    let endpoint = Endpoint::bind(config.bind, &keys.identity)?;
    let links = Links::new(endpoint.clone());
    let (roster, rosters) = watch::channel(None);
    let sequential = config.sequential;
    let node = Arc::new(Node {
        profile,
        sequential: SprtParams::new(sequential.s, sequential.eps, sequential.beta)
            .map_err(|err| Error::usage(err.to_string(), "leave --s, --eps and --beta at their defaults"))?,
        rounds: Rounds::new(keys.identity.consensus_id(), vrf),
        announced: Announced::open(shelf.store(), now_ms())?,
        catalogue: Catalogue::default(),
        sinks: Arc::new(Sinks::default()),
        places: Semaphore::new(JOBS_AT_ONCE),
        batching: tokio::sync::Mutex::default(),
        news: Notify::new(),
        stopping: Shutdown::new(),
        roster: rosters.clone(),
        config,
        keys,
        ledger,
        links: links.clone(),
        shelf,
    });
    node.sinks.note(node.consensus_id(), node.config.holds_sink());
    endpoint.serve(Service(Arc::downgrade(&node)));
    let actors = vec![
        read_registry(&node, roster, endpoint.local_addr()?),
        tokio::spawn(registry::watch_sinks(node.consensus_id(), rosters, links, Arc::clone(&node.sinks))),
        tokio::spawn(verifiers::introduce_pinned(Arc::clone(&node))),
        tokio::spawn(epochs::run(Arc::clone(&node))),
    ];
    cases::resume(&node)?;
    announce_start(&node, &endpoint)?;
    Ok(Running { node, endpoint, actors })
}

/// The actor that keeps the roster: the chain's registry, or the peers the operator named.
fn read_registry(
    node: &Arc<Node>,
    roster: watch::Sender<Option<Arc<crate::roster::Roster>>>,
    local: SocketAddr,
) -> JoinHandle<()> {
    match (&node.ledger, &node.config.chain) {
        (Some(ledger), chain) => {
            let program = chain.as_ref().map(|chain| chain.program).unwrap_or_default();
            let reader = Reader {
                ledger: Arc::clone(ledger),
                program,
                links: node.links.clone(),
                refresh: node.config.registry_refresh,
                roster,
            };
            tokio::spawn(reader.run())
        }
        (None, _) => {
            let vrf_key = node.rounds.key().public().0;
            let me = registry::registration(
                node.chain_key(),
                *node.id().as_bytes(),
                node.consensus_id(),
                vrf_key,
                &local.to_string(),
            );
            tokio::spawn(registry::introduce(node.config.clone(), me, node.links.clone(), roster))
        }
    }
}

fn announce_start(node: &Node, endpoint: &Endpoint) -> Result<(), Error> {
    if node.config.sink.is_some() && !node.config.holds_sink() {
        warn!(
            "built without the settlement feature: the sink environment is ignored, this node audits and co-signs only"
        );
    }
    if node.ledger.is_none() {
        warn!("no chain is configured: escrows and the catalogue are not checked and nothing is settled");
    }
    info!(
        addr = %endpoint.local_addr()?, node_id = %node.id(), consensus_id = %node.consensus_id(), authority = %node.chain_key(),
        sink = node.config.holds_sink(), alpha_ppm = node.config.alpha.0, "validator listening"
    );
    Ok(())
}

impl Running {
    /// Where the node listens.
    ///
    /// # Errors
    /// When the socket is gone.
    pub fn local_addr(&self) -> Result<SocketAddr, Error> {
        Ok(self.endpoint.local_addr()?)
    }

    /// Runs until the process shall end, then closes the connections.
    pub async fn until(self, shutdown: Shutdown) {
        shutdown.cancelled().await;
        self.stop().await;
    }

    /// Stops at once; what was stored stays stored.
    pub async fn stop(self) {
        self.node.stopping.trigger();
        for actor in &self.actors {
            actor.abort();
        }
        self.endpoint.close().await;
    }
}
