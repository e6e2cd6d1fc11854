//! The chain of a mesh: its process or the one it found running, the keys that set it up, balances.

use crate::{
    node::{Driver, Node},
    process::Spec,
};
use anyhow::{Context, Result, ensure};
use ogong_base::hash::NetworkId;
use ogong_base::params::{COOLDOWN_EPOCHS, EPOCH_LENGTH_MS};
use ogong_daemon::clock::now_ms;
use ogong_settlement::{
    Chain, Wallet,
    interface::{Address, PROGRAM_ID, SPLIT_BPS_DEFAULT, account::Role},
    solana::{Enrolment, Initialisation, Launch},
};
use serde_json::{Value, json};
use std::{path::Path, time::Duration};

use crate::{Tools, stage::Provisioner};

/// Atoms in one OGONG.
pub const TOKEN: u64 = 1_000_000_000;
/// A verifier's flat fee: less than the reserve's share of a demo's answer.
const VERIFIER_FEE: u64 = 1_000;
/// What the reserve starts with, so that the first audit can be paid whatever comes of it.
const RESERVE: u64 = TOKEN;
/// Lamports a wallet starts with.
const LAMPORTS: u64 = 100 * 1_000_000_000;
/// The chain comes up within.
const START: Duration = Duration::from_secs(60);

/// A running development chain, initialised.
pub struct Ledger {
    /// The process, unless the chain was running already.
    pub node: Option<Node>,
    /// The program that enters validators, unless this one does.
    pub provisioner: Option<Provisioner>,
    /// Its RPC address.
    pub rpc_url: String,
    /// A client.
    pub chain: Chain,
    /// Keeper of the catalogue; holds the launch allocation, which everybody is given tokens from.
    pub admin: Wallet,
    /// Owner of the verification reserve: the program itself.
    pub reserve: Address,
    /// The OGONG mint.
    pub mint: Address,
}

/// Length of a beacon round of a local mesh, and the audited share.
#[derive(Debug, Clone, Copy)]
pub struct Network {
    /// Milliseconds.
    pub round_ms: u64,
    /// Parts per million.
    pub alpha_ppm: u64,
}

impl Ledger {
    /// Starts a chain on free ports and initialises the program.
    ///
    /// # Errors
    /// When the chain does not come up.
    pub async fn start(tools: &Tools, dir: &Path, network: Network) -> Result<Self> {
        let (node, line) = start_chain(tools, dir).await?;
        let rpc_url = line["rpc_url"].as_str().context("the chain did not say its rpc_url")?.to_owned();
        let chain = Chain::attach(&rpc_url, PROGRAM_ID).await?;
        let admin = wallet()?;
        chain.airdrop(&admin.address(), LAMPORTS).await?;
        let initialisation = Initialisation {
            network: NetworkId::of_name("localnet"),
            launch: Launch::to_one(admin.address()),
            split_bps: SPLIT_BPS_DEFAULT,
            min_stake: TOKEN,
            alpha_ppm: network.alpha_ppm,
            beacon_genesis_ms: now_ms(),
            beacon_period_ms: network.round_ms,
            epoch_length_ms: EPOCH_LENGTH_MS,
            cooldown_epochs: COOLDOWN_EPOCHS,
            verifier_fee: VERIFIER_FEE,
        };
        let config = chain.initialise(&admin, &initialisation).await?;
        chain.fund_reserve(&admin, RESERVE).await?;
        let (mint, reserve) = (config.mint, config.reserve_owner);
        Ok(Self { node: Some(node), provisioner: None, rpc_url, chain, admin, reserve, mint })
    }

    /// Attaches to a chain that runs already and has it initialised by the provisioner.
    ///
    /// # Errors
    /// When the chain does not answer or the provisioner fails.
    pub async fn attach(provisioner: Provisioner, network: Network) -> Result<Self> {
        let admin = wallet()?;
        save(&admin, &provisioner.admin_keypair)?;
        let terms = json!({
            "admin_keypair": provisioner.admin_keypair, "network": "localnet", "split_bps": provisioner.split_bps,
            "alpha_ppm": network.alpha_ppm, "beacon_period_ms": network.round_ms,
        });
        provisioner.run("init", &terms).await?;
        let chain = Chain::connect(&provisioner.rpc_url, PROGRAM_ID).await?;
        let config = chain.config().await?;
        chain.fund_reserve(&admin, RESERVE).await?;
        let (mint, reserve) = (config.mint, config.reserve_owner);
        let rpc_url = provisioner.rpc_url.clone();
        Ok(Self { node: None, provisioner: Some(provisioner), rpc_url, chain, admin, reserve, mint })
    }

    /// Gives a wallet SOL for fees and OGONG, and a token account for it.
    ///
    /// # Errors
    /// When the chain refuses.
    pub async fn fund(&self, wallet: &Address, atoms: u64) -> Result<()> {
        self.chain.airdrop(wallet, LAMPORTS).await?;
        self.chain.transfer(&self.admin, wallet, atoms).await?;
        Ok(())
    }

    /// Registers a node of `home` under a wallet that has the stake, as its operator does before it starts.
    ///
    /// # Errors
    /// When the chain refuses.
    pub async fn enrol(&self, wallet: &Wallet, role: Role, home: &Path) -> Result<()> {
        ogong_daemon::files::create_private_dir(home)?;
        let node_id = ogong_daemon::keys::load_or_create_node_key(home)?.node_id();
        self.fund(&wallet.address(), TOKEN).await?;
        let enrolment = Enrolment { role, node_id, payout: wallet.address(), models: Vec::new() };
        self.chain.stake_operator(wallet, &enrolment, TOKEN).await?;
        Ok(())
    }

    /// Moves the development chain's clock.
    ///
    /// # Errors
    /// When the chain does not answer or cannot be moved.
    pub async fn travel(&self, to_ms: u64) -> Result<()> {
        let params = json!([{ "absoluteTimestamp": to_ms }]);
        let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "surfnet_timeTravel", "params": params });
        let answer: Value = reqwest::Client::new().post(&self.rpc_url).json(&call).send().await?.json().await?;
        ensure!(answer.get("error").is_none(), "{answer}");
        Ok(())
    }

    /// What wallets hold, in atoms.
    ///
    /// # Errors
    /// When the chain does not answer.
    pub async fn balances(&self, wallets: &[Address]) -> Result<Vec<u64>> {
        Ok(self.chain.token_balances(&self.mint, wallets).await?)
    }
}

/// Starts a development chain on free ports; returns the process and what it says of itself.
///
/// # Errors
/// When it does not come up.
pub async fn start_chain(tools: &Tools, dir: &Path) -> Result<(Node, Value)> {
    let ready = dir.join("chain.json");
    let spec = Spec::new("chain", tools.localnet().clone(), dir)
        .args(["--rpc-port", "0", "--ws-port", "0", "--exit-on-stdin-close", "--ready-file"])
        .args([&ready]);
    let mut node = Node::start(Driver::Processes, spec)?;
    let line = serde_json::from_slice(&node.ready(&ready, START).await?)?;
    Ok((node, line))
}

/// A fresh wallet.
///
/// # Errors
/// When the system has no randomness.
pub fn wallet() -> Result<Wallet> {
    Ok(Wallet::from_seed(*ogong_daemon::keys::random()?))
}

/// Writes a wallet as a Solana keypair file.
///
/// # Errors
/// When the file cannot be written.
pub fn save(wallet: &Wallet, path: &Path) -> Result<()> {
    ogong_daemon::files::write_atomic(path, wallet.to_json().as_bytes(), ogong_daemon::files::PRIVATE)?;
    Ok(())
}
