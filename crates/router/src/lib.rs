//! The marketplace: offers in, one provider out, drawn by stake × reputation (SPEC 6).
//!
//! ```text
//! provider ── Upsert, Heartbeat, Withdraw ──▶ service ──▶ registry ── draw, reputation
//! gateway  ── Route, Report, Models ────────▶ service ──▶ registry
//! gateway  ── Forward (with --relay) ───────▶ service ──▶ relay ──▶ provider's endpoint
//! ```
//!
//! The registry lives in memory: a router that restarts answers heartbeats with "not known", and providers upsert again.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod cli;
pub mod config;
pub mod draw;
pub mod error;
pub mod registry;
pub mod relay;
pub mod reputation;
pub mod service;
pub mod stakes;

pub use cli::Args;
pub use config::Config;
pub use error::Error;

use crate::relay::Relay;
use crate::service::{Service, Standing};
use ogong_base::ChainKey;
use ogong_daemon::Shutdown;
use ogong_net::{Endpoint, Identity};
use std::path::Path;
use std::sync::Arc;
use tracing::info;

/// File of the generated payout keypair in the data directory, mode 0600.
pub const PAYOUT_FILE: &str = "payout.json";

/// Runs a router until it is told to stop.
///
/// # Errors
/// When it cannot start: a port in use, an unreadable file.
pub async fn run(config: Config, shutdown: Shutdown) -> Result<(), Error> {
    let endpoint = start(&config)?;
    shutdown.cancelled().await;
    endpoint.close().await;
    info!("router stopped");
    Ok(())
}

/// Starts a router; it serves until the endpoint is closed. Must run inside a tokio runtime.
///
/// # Errors
/// As [`run`].
pub fn start(config: &Config) -> Result<Endpoint, Error> {
    ogong_daemon::files::create_private_dir(&config.data_dir)?;
    let identity = Identity::load_or_create(&config.data_dir)?;
    let key = ogong_daemon::keys::load_or_create_node_key(&config.data_dir)?;
    let payout = match config.payout {
        Some(payout) => payout,
        None => payout_key(&config.data_dir)?,
    };
    let standing = Standing { public: key.public(), payout, network: config.network };
    let service = Arc::new(Service::new(standing, config.relay.then(Relay::default)));
    if let Some(path) = &config.stakes {
        service.set_stakes(stakes::read(path)?);
        tokio::spawn(stakes::follow(Arc::clone(&service), path.clone()));
    }
    let endpoint = Endpoint::bind(config.bind, &identity)?;
    if let Some(path) = &config.cert_out {
        identity.write_cert(path)?;
    }
    endpoint.serve(service);
    let addr = endpoint.local_addr()?;
    info!(%addr, router = %key.node_id(), consensus_id = %identity.consensus_id(), %payout, relay = config.relay, "router started");
    Ok(endpoint)
}

/// The address of the data directory's payout keypair; made the first time.
fn payout_key(dir: &Path) -> Result<ChainKey, Error> {
    Ok(ogong_daemon::keys::load_or_create_keypair(&dir.join(PAYOUT_FILE))?.public())
}
