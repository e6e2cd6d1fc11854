//! Flags of `ogong-gatewayd`, as the book names them.

use crate::{Config, Error, run};
use clap::Parser;
use ogong_daemon::{HomeFlag, ResultExt, Role, Shutdown, TelemetryFlags, report};
use std::net::SocketAddr;
use std::path::PathBuf;

/// OpenAI-compatible front door to the OGONG network.
#[derive(Clone, Debug, Parser)]
#[command(name = "ogong-gatewayd", version, about)]
pub struct Args {
    /// Address of the HTTP API (TCP).
    #[arg(long, default_value = "0.0.0.0:4546", value_name = "ADDR")]
    pub bind: SocketAddr,

    /// The router's QUIC address.
    #[arg(long, env = "OGONG_ROUTER", default_value = "127.0.0.1:4544", value_name = "HOST:PORT")]
    pub router: String,

    /// The router's certificate to pin, PEM or DER (from `ogong-routerd --cert-out`).
    #[arg(long, env = "OGONG_ROUTER_CERT", value_name = "PATH")]
    pub router_cert: Option<PathBuf>,

    /// Budget ceiling per 1,000 tokens, atomic OGONG units.
    #[arg(long, env = "OGONG_GATEWAY_MAX_PRICE", default_value_t = u64::MAX, value_name = "U64")]
    pub max_price: u64,

    /// Solana keypair file that pays for requests.
    #[arg(long, env = "OGONG_PAYER_KEYPAIR", value_name = "PATH")]
    pub payer_keypair: Option<PathBuf>,

    /// Solana RPC endpoint.
    #[arg(long, env = "OGONG_RPC_URL", value_name = "URL")]
    pub rpc_url: Option<String>,

    /// The on-chain program.
    #[arg(long, env = "OGONG_PROGRAM_ID", value_name = "ADDRESS")]
    pub program_id: Option<String>,

    /// Data directory.
    #[command(flatten)]
    pub home: HomeFlag,

    /// Logs.
    #[command(flatten)]
    pub telemetry: TelemetryFlags,
}

impl Args {
    /// What the flags say, until told to stop.
    ///
    /// # Errors
    /// As a binary's `main` reports them.
    pub async fn run(self, shutdown: Shutdown) -> Result<(), anyhow::Error> {
        let data_dir = self.home.resolve(Role::Gateway)?;
        let config = Config::resolve(self, data_dir).map_err(|error| {
            let hint = error.hint();
            report(error, true, hint)
        })?;
        run(config, shutdown).await.hint_from(Error::hint)
    }
}
