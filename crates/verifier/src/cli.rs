//! Command line of `ogong-verifierd`: flags and defaults as in the book's reference.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;
use ogong_daemon::{Role, Shutdown, TelemetryFlags, home};

use crate::{Config, Error, start};

/// Audit verifier: re-runs committed work on an independent engine.
#[derive(Debug, Clone, Parser)]
#[command(name = "ogong-verifierd", version, about)]
pub struct Cli {
    /// QUIC bind address.
    #[arg(long, default_value = "0.0.0.0:4544")]
    pub bind: SocketAddr,
    /// Engine to re-run the committed work on.
    #[arg(long, value_name = "URL")]
    pub provider_url: Option<String>,
    /// Reference engine, when distinct; it is preferred.
    #[arg(long, value_name = "URL")]
    pub ref_url: Option<String>,
    /// Audio engine for diffusion-audio audits (not available in this version).
    #[arg(long, value_name = "URL")]
    pub audio_engine_url: Option<String>,
    /// Drawn windows per audit this verifier accepts beside the first and the last.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(0..=64))]
    pub k: u32,
    /// Write the QUIC certificate here for validators to pin (`.der` writes DER, anything else PEM).
    #[arg(long, value_name = "PATH")]
    pub cert_out: Option<PathBuf>,
    /// Where keys live [default: ~/.ogong/verifier].
    #[arg(long, alias = "home", value_name = "DIR", env = "OGONG_HOME")]
    pub data_dir: Option<PathBuf>,
    /// How to log.
    #[command(flatten)]
    pub telemetry: TelemetryFlags,
    /// Validator to announce to and to take jobs from, `host:port|cert`; repeatable.
    #[arg(long = "validator", value_name = "HOST:PORT|CERT")]
    pub validators: Vec<String>,
    /// Solana RPC endpoint: validators are found in the on-chain registry.
    #[arg(long, value_name = "URL", env = "OGONG_RPC_URL")]
    pub rpc_url: Option<String>,
    /// The on-chain program.
    #[arg(long, hide = true, env = "OGONG_PROGRAM_ID")]
    pub program_id: Option<String>,
    /// Model served by the engine, `ogong/<tier>/<maker>/<model>`; its root is compared with the chain's catalogue.
    #[arg(long, value_name = "MODEL_ID")]
    pub model_id: Option<String>,
    /// Chain account whose stake stands behind this verifier.
    #[arg(long, value_name = "ADDRESS")]
    pub stake_owner: Option<String>,
    /// Endpoint told to validators (default: the bound address).
    #[arg(long, value_name = "HOST:PORT")]
    pub listen_advertise: Option<String>,
    /// Accept an engine without score mode; its reports are marked and refused by default.
    #[arg(long)]
    pub allow_logprobs_only: bool,
    /// Seconds between two announcements and readings of the registry.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub registry_refresh: u64,
    /// End when standard input closes: for a parent process that must not leave a verifier behind.
    #[arg(long, hide = true)]
    pub exit_on_stdin_close: bool,
    /// File holding the bearer token of an engine off this machine.
    #[arg(long, value_name = "PATH")]
    pub engine_token: Option<PathBuf>,
}

impl Cli {
    /// The verifier, until told to stop.
    ///
    /// # Errors
    /// As a binary's `main` reports them.
    pub async fn run(self, shutdown: Shutdown) -> Result<(), anyhow::Error> {
        let dir =
            home::resolve(Role::Verifier, self.data_dir.as_deref()).map_err(|err| Error::from(err).into_report())?;
        let config = Config::from_cli(&self, dir).map_err(Error::into_report)?;
        let node = start(config).await.map_err(Error::into_report)?;
        node.until(shutdown).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_the_books() {
        let cli = Cli::try_parse_from(["ogong-verifierd"]).expect("no flag is required by clap");
        assert_eq!(cli.bind.to_string(), "0.0.0.0:4544");
        assert_eq!(cli.k, 2);
        assert!(!cli.allow_logprobs_only && cli.cert_out.is_none());
    }
}
