//! A development chain as a process of its own, and a wallet at it.

use std::{
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use ogong_chain_interface::{Address, Instruction};
use ogong_localnet::ready::Ready;
use solana_keypair::Keypair;
use solana_message::{AccountMeta, Message};
use solana_rpc_client::rpc_client::RpcClient;
use solana_signer::Signer;
use solana_transaction::Transaction;
use surfpool_core::solana_commitment_config::CommitmentConfig;

pub const SOL: u64 = 1_000_000_000;

pub struct Localnet {
    pub ready: Ready,
    child: Child,
}

impl Localnet {
    /// On free ports, with quick blocks.
    pub fn start(args: &[&str]) -> Self {
        Self::start_on(&["--rpc-port", "0", "--ws-port", "0"], args)
    }

    /// On the ports that are named.
    pub fn start_on(ports: &[&str], args: &[&str]) -> Self {
        Self::spawn(command(ports, args))
    }

    /// With a variable of the embedded validator's own.
    pub fn start_with(name: &str, value: &str, args: &[&str]) -> Self {
        let mut command = command(&["--rpc-port", "0", "--ws-port", "0"], args);
        command.env(name, value);
        Self::spawn(command)
    }

    fn spawn(mut command: Command) -> Self {
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("readable");
        let mut log = child.stderr.take().expect("piped");
        let Ok(ready) = serde_json::from_str(&line) else {
            let mut text = String::new();
            log.read_to_string(&mut text).expect("readable");
            panic!("it did not come up: {text}");
        };
        // Nobody reads the log: drained, so that it never blocks.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        Self { ready, child }
    }

    pub fn client(&self) -> RpcClient {
        RpcClient::new_with_commitment(self.ready.rpc_url.clone(), CommitmentConfig::confirmed())
    }

    /// SIGKILL, as a power cut would.
    pub fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }
}

impl Drop for Localnet {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a chain that does not come up to its end.
pub fn refused(args: &[&str]) -> Output {
    command(args, &[]).stdin(Stdio::null()).output().expect("it starts")
}

fn command(first: &[&str], rest: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ogong-localnet"));
    command.args(["--slot-ms", "50", "--exit-on-stdin-close"]).args(first).args(rest);
    command
}

/// A directory that goes with the test.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new(name: &str) -> Self {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        Self(dir)
    }

    pub fn path(&self) -> &str {
        self.0.to_str().expect("UTF-8")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Moves lamports.
pub fn transfer(client: &RpcClient, from: &Keypair, to: &Address, lamports: u64) -> Transaction {
    let instruction = Instruction {
        program_id: Address::default(),
        accounts: vec![AccountMeta::new(from.pubkey(), true), AccountMeta::new(*to, false)],
        data: [2u32.to_le_bytes().as_slice(), &lamports.to_le_bytes()].concat(),
    };
    signed(client, from, instruction)
}

/// One instruction that one wallet signs.
pub fn signed(client: &RpcClient, from: &Keypair, instruction: Instruction) -> Transaction {
    let blockhash = client.get_latest_blockhash().expect("a blockhash");
    Transaction::new(&[from], Message::new(&[instruction], Some(&from.pubkey())), blockhash)
}

/// A wallet with 100 SOL.
pub fn funded(client: &RpcClient) -> Keypair {
    let wallet = Keypair::new();
    let signature = client.request_airdrop(&wallet.pubkey(), 100 * SOL).expect("an airdrop");
    while !client.confirm_transaction(&signature).expect("answers") {
        std::thread::yield_now();
    }
    wallet
}

/// One JSON-RPC method that the official client does not know.
pub fn call(client: &RpcClient, method: &'static str, params: serde_json::Value) -> serde_json::Value {
    let request = solana_rpc_client_api::request::RpcRequest::Custom { method };
    client.send(request, params).unwrap_or_else(|error| panic!("{method}: {error}"))
}
