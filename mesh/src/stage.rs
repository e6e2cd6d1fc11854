//! The book's three stages of the local mesh, on a chain that somebody else started.
//!
//! ```text
//!   1  validators start ─ are staked and registered by the provisioner ─ each finds the others from the chain alone
//!   2  nobody audits: an answer is released by the handling validator and two co-signers over QUIC
//!   3  the handling validator audits by its own verifier on its own engine: an honest answer is paid, a cheat is not
//! ```
//!
//! The chain is set up by a TypeScript program (`chain/scripts/provision.ts`), as an operator would: this one only starts roles
//! and looks at accounts. The split gives the provider everything, so its fee account equals the gross.

mod settle;

use crate::{
    Duty, MeshConfig, ProviderSpec, Tools,
    ledger::{self, Ledger, Network},
    mesh::{Pair, validator_status},
    provision,
    roles::start_validator,
};
use anyhow::{Context, Result, ensure};
use ogong_settlement::interface::PROGRAM_ID;
use serde_json::{Value, json};
use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    time::Duration,
};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

/// Validators of every stage, as in the book.
const VALIDATORS: usize = 3;
/// Everything to the provider.
const SPLIT_BPS: [u16; 5] = [10_000, 0, 0, 0, 0];
/// A beacon round of a local mesh.
const ROUND_MS: u64 = 3_000;
/// Nodes have found each other within.
const FOUND: Duration = Duration::from_secs(90);

/// Which stage, and on which chain.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// 1 discovery, 2 quorum settle, 3 audit-gated settle.
    #[arg(value_parser = clap::value_parser!(u8).range(1..=3))]
    pub number: u8,
    /// JSON-RPC of the running chain.
    #[arg(long, value_name = "URL")]
    pub rpc_url: String,
    /// WebSocket of the running chain.
    #[arg(long, value_name = "URL")]
    pub ws_url: String,
    /// Runs the provisioning programs: chain/scripts/ts.sh.
    #[arg(long, value_name = "PATH")]
    pub provisioner: PathBuf,
    /// Keep logs and stores in this directory.
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

/// The program that sets the chain up, and what it is told each time.
#[derive(Debug, Clone)]
pub struct Provisioner {
    /// `chain/scripts/ts.sh`.
    pub script: PathBuf,
    /// The operator's tool it uses.
    pub operator: PathBuf,
    /// JSON-RPC of the chain.
    pub rpc_url: String,
    /// WebSocket of the chain.
    pub ws_url: String,
    /// The admin's keypair file.
    pub admin_keypair: PathBuf,
    /// Provider, router, validator, reserve, maker.
    pub split_bps: [u16; 5],
}

impl Provisioner {
    /// Runs one verb of `provision.ts`.
    ///
    /// # Errors
    /// When it fails, with what it said.
    pub async fn run(&self, verb: &str, terms: &Value) -> Result<Value> {
        let program = PROGRAM_ID.to_string();
        let env: [(&str, &OsStr); 4] = [
            ("OGONG_RPC_URL", self.rpc_url.as_ref()),
            ("OGONG_WS_URL", self.ws_url.as_ref()),
            ("OGONG_PROGRAM_ID", program.as_ref()),
            ("OGONG_CHAIN_BIN", self.operator.as_ref()),
        ];
        let terms = terms.to_string();
        let args = [self.script.as_os_str(), "provision".as_ref(), verb.as_ref(), terms.as_ref()];
        provision::json(Path::new("bash"), args, &env).await
    }

    /// Stakes and registers a validator that has written its certificate.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub async fn register(&self, identity: &Value, endpoint: &str, stake_tokens: u64) -> Result<()> {
        let terms = json!({
            "admin_keypair": self.admin_keypair, "endpoint": endpoint, "stake_tokens": stake_tokens, "identity": identity,
        });
        self.run("register", &terms).await.map(drop)
    }
}

/// Runs a stage and prints what it shows.
///
/// # Errors
/// When something does not come up, or what the book promises does not hold.
pub async fn run(args: &Args) -> Result<()> {
    let tools = Tools::find()?;
    let scratch = TempDir::with_prefix("ogong-stage-")?;
    let dir = args.dir.clone().unwrap_or_else(|| scratch.path().to_owned());
    std::fs::create_dir_all(&dir)?;
    let provisioner = Provisioner {
        script: args.provisioner.clone(),
        operator: tools.bin("ogong-chain")?,
        rpc_url: args.rpc_url.clone(),
        ws_url: args.ws_url.clone(),
        admin_keypair: dir.join("admin.json"),
        split_bps: SPLIT_BPS,
    };
    let config = MeshConfig {
        validators: VALIDATORS,
        network: Network { round_ms: ROUND_MS, alpha_ppm: 0 },
        ..MeshConfig::default()
    };
    say("initialising the chain: 10000 basis points of every fee to the provider");
    let ledger = Ledger::attach(provisioner, config.network).await?;
    match args.number {
        1 => discovery(ledger, &tools, &dir, &config).await,
        2 => settle::quorum(ledger, tools, dir, config).await,
        _ => settle::audited(ledger, tools, dir, config).await,
    }
}

/// Cosign-only peers beside a handling validator.
fn duties(handling: Duty) -> Vec<Duty> {
    let peer = Duty { alpha: "0", sink: false, verifier: None };
    std::iter::once(handling).chain(std::iter::repeat_n(peer, VALIDATORS - 1)).collect()
}

/// Stage 1.
async fn discovery(ledger: Ledger, tools: &Tools, dir: &Path, config: &MeshConfig) -> Result<()> {
    let router = ledger::wallet()?.address();
    let mut validators = Vec::new();
    for index in 0..config.validators {
        say(&format!("validator-{index} starts, is staked and registered with its endpoint and certificate"));
        validators.push(start_validator(tools, dir, &ledger, config, index, router).await?);
    }
    let deadline = Instant::now() + FOUND;
    for at in 0..validators.len() {
        let seen = found_peers(tools, &mut validators, at, deadline).await?;
        println!("validator-{at} found {} peers from the chain alone: {}", seen.len(), seen.join(", "));
    }
    println!("stage 1: each of {} validators found the others purely from the on-chain registry", validators.len());
    for pair in validators {
        pair.role.node.stop().await;
    }
    Ok(())
}

/// Waits until one validator is connected to all others, and returns their endpoints.
async fn found_peers(tools: &Tools, validators: &mut [Pair], at: usize, deadline: Instant) -> Result<Vec<String>> {
    loop {
        let pair = validators.get_mut(at).context("invariant: one of them")?;
        pair.role.node.alive()?;
        let status = validator_status(tools, &pair.role).await.unwrap_or_default();
        let peers = status["peers"].as_array().map(Vec::as_slice).unwrap_or_default();
        let mut seen: Vec<String> = peers
            .iter()
            .filter(|peer| peer["connected"] == true)
            .filter_map(|peer| peer["endpoint"].as_str().map(str::to_owned))
            .collect();
        seen.sort();
        let mut others: Vec<String> = validators
            .iter()
            .enumerate()
            .filter(|(index, _)| *index != at)
            .map(|(_, pair)| pair.role.endpoint.clone())
            .collect();
        others.sort();
        if seen == others {
            return Ok(seen);
        }
        ensure!(
            Instant::now() < deadline,
            "validator-{at} found {seen:?}, not {others:?}\n  hint: its status: {status}"
        );
        sleep(Duration::from_millis(300)).await;
    }
}

/// Steps go to stderr, findings to stdout.
fn say(what: &str) {
    eprintln!("   {what}");
}
