//! Flags of `ogong-routerd`, as the book names them.

use crate::{Config, Error, run};
use clap::Parser;
use clap::builder::FalseyValueParser;
use ogong_daemon::{HomeFlag, ResultExt, Role, Shutdown, TelemetryFlags, report};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Marketplace match engine of the OGONG network.
#[derive(Clone, Debug, Parser)]
#[command(name = "ogong-routerd", version, about)]
pub struct Args {
    /// UDP address of the QUIC endpoint.
    #[arg(long, default_value = "0.0.0.0:4544", value_name = "ADDR")]
    pub bind: SocketAddr,

    /// Write the certificate (DER; PEM where the file ends in .pem) for gateways and providers to pin.
    #[arg(long, env = "OGONG_ROUTER_CERT_OUT", value_name = "PATH")]
    pub cert_out: Option<PathBuf>,

    /// Put the router on the data path: forward requests instead of matching only.
    #[arg(long, env = "OGONG_ROUTER_RELAY", value_parser = FalseyValueParser::new(), action = clap::ArgAction::SetTrue)]
    pub relay: bool,

    /// Where the router's share of fees goes; without it a keypair is made in the data directory.
    #[arg(long, env = "OGONG_ROUTER_PAYOUT", value_name = "ADDRESS")]
    pub payout: Option<String>,

    /// Take offers of this network only; without it gateways alone hold offers against theirs.
    #[arg(long, env = "OGONG_NETWORK", value_name = "NAME")]
    pub network: Option<String>,

    /// Stakes of providers, a JSON object of node id to atoms, read again every 30 s; who is not in it weighs the minimum.
    #[arg(long, env = "OGONG_ROUTER_STAKES", value_name = "PATH")]
    pub stakes: Option<PathBuf>,

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
        let data_dir = self.home.resolve(Role::Router)?;
        let config = Config::resolve(self, data_dir).map_err(|error| {
            let hint = error.hint();
            report(error, true, hint)
        })?;
        run(config, shutdown).await.hint_from(Error::hint)
    }
}
