//! Each role of a mesh, started as its operator would: keys, registration and config by its own commands, then its flags.

use crate::{
    Mesh, Tools,
    ledger::{self, Ledger, TOKEN},
    mesh::{MeshConfig, Pair, Provider, ProviderSpec, Role},
    node::{Driver, Node},
    process::Spec,
    provision::{free_tcp_port, free_udp_port, json, run},
    tools::MODEL_ID,
};
use anyhow::{Context, Result};
use ogong_base::hash::{ConsensusId, NodeId};
use ogong_engine::Supervisor;
use ogong_settlement::{
    Wallet,
    interface::{Address, account as chain},
    solana::Registration,
};
use serde_json::Value;
use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::time::{Instant, sleep};

/// A validator's stake; all of a mesh have the same.
const STAKE: u64 = 1_000 * TOKEN;
/// A role is ready within, on a busy machine.
const READY: Duration = Duration::from_secs(90);
/// Requests one provider's engine serves at once.
const PARALLEL: &str = "4";
/// Tokens of one of its slots.
const N_CTX: &str = "2048";

/// Starts a router.
///
/// # Errors
/// When it does not come up.
pub async fn start_router(tools: &Tools, dir: &Path, ledger: &Ledger, driver: Driver) -> Result<(Role, Address)> {
    let home = dir.join("router");
    let cert = dir.join("router.der");
    let endpoint = format!("127.0.0.1:{}", free_udp_port()?);
    let wallet = ledger::wallet()?;
    ledger.enrol(&wallet, chain::Role::Router, &home).await?;
    ledger::save(&wallet, &dir.join("router.json"))?;
    let payout = wallet.address();
    let spec = Spec::new("router", tools.bin("ogong-routerd")?, dir)
        .args(["--bind", &endpoint, "--network", "localnet", "--payout", &payout.to_string()])
        .args([OsStr::new("--home"), home.as_ref(), "--cert-out".as_ref(), cert.as_ref()]);
    let mut node = Node::start(driver, spec)?;
    node.ready(&cert, READY).await?;
    Ok((Role { node, home: cert, endpoint }, payout))
}

/// Stakes, registers and starts a validator; a provisioner does so with one that runs and has written its certificate.
///
/// # Errors
/// When the chain refuses or it does not come up.
pub async fn start_validator(
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
    let mut identity =
        json(&program, [OsStr::new("identity"), "--json".as_ref(), "--data-dir".as_ref(), home.as_ref()], &[]).await?;
    let keypair = PathBuf::from(text(&identity, "keypair")?);
    let authority = Wallet::read(&keypair)?.address();
    let endpoint = format!("127.0.0.1:{}", free_udp_port()?);
    let cert = dir.join(format!("{name}.der"));
    let spec = Spec::new(&name, program, dir)
        .args(["--bind", &endpoint, "--registry-refresh", "2", "--exact", &config.exact])
        .args([OsStr::new("--data-dir"), home.as_ref()])
        .env("OGONG_VALIDATOR_KEYPAIR", &keypair)
        .env("OGONG_VALIDATOR_CERT_OUT", &cert)
        .env("OGONG_PROGRAM_ID", ledger.chain.program().to_string())
        .env("OGONG_RPC_URL", &ledger.rpc_url);
    let spec = on_duty(spec, ledger, config, index, (&keypair, format!("{router},{authority}")));
    let node = match &ledger.provisioner {
        None => {
            register(ledger, &identity, &endpoint).await?;
            Node::start(config.driver, spec)?
        }
        Some(provisioner) => {
            let mut node = Node::start(config.driver, spec)?;
            node.ready(&cert, READY).await?;
            identity["cert"] = cert.display().to_string().into();
            provisioner.register(&identity, &endpoint, STAKE / TOKEN).await?;
            node
        }
    };
    Ok(Pair { role: Role { node, home, endpoint }, authority, fee_owner: authority })
}

/// Audit rate, settlement sink and verifier of one validator.
fn on_duty(spec: Spec, ledger: &Ledger, config: &MeshConfig, index: usize, (keypair, owners): (&Path, String)) -> Spec {
    let duty = config.duties.get(index).cloned().unwrap_or_default();
    let mut spec = spec.args(["--alpha", duty.alpha]);
    if let Some((endpoint, cert)) = duty.verifier {
        spec = spec.args(["--verifier-endpoint", &endpoint]).args([OsStr::new("--verifier-cert"), cert.as_ref()]);
    }
    if duty.sink {
        spec = spec
            .env("OGONG_AUTHORITY_KEYPAIR", keypair)
            .env("OGONG_MINT", ledger.mint.to_string())
            .env("OGONG_FEE_OWNERS", format!("{owners},{}", ledger.reserve))
            .env("OGONG_QUORUM", (config.validators * 2 / 3).to_string());
    }
    spec
}

/// Stakes and enters one validator.
async fn register(ledger: &Ledger, identity: &Value, endpoint: &str) -> Result<()> {
    let wallet = Wallet::read(Path::new(&text(identity, "keypair")?))?;
    ledger.fund(&wallet.address(), STAKE).await?;
    let mut vrf_key = [0; 32];
    hex::decode_to_slice(text(identity, "vrf_key")?, &mut vrf_key)?;
    let registration = Registration {
        node_id: NodeId::from_hex(&text(identity, "node_id")?)?,
        consensus_id: ConsensusId::from_hex(&text(identity, "consensus_id")?)?,
        vrf_key,
        fee_owner: wallet.address(),
        stake: STAKE,
        endpoint: endpoint.to_owned(),
    };
    ledger.chain.register_validator(&wallet, &registration).await?;
    Ok(())
}

fn text(identity: &Value, field: &str) -> Result<String> {
    identity[field].as_str().map(str::to_owned).with_context(|| format!("identity has no {field}"))
}

/// Starts a gateway that the consumer pays through.
///
/// # Errors
/// When it does not come up.
pub async fn start_gateway(
    (tools, driver): (&Tools, Driver),
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
    let mut node = Node::start(driver, spec)?;
    let endpoint = format!("http://{bind}");
    let deadline = Instant::now() + READY;
    while !matches!(reqwest::get(format!("{endpoint}/health")).await, Ok(response) if response.status().is_success()) {
        node.alive()?;
        anyhow::ensure!(Instant::now() < deadline, "the gateway was not ready{}", node.where_to_look());
        sleep(Duration::from_millis(100)).await;
    }
    Ok(Role { node, home, endpoint })
}

/// Configures a provider by its own command and starts it.
///
/// A provider process has its engine and its verifier as children; one in this process fronts an engine that the mesh
/// started, and its verifier is a task beside it.
///
/// # Errors
/// When it does not come up.
pub async fn start_provider(mesh: &Mesh, spec: &ProviderSpec) -> Result<Provider> {
    let home = mesh.dir.join(format!("provider-{}", spec.name));
    let engine = match mesh.config.driver {
        Driver::InProcess if spec.upstream.is_none() => Some(engine_of(mesh, spec).await?),
        _ => None,
    };
    let upstream =
        spec.upstream.clone().or_else(|| engine.as_ref().map(|engine| engine.client().base_url().to_owned()));
    let program = mesh.tools.bin("ogong-provider")?;
    let env: [(&str, &OsStr); 1] = [("OGONG_HOME", home.as_ref())];
    run(&program, configure(mesh, spec, upstream.as_deref())?, &env).await?;
    let wallet = json(&program, ["wallet", "--json"], &env).await?;
    let payout: Address =
        wallet["address"].as_str().context("wallet printed no address")?.parse().ok().context("not an address")?;
    register_provider(mesh, spec, &program, &env, &payout).await?;
    let ready = home.join("ready.json");
    let start = Spec::new(&format!("provider-{}", spec.name), program, &mesh.dir)
        .args([OsStr::new("start"), "--ready-file".as_ref(), ready.as_ref()])
        .env("OGONG_HOME", &home);
    let mut node = Node::start(mesh.config.driver, start)?;
    let line: Value = serde_json::from_slice(&node.ready(&ready, READY).await?)?;
    let endpoint = line["url"].as_str().context("the provider did not say its url")?.to_owned();
    let node_id = NodeId::from_hex(wallet["node_id"].as_str().unwrap_or_default())?;
    let beside = match engine {
        Some(engine) => {
            let verifier = spec.verify.then(|| verifier_of(mesh, &home, engine.client().base_url(), &payout));
            Some((engine, verifier.transpose()?))
        }
        None => None,
    };
    Ok(Provider { role: Role { node, home, endpoint }, node_id, payout, beside })
}

/// Registers it by its own command, and where it verifies its verifier too, whose stake is apart.
async fn register_provider(
    mesh: &Mesh,
    spec: &ProviderSpec,
    program: &Path,
    env: &[(&str, &OsStr)],
    payout: &Address,
) -> Result<()> {
    mesh.ledger.fund(payout, if spec.verify { TOKEN } else { 0 }).await?;
    run(program, ["wallet", "stake", "0"], env).await?;
    if spec.verify {
        run(program, ["wallet", "stake", "1", "--as", "verifier"], env).await?;
    }
    Ok(())
}

fn configure(mesh: &Mesh, spec: &ProviderSpec, upstream: Option<&str>) -> Result<Vec<OsString>> {
    let verifier = format!("127.0.0.1:{}", free_udp_port()?);
    let (price, threads) = (spec.price.to_string(), mesh.config.engine_threads.to_string());
    let verifies = (spec.verify && mesh.config.driver == Driver::Processes).to_string();
    let validator = &mesh.validators.first().context("no validator")?.role.endpoint;
    let flags: [&[&str]; 5] = [
        &["configure", "--machine", &spec.name, "--join-network", "--model-id", MODEL_ID, "--listen", "127.0.0.1:0"],
        &["--rpc-url", &mesh.ledger.rpc_url, "--router", &mesh.router.endpoint, "--price", &price],
        &["--parallel", PARALLEL, "--n-ctx", N_CTX, "--threads", &threads],
        &["--verify", &verifies, "--verifier-bind", &verifier],
        &["--validator-endpoint", validator],
    ];
    let mut args: Vec<OsString> = flags.concat().into_iter().map(OsString::from).collect();
    args.extend(["--router-cert".into(), mesh.router.home.clone().into_os_string()]);
    match upstream {
        Some(url) => args.extend(["--upstream".into(), url.into()]),
        None => args.extend(["--embedded-text".into(), mesh.tools.model(&spec.format)?.into_os_string()]),
    }
    Ok(args)
}

async fn engine_of(mesh: &Mesh, spec: &ProviderSpec) -> Result<Supervisor> {
    let log = mesh.dir.join(format!("engine-{}.log", spec.name));
    crate::adversary::engine(&mesh.tools, &spec.format, log, mesh.config.engine_threads).await
}

/// The verifier that a provider process would have started for itself.
fn verifier_of(mesh: &Mesh, home: &Path, engine: &str, stake_owner: &Address) -> Result<Node> {
    let bind = format!("127.0.0.1:{}", free_udp_port()?);
    let spec = Spec::new("verifier", mesh.tools.bin("ogong-verifierd")?, &mesh.dir)
        .args(["--ref-url", engine, "--model-id", MODEL_ID, "--bind", &bind, "--rpc-url", &mesh.ledger.rpc_url])
        .args(["--stake-owner", &stake_owner.to_string(), "--program-id", &mesh.ledger.chain.program().to_string()])
        .args([OsStr::new("--data-dir"), home.join("verifier").as_ref()]);
    Node::start(mesh.config.driver, spec)
}
