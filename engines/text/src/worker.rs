//! Workers: machines that lend their devices to a model that is too large for one, over llama.cpp's RPC.
//!
//! A worker runs `rpc-server`; the engine's `--rpc` names it, and its devices then take layers like local ones. The protocol
//! knows no password and no encryption, and whoever reaches a worker may make it crash or read what it computes: workers belong
//! on a network of their own.

use std::collections::BTreeSet;
use std::net::{TcpStream, ToSocketAddrs as _};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use clap::Parser;
use ogong_daemon::{ResultExt as _, TelemetryFlags};

use crate::engine::default_threads;
use crate::error::Error;
use crate::raw;

/// How long a worker may take to answer a call.
const CONNECT: Duration = Duration::from_secs(5);

/// Workers that were added; ggml keeps them for the life of the process.
static ADDED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Adds the devices of `workers` to those that weights can go to.
///
/// # Errors
/// When one of them cannot be reached or offers nothing.
pub fn add(workers: &[String]) -> Result<(), Error> {
    let mut added = ADDED.lock().unwrap_or_else(PoisonError::into_inner);
    for endpoint in workers {
        reach(endpoint)?;
        if !added.contains(endpoint) {
            raw::add_worker(endpoint)?;
            added.insert(endpoint.clone());
        }
    }
    Ok(())
}

/// Fails in words where llama.cpp would end the process.
fn reach(endpoint: &str) -> Result<(), Error> {
    let refused = |why: String| Error::Worker { endpoint: endpoint.to_owned(), why };
    let addresses = endpoint.to_socket_addrs().map_err(|error| refused(format!("no such address: {error}")))?;
    let mut last = "no such address".to_owned();
    for address in addresses {
        match TcpStream::connect_timeout(&address, CONNECT) {
            Ok(_) => return Ok(()),
            Err(error) => last = format!("cannot be reached: {error}"),
        }
    }
    Err(refused(last))
}

/// Lends this machine's devices to an engine elsewhere, which names it with --rpc or LLAMAMP_RPC_SERVERS.
#[derive(Debug, Parser)]
#[command(name = "rpc-server", version)]
pub struct Cli {
    /// Address to listen on. Anyone who reaches it can use and crash it: never one that is open to strangers.
    #[arg(long, short = 'H', default_value = "127.0.0.1")]
    pub host: String,
    /// Port to listen on.
    #[arg(long, short, default_value_t = 50052)]
    pub port: u16,
    /// Devices to lend, e.g. CUDA0 [default: the GPUs, or the CPU where there is none].
    #[arg(long, short, value_delimiter = ',')]
    pub device: Vec<String>,
    /// Threads, where the CPU is lent [default: physical cores].
    #[arg(long, short)]
    pub threads: Option<u32>,
    /// Keep tensors that came once in this directory, so that the model need not be sent again.
    #[arg(long, short, value_name = "DIRECTORY")]
    pub cache: Option<PathBuf>,
    /// How to log.
    #[command(flatten)]
    pub telemetry: TelemetryFlags,
}

/// Serves until the process is ended.
///
/// # Errors
/// When a device is none, the directory cannot be made, or the port is taken.
pub fn run(cli: &Cli) -> anyhow::Result<()> {
    let endpoint = format!("{}:{}", cli.host, cli.port);
    if !matches!(cli.host.as_str(), "127.0.0.1" | "localhost" | "::1") {
        tracing::warn!(
            %endpoint,
            "the worker listens beyond this machine: its protocol has no password and no encryption; let nobody but your own \
             machines reach this port"
        );
    }
    // llama.cpp says nothing that a program could read where the port is taken.
    drop(
        std::net::TcpListener::bind(&endpoint)
            .map_err(|error| anyhow::anyhow!("cannot listen on {endpoint}: {error}"))
            .hint("is another worker running? choose another with --port")?,
    );
    if let Some(cache) = &cli.cache {
        std::fs::create_dir_all(cache)
            .map_err(|error| anyhow::anyhow!("cache directory {} cannot be made: {error}", cache.display()))?;
    }
    let threads = usize::try_from(cli.threads.unwrap_or_else(default_threads)).unwrap_or(1);
    tracing::info!(%endpoint, "lending devices");
    raw::serve_devices(&endpoint, threads, cli.cache.as_deref(), &cli.device)
        .hint_from(|error| error.hint().map(str::to_owned))?;
    anyhow::bail!("the worker stopped serving {endpoint}")
}
