//! A development chain of its own for each test, with a mint, three validators and a model.

use std::{
    env,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{SystemTime, UNIX_EPOCH},
};

use ogong_base::{ConsensusId, Encode, Hash32, ModelRoot, NetworkId, NodeId, ReplyId, ReqHash, SessionKey};
use ogong_commitment::order::Order;
use ogong_settlement::{
    Chain, Error, Wallet, chain_key,
    interface::{
        Address,
        account::{Config, Role},
        instruction::Terms,
    },
    solana::{Enrolment, Initialisation, Launch, Registration},
    token::ATOMS_PER_TOKEN,
};
use serde::Deserialize;

pub const MODEL_ID: &str = "ogong/verified/test/tiny";
pub const SOL: u64 = 1_000_000_000;
pub const STAKES: [u64; 3] = [50, 30, 20];
const BINARY: &str = "ogong-localnet";

/// The running chain; its standard input closes with us, and it ends.
pub struct Localnet {
    pub ready: Ready,
    child: Child,
}

#[derive(Deserialize)]
pub struct Ready {
    pub rpc_url: String,
    pub program_id: String,
}

impl Localnet {
    pub fn start() -> Self {
        let mut child = Command::new(binary())
            .args(["--rpc-port", "0", "--ws-port", "0", "--slot-ms", "100", "--exit-on-stdin-close"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the development chain starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("readable");
        let ready = serde_json::from_str(&line).expect("one line of JSON when it is ready");
        Self { ready, child }
    }
}

impl Drop for Localnet {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn binary() -> PathBuf {
    let named = env::var_os("OGONG_LOCALNET_BIN").map(PathBuf::from);
    let built =
        || PathBuf::from(env::var_os("HOME").unwrap_or_default()).join(".cache/ogong/target-chain/debug").join(BINARY);
    let path = named.unwrap_or_else(built);
    assert!(
        path.is_file(),
        "no development chain at {}\nhint: build it with `cargo xtask setup`, or name it in OGONG_LOCALNET_BIN",
        path.display()
    );
    path
}

pub fn wallet(n: u8) -> Wallet {
    Wallet::from_seed([n; 32])
}

pub fn address(n: u8) -> Address {
    wallet(n).address()
}

/// Seeds of the wallets.
pub const ADMIN: u8 = 10;
pub const OWNER: u8 = 20;
pub const PROVIDER: u8 = 30;
pub const ROUTER: u8 = 31;
pub const VERIFIER: u8 = 32;
pub const FEES: u8 = 33;
pub const VALIDATORS: [u8; 3] = [1, 2, 3];

pub struct World {
    pub chain: Chain,
    pub config: Config,
    _localnet: Localnet,
}

impl World {
    /// Chain, mint, config, three staked validators, one model, an owner with 100 tokens.
    pub async fn build() -> Self {
        Self::with(&initialisation()).await
    }

    /// The same under other parameters.
    pub async fn with(parameters: &Initialisation) -> Self {
        let localnet = Localnet::start();
        let program: Address = localnet.ready.program_id.parse().expect("an address");
        let chain = Chain::attach(&localnet.ready.rpc_url, program).await.expect("attached");
        for seed in [ADMIN, OWNER].into_iter().chain(VALIDATORS) {
            chain.airdrop(&address(seed), 10 * SOL).await.expect("an airdrop");
        }
        let config = chain.initialise(&wallet(ADMIN), parameters).await.expect("initialised");
        chain.transfer(&wallet(ADMIN), &address(OWNER), 100 * ATOMS_PER_TOKEN).await.expect("sent");
        for (place, seed) in VALIDATORS.into_iter().enumerate() {
            let stake = STAKES[place] * ATOMS_PER_TOKEN;
            chain.transfer(&wallet(ADMIN), &address(seed), stake).await.expect("sent");
            chain.register_validator(&wallet(seed), &registration(seed, stake)).await.expect("registered");
        }
        chain.set_model(&wallet(ADMIN), MODEL_ID, &model_root(), &address(ADMIN)).await.expect("in the catalogue");
        Self { chain, config, _localnet: localnet }
    }

    /// Atoms of provider, router, validator's fee wallet, reserve and owner.
    pub async fn balances(&self) -> [u64; 5] {
        let reserve = self.config.reserve_owner;
        let owners = [address(PROVIDER), address(ROUTER), address(FEES), reserve, address(OWNER)];
        let balances = self.chain.token_balances(&self.config.mint, &owners).await.expect("balances");
        balances.try_into().expect("five")
    }
}

/// Opens an escrow over `chain` for a new order that ends `lives_ms` from now.
pub async fn open(chain: &Chain, nonce: u8, lives_ms: u64) -> Result<(Order, ReplyId), Error> {
    open_with(chain, nonce, lives_ms, [None; 2], 1).await
}

/// The same, naming the registrations of provider and router, at prices so many times as high.
pub async fn open_with(
    chain: &Chain,
    nonce: u8,
    lives_ms: u64,
    [provider_operator, router_operator]: [Option<Address>; 2],
    dearer: u64,
) -> Result<(Order, ReplyId), Error> {
    let mut order = order(nonce, now_ms() + lives_ms, chain);
    if dearer > 1 {
        order.max_fee = ATOMS_PER_TOKEN / 1_000 * dearer;
    }
    order.price_prompt *= dearer;
    order.price_completion *= dearer;
    let terms = Terms {
        session_key: session().public(),
        provider_payout: address(PROVIDER),
        router_payout: address(ROUTER),
        provider_operator,
        router_operator,
    };
    let escrow = chain.open_escrow(&wallet(OWNER), &order.to_bytes(), terms).await?;
    let reply_id = order.reply_id();
    assert_eq!(escrow.reply_id, *reply_id.as_bytes());
    Ok((order, reply_id))
}

pub fn initialisation() -> Initialisation {
    Initialisation {
        network: NetworkId::of_name("test"),
        launch: Launch::to_one(address(ADMIN)),
        split_bps: [8_500, 500, 500, 500, 0],
        min_stake: ATOMS_PER_TOKEN,
        alpha_ppm: 10_000,
        beacon_genesis_ms: 1_000,
        beacon_period_ms: 3_000,
        epoch_length_ms: 3_600_000,
        cooldown_epochs: 2,
        verifier_fee: 100_000,
    }
}

pub fn registration(seed: u8, stake: u64) -> Registration {
    Registration {
        node_id: NodeId::from_bytes([seed; 32]),
        consensus_id: ConsensusId::from_bytes([seed + 100; 32]),
        vrf_key: [seed + 50; 32],
        fee_owner: address(FEES),
        stake,
        endpoint: format!("127.0.0.1:{}", 7_000 + u16::from(seed)),
    }
}

/// A node id of a seed; the orders name 41 as provider and 42 as router.
pub fn node(seed: u8) -> NodeId {
    NodeId::from_bytes([seed; 32])
}

/// How an operator's wallet registers.
pub fn enrolment(seed: u8, role: Role) -> Enrolment {
    let node_id = node(match role {
        Role::Provider => 41,
        Role::Router => 42,
        Role::Verifier => 43,
    });
    let models = if role == Role::Provider { vec![model_root()] } else { Vec::new() };
    Enrolment { role, node_id, payout: address(seed), models }
}

/// Moves the development chain's clock.
pub async fn travel(chain: &Chain, to_ms: u64) {
    let params = serde_json::json!([{ "absoluteTimestamp": to_ms }]);
    let call = serde_json::json!({ "jsonrpc": "2.0", "id": 1, "method": "surfnet_timeTravel", "params": params });
    let answer = reqwest::Client::new().post(chain.rpc_url()).json(&call).send().await.expect("sent");
    let answer: serde_json::Value = answer.json().await.expect("JSON");
    assert!(answer.get("error").is_none(), "{answer}");
}

pub fn model_root() -> ModelRoot {
    ModelRoot::from_bytes([77; 32])
}

pub fn session() -> SessionKey {
    SessionKey::from_seed([99; 32])
}

pub fn order(nonce: u8, deadline_ms: u64, chain: &Chain) -> Order {
    Order {
        network: NetworkId::of_name("test"),
        program: chain_key(&chain.program()),
        nonce: Hash32::from_bytes([nonce; 32]),
        owner: wallet(OWNER).key(),
        provider: node(41),
        router: node(42),
        epoch: 0,
        model_id: MODEL_ID.parse().expect("a model id"),
        model_root: model_root(),
        req_hash: ReqHash::from_bytes([43; 32]),
        price_prompt: 1_000_000,
        price_completion: 4_000_000,
        max_fee: ATOMS_PER_TOKEN,
        max_tokens: 500,
        n_ctx: 2_048,
        issued_ms: now_ms(),
        deadline_ms,
    }
}

pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    u64::try_from(since.as_millis()).expect("before the year 584556019")
}
