//! Starts every role as a process of its own, in the order in which each needs the one before.

use crate::{
    Tools,
    ledger::{self, Ledger, Network, TOKEN},
    process::{Process, Spec},
    provision::{free_tcp_port, free_udp_port, json, run},
    tools::MODEL_ID,
};
use anyhow::{Context, Result};
use ogong_base::hash::{ConsensusId, ModelRoot, NodeId};
use ogong_settlement::{Wallet, interface::Address, solana::Registration};
use serde_json::Value;
use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    time::Duration,
};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

/// A validator's stake; all of a mesh have the same.
const STAKE: u64 = 1_000 * TOKEN;
/// What the consumer's wallet starts with.
const PURSE: u64 = 10_000 * TOKEN;
/// A role is ready within, on a busy machine.
const READY: Duration = Duration::from_secs(90);
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
        }
    }
}

/// A role: its process and where it keeps things.
pub struct Role {
    /// The process.
    pub process: Process,
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
    dir: PathBuf,
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
        let root = model_root(&tools, &config.catalogue_format).await?;
        ledger.chain.set_model(&ledger.admin, MODEL_ID, &root, &ledger.admin.address()).await?;
        say("router");
        let (router, router_payout) = start_router(&tools, &dir, &ledger).await?;
        say(&format!("{} validators, registered on chain", config.validators));
        let mut validators = Vec::new();
        for index in 0..config.validators {
            validators.push(start_validator(&tools, &dir, &ledger, &config, index, router_payout).await?);
        }
        say("gateway");
        let consumer = ledger::wallet()?;
        ledger.fund(&consumer.address(), PURSE).await?;
        let gateway = start_gateway(&tools, &dir, &ledger, &router, &consumer, ("gateway", None)).await?;
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
            _scratch: scratch,
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
        start_gateway(&self.tools, &self.dir, &self.ledger, &self.router, &self.consumer, (name, max_price)).await
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
                pair.role.process.alive()?;
                let status = validator_status(&self.tools, &pair.role).await;
                let status = status.as_ref().ok();
                let connected = status
                    .and_then(|status| status["peers"].as_array())
                    .map_or(0, |peers| peers.iter().filter(|peer| peer["connected"] == true).count());
                let announced = status.and_then(|status| status["announced"].as_u64()).unwrap_or(0);
                if connected < peers || announced < nodes as u64 {
                    waiting.push(format!(
                        "{}: {connected} of {peers} peers, {announced} of {nodes} announced",
                        pair.role.process.name()
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
        self.gateway.process.stop().await;
        for provider in self.providers {
            provider.role.process.stop().await;
        }
        self.router.process.stop().await;
        for pair in self.validators {
            pair.role.process.stop().await;
        }
        self.ledger.process.stop().await;
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

/// The root the catalogue gets for a model file.
///
/// # Errors
/// When the file cannot be read.
pub async fn model_root(tools: &Tools, format: &str) -> Result<ModelRoot> {
    let file = tools.model(format)?;
    let printed = run(&tools.bin("ogong-text-server")?, [OsStr::new("model-root"), file.as_ref()], &[]).await?;
    Ok(ModelRoot::from_hex(String::from_utf8_lossy(&printed).trim())?)
}

async fn start_router(tools: &Tools, dir: &Path, ledger: &Ledger) -> Result<(Role, Address)> {
    let home = dir.join("router");
    let cert = dir.join("router.der");
    let endpoint = format!("127.0.0.1:{}", free_udp_port()?);
    let payout = ledger::wallet()?.address();
    ledger.chain.create_token_accounts(&ledger.admin, &ledger.mint, &[payout]).await?;
    let spec = Spec::new("router", tools.bin("ogong-routerd")?, dir)
        .args(["--bind", &endpoint, "--network", "localnet", "--payout", &payout.to_string()])
        .args([OsStr::new("--home"), home.as_ref(), "--cert-out".as_ref(), cert.as_ref()]);
    let mut process = Process::start(spec)?;
    process.ready(&cert, READY).await?;
    Ok((Role { process, home: cert, endpoint }, payout))
}

async fn start_validator(
    tools: &Tools,
    dir: &Path,
    ledger: &Ledger,
    config: &MeshConfig,
    index: usize,
    router: Address,
) -> Result<Pair> {
    let name = format!("validator-{index}");
    let home = dir.join(&name);
    let program = tools.bin("ogong-validatord")?;
    let identity =
        json(&program, [OsStr::new("identity"), "--json".as_ref(), "--data-dir".as_ref(), home.as_ref()], &[]).await?;
    let text =
        |field: &str| identity[field].as_str().map(str::to_owned).with_context(|| format!("identity has no {field}"));
    let keypair = PathBuf::from(text("keypair")?);
    let wallet = Wallet::read(&keypair)?;
    let fee_owner = wallet.address();
    ledger.fund(&wallet.address(), STAKE).await?;
    let endpoint = format!("127.0.0.1:{}", free_udp_port()?);
    let mut vrf_key = [0; 32];
    hex::decode_to_slice(text("vrf_key")?, &mut vrf_key)?;
    let registration = Registration {
        node_id: NodeId::from_hex(&text("node_id")?)?,
        consensus_id: ConsensusId::from_hex(&text("consensus_id")?)?,
        vrf_key,
        fee_owner,
        stake: STAKE,
        endpoint: endpoint.clone(),
    };
    ledger.chain.register_validator(&wallet, &registration).await?;
    let owners = format!("{router},{fee_owner},{}", ledger.reserve.address());
    let peers_needed = config.validators * 2 / 3;
    let spec = Spec::new(&name, program, dir)
        .args(["--bind", &endpoint, "--alpha", "1", "--registry-refresh", "2", "--exact", &config.exact])
        .args([OsStr::new("--data-dir"), home.as_ref()])
        .env("OGONG_VALIDATOR_KEYPAIR", &keypair)
        .env("OGONG_AUTHORITY_KEYPAIR", &keypair)
        .env("OGONG_PROGRAM_ID", ledger.chain.program().to_string())
        .env("OGONG_RPC_URL", &ledger.rpc_url)
        .env("OGONG_MINT", ledger.mint.to_string())
        .env("OGONG_FEE_OWNERS", owners)
        .env("OGONG_QUORUM", peers_needed.to_string());
    let process = Process::start(spec)?;
    Ok(Pair { role: Role { process, home, endpoint }, authority: wallet.address(), fee_owner })
}

async fn start_gateway(
    tools: &Tools,
    dir: &Path,
    ledger: &Ledger,
    router: &Role,
    consumer: &Wallet,
    (name, max_price): (&str, Option<u64>),
) -> Result<Role> {
    let keypair = dir.join("consumer.json");
    ledger::save(consumer, &keypair)?;
    let home = dir.join(name);
    let bind = format!("127.0.0.1:{}", free_tcp_port()?);
    let mut spec = Spec::new(name, tools.bin("ogong-gatewayd")?, dir)
        .args(["--bind", &bind, "--router", &router.endpoint, "--rpc-url", &ledger.rpc_url])
        .args([
            OsStr::new("--home"),
            home.as_ref(),
            "--router-cert".as_ref(),
            router.home.as_ref(),
            "--payer-keypair".as_ref(),
            keypair.as_ref(),
        ]);
    if let Some(price) = max_price {
        spec = spec.args(["--max-price", &price.to_string()]);
    }
    let mut process = Process::start(spec)?;
    let endpoint = format!("http://{bind}");
    let deadline = Instant::now() + READY;
    while !matches!(reqwest::get(format!("{endpoint}/health")).await, Ok(response) if response.status().is_success()) {
        process.alive()?;
        anyhow::ensure!(
            Instant::now() < deadline,
            "the gateway was not ready\n  hint: see {}",
            process.log().display()
        );
        sleep(Duration::from_millis(100)).await;
    }
    Ok(Role { process, home, endpoint })
}

async fn start_provider(mesh: &Mesh, spec: &ProviderSpec) -> Result<Provider> {
    let program = mesh.tools.bin("ogong-provider")?;
    let home = mesh.dir.join(format!("provider-{}", spec.name));
    let env: [(&str, &OsStr); 1] = [("OGONG_HOME", home.as_ref())];
    let mut args: Vec<OsString> =
        ["configure", "--machine", &spec.name, "--join-network", "--model-id", MODEL_ID].map(OsString::from).into();
    args.extend(
        ["--listen", "127.0.0.1:0", "--rpc-url", &mesh.ledger.rpc_url, "--router", &mesh.router.endpoint]
            .map(OsString::from),
    );
    args.extend([
        "--router-cert".into(),
        mesh.router.home.clone().into_os_string(),
        "--price".into(),
        spec.price.to_string().into(),
    ]);
    args.extend(
        ["--parallel", "4", "--n-ctx", "2048", "--threads", &mesh.config.engine_threads.to_string()]
            .map(OsString::from),
    );
    args.extend(
        [
            "--verify",
            if spec.verify { "true" } else { "false" },
            "--verifier-bind",
            &format!("127.0.0.1:{}", free_udp_port()?),
        ]
        .map(OsString::from),
    );
    args.extend(
        ["--validator-endpoint", &mesh.validators.first().context("no validator")?.role.endpoint].map(OsString::from),
    );
    match &spec.upstream {
        Some(url) => args.extend(["--upstream".into(), url.into()]),
        None => args.extend(["--embedded-text".into(), mesh.tools.model(&spec.format)?.into_os_string()]),
    }
    run(&program, args, &env).await?;
    let wallet = json(&program, ["wallet", "--json"], &env).await?;
    let payout: Address =
        wallet["address"].as_str().context("wallet printed no address")?.parse().ok().context("not an address")?;
    mesh.ledger.chain.create_token_accounts(&mesh.ledger.admin, &mesh.ledger.mint, &[payout]).await?;
    let ready = home.join("ready.json");
    let start = Spec::new(&format!("provider-{}", spec.name), program, &mesh.dir)
        .args([OsStr::new("start"), "--ready-file".as_ref(), ready.as_ref()])
        .env("OGONG_HOME", &home);
    let mut process = Process::start(start)?;
    let line: Value = serde_json::from_slice(&process.ready(&ready, READY).await?)?;
    let endpoint = line["url"].as_str().context("the provider did not say its url")?.to_owned();
    let node_id = NodeId::from_hex(wallet["node_id"].as_str().unwrap_or_default())?;
    Ok(Provider { role: Role { process, home, endpoint }, node_id, payout })
}
