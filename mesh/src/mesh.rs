//! Starts every role, as a process of its own or in this process, in the order in which each needs the one before.

use crate::{
    Tools,
    ledger::{self, Ledger, Network, TOKEN},
    node::{Driver, Node},
    provision::{json, run},
    roles::{start_gateway, start_provider, start_router, start_validator},
    tools::MODEL_ID,
};
use anyhow::{Context, Result};
use ogong_base::hash::{ModelRoot, NodeId};
use ogong_engine::Supervisor;
use ogong_settlement::{Wallet, interface::Address};
use serde_json::Value;
use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    time::Duration,
};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

/// What the consumer's wallet starts with.
const PURSE: u64 = 10_000 * TOKEN;
/// All nodes have found each other within.
const JOINED: Duration = Duration::from_secs(60);

/// How a mesh is made.
#[derive(Debug, Clone)]
pub struct MeshConfig {
    /// How many validators.
    pub validators: usize,
    /// The providers.
    pub providers: Vec<ProviderSpec>,
    /// Weight format of the file the catalogue names.
    pub catalogue_format: String,
    /// Beacon and audit rate.
    pub network: Network,
    /// When audits ask for exact mode: `auto`, `always` or `never`.
    pub exact: String,
    /// Threads of one engine.
    pub engine_threads: u32,
    /// Keep logs and stores here instead of a temporary directory.
    pub dir: Option<PathBuf>,
    /// How the roles run.
    pub driver: Driver,
    /// How each validator differs from one that audits everything and holds the sink; those not listed do not.
    pub duties: Vec<Duty>,
}

/// What one validator does.
#[derive(Debug, Clone)]
pub struct Duty {
    /// Its `--alpha`.
    pub alpha: &'static str,
    /// Whether it holds the settlement sink; else it only co-signs.
    pub sink: bool,
    /// Endpoint and certificate of the verifier it is told to ask.
    pub verifier: Option<(String, PathBuf)>,
}

impl Default for Duty {
    fn default() -> Self {
        Self { alpha: "1", sink: true, verifier: None }
    }
}

/// One provider: an engine of its own on a model file, or an engine somebody else runs.
#[derive(Debug, Clone)]
pub struct ProviderSpec {
    /// Machine name.
    pub name: String,
    /// Weight format of the file it serves.
    pub format: String,
    /// Engine to front instead of spawning one.
    pub upstream: Option<String>,
    /// Whether it verifies for others.
    pub verify: bool,
    /// Registers with the router only when asked to.
    pub price: u64,
}

impl ProviderSpec {
    /// An honest provider of the demo's model.
    pub fn honest(name: &str) -> Self {
        Self { name: name.to_owned(), format: "Q8_0".to_owned(), upstream: None, verify: true, price: 1_000_000 }
    }
}

impl Default for MeshConfig {
    fn default() -> Self {
        Self {
            validators: 3,
            providers: vec![ProviderSpec::honest("attic"), ProviderSpec::honest("cellar")],
            catalogue_format: "Q8_0".to_owned(),
            network: Network { round_ms: 3_000, alpha_ppm: 1_000_000 },
            exact: "auto".to_owned(),
            engine_threads: 1,
            dir: None,
            driver: Driver::Processes,
            duties: Vec::new(),
        }
    }
}

/// A role and where it keeps things.
pub struct Role {
    /// What runs.
    pub node: Node,
    /// Data directory.
    pub home: PathBuf,
    /// `host:port` or URL, as the role is reached.
    pub endpoint: String,
}

/// A validator.
pub struct Pair {
    /// The role.
    pub role: Role,
    /// Its keypair's address.
    pub authority: Address,
    /// Where its share goes.
    pub fee_owner: Address,
}

/// A provider.
pub struct Provider {
    /// The role.
    pub role: Role,
    /// Node id.
    pub node_id: NodeId,
    /// Where its share goes.
    pub payout: Address,
    /// What a provider in this process leaves to the mesh: its engine, and the verifier beside it.
    pub beside: Option<(Supervisor, Option<Node>)>,
}

impl Provider {
    /// Stops it and what belongs to it.
    pub async fn stop(self) {
        self.role.node.stop().await;
        if let Some((engine, verifier)) = self.beside {
            if let Some(verifier) = verifier {
                verifier.stop().await;
            }
            engine.stop().await;
        }
    }
}

/// Everything, running. Dropping it kills all of it.
pub struct Mesh {
    /// The chain.
    pub ledger: Ledger,
    /// The validators.
    pub validators: Vec<Pair>,
    /// The router.
    pub router: Role,
    /// Where the router's share goes.
    pub router_payout: Address,
    /// The gateway.
    pub gateway: Role,
    /// The consumer's wallet.
    pub consumer: Wallet,
    /// The providers.
    pub providers: Vec<Provider>,
    /// Programs and models.
    pub tools: Tools,
    /// How it was made.
    pub config: MeshConfig,
    pub(crate) dir: PathBuf,
    _scratch: Option<TempDir>,
}

impl Mesh {
    /// Starts all of it and waits until every node has found the others from the chain alone.
    ///
    /// # Errors
    /// The first role that does not come up, with the last line of its log.
    pub async fn start(tools: Tools, config: MeshConfig, say: impl Fn(&str)) -> Result<Self> {
        let scratch = if config.dir.is_none() { Some(TempDir::with_prefix("ogong-mesh-")?) } else { None };
        let dir =
            config.dir.clone().or_else(|| scratch.as_ref().map(|dir| dir.path().to_owned())).context("no directory")?;
        std::fs::create_dir_all(&dir)?;
        say("development chain");
        let ledger = Ledger::start(&tools, &dir, config.network).await?;
        Ok(Self { _scratch: scratch, ..Self::on(ledger, tools, dir, config, say).await? })
    }

    /// The same on a chain that is initialised already.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn on(
        ledger: Ledger,
        tools: Tools,
        dir: PathBuf,
        config: MeshConfig,
        say: impl Fn(&str),
    ) -> Result<Self> {
        list_model(&ledger, &tools, &config.catalogue_format).await?;
        say("router");
        let (router, router_payout) = start_router(&tools, &dir, &ledger, config.driver).await?;
        say(&format!("{} validators, registered on chain", config.validators));
        let mut validators = Vec::new();
        for index in 0..config.validators {
            validators.push(start_validator(&tools, &dir, &ledger, &config, index, router_payout).await?);
        }
        say("gateway");
        let consumer = ledger::wallet()?;
        ledger.fund(&consumer.address(), PURSE).await?;
        let gateway =
            start_gateway((&tools, config.driver), &dir, &ledger, &router, &consumer, ("gateway", None)).await?;
        let mut mesh = Self {
            ledger,
            validators,
            router,
            router_payout,
            gateway,
            consumer,
            providers: Vec::new(),
            tools,
            config,
            dir,
            _scratch: None,
        };
        for spec in mesh.config.providers.clone() {
            say(&format!("provider {}", spec.name));
            mesh.add_provider(&spec).await?;
        }
        say("waiting until all have found each other from the chain");
        mesh.joined().await?;
        Ok(mesh)
    }

    /// Where logs are.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The gateway's base URL.
    pub fn url(&self) -> &str {
        &self.gateway.endpoint
    }

    /// Starts one more gateway, with a price ceiling of its own.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn start_gateway(&self, name: &str, max_price: Option<u64>) -> Result<Role> {
        let how = (&self.tools, self.config.driver);
        start_gateway(how, &self.dir, &self.ledger, &self.router, &self.consumer, (name, max_price)).await
    }

    /// Starts one more provider.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn add_provider(&mut self, spec: &ProviderSpec) -> Result<()> {
        let provider = start_provider(self, spec).await?;
        self.providers.push(provider);
        Ok(())
    }

    /// Waits until every validator sees every other and every node that announces itself.
    ///
    /// # Errors
    /// Says who waits for what when it takes too long.
    pub async fn joined(&mut self) -> Result<()> {
        let verifying = self.config.providers.iter().filter(|spec| spec.verify).count();
        let (peers, nodes) = (self.validators.len() - 1, self.providers.len() + verifying.min(self.providers.len()));
        let deadline = Instant::now() + JOINED;
        loop {
            let mut waiting = Vec::new();
            for pair in &mut self.validators {
                pair.role.node.alive()?;
                let status = validator_status(&self.tools, &pair.role).await;
                let status = status.as_ref().ok();
                let connected = status
                    .and_then(|status| status["peers"].as_array())
                    .map_or(0, |peers| peers.iter().filter(|peer| peer["connected"] == true).count());
                let announced = status.and_then(|status| status["announced"].as_u64()).unwrap_or(0);
                if connected < peers || announced < nodes as u64 {
                    waiting.push(format!(
                        "{}: {connected} of {peers} peers, {announced} of {nodes} announced",
                        pair.role.node.name()
                    ));
                }
            }
            if waiting.is_empty() {
                return Ok(());
            }
            if Instant::now() > deadline {
                anyhow::bail!(
                    "the nodes did not find each other: {}\n  hint: logs are in {}",
                    waiting.join("; "),
                    self.dir.display()
                );
            }
            sleep(Duration::from_millis(300)).await;
        }
    }

    /// Stops everything in the order of the flow, so that nobody logs a lost peer.
    pub async fn stop(self) {
        self.gateway.node.stop().await;
        for provider in self.providers {
            provider.stop().await;
        }
        self.router.node.stop().await;
        for pair in self.validators {
            pair.role.node.stop().await;
        }
        if let Some(chain) = self.ledger.node {
            chain.stop().await;
        }
    }
}

/// What a validator says of itself.
///
/// # Errors
/// When it does not answer.
pub async fn validator_status(tools: &Tools, role: &Role) -> Result<Value> {
    json(
        &tools.bin("ogong-validatord")?,
        [
            OsStr::new("status"),
            "--json".as_ref(),
            "--node".as_ref(),
            role.endpoint.as_ref(),
            "--data-dir".as_ref(),
            role.home.as_ref(),
        ],
        &[],
    )
    .await
}

/// Enters the mesh's model into the catalogue.
///
/// # Errors
/// When its file cannot be read or the chain refuses.
pub async fn list_model(ledger: &Ledger, tools: &Tools, format: &str) -> Result<()> {
    let root = model_root(tools, format).await?;
    ledger.chain.set_model(&ledger.admin, MODEL_ID, &root, &ledger.admin.address()).await?;
    Ok(())
}

/// The root the catalogue gets for a model file.
///
/// # Errors
/// When the file cannot be read.
pub async fn model_root(tools: &Tools, format: &str) -> Result<ModelRoot> {
    let file = tools.model(format)?;
    let printed = run(&tools.bin("ogong-text-server")?, [OsStr::new("model-root"), file.as_ref()], &[]).await?;
    Ok(ModelRoot::from_hex(String::from_utf8_lossy(&printed).trim())?)
}
