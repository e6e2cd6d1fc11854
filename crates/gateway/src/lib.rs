//! The consumer's front door: an OpenAI-compatible API that matches, pays, relays and checks (SPEC 2).
//!
//! ```text
//! request   body → frozen, parsed, priceable          purchase  offer → signed order
//! market    the router: match, models, reports        chain     escrow: open, state, refund   (solana: the real one)
//! serve     match → order → escrow → forward          upstream  to the provider, or through the router's relay
//! answer    the consumer's response                   relay     a stream, event by event
//! check     does the record speak of this answer?     ledger, reclaim  escrows that must come back
//! ```
//!
//! Nothing is forwarded unpaid, and no byte of an answer is held back: the check of a stream stands at its end, in a comment.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod answer;
pub mod chain;
pub mod check;
pub mod cli;
pub mod config;
pub mod error;
pub mod http;
pub mod ledger;
pub mod market;
pub mod purchase;
pub mod reclaim;
pub mod refusal;
pub mod relay;
pub mod request;
pub mod serve;
pub mod session;
pub mod solana;
pub mod upstream;

pub use cli::Args;
pub use config::Config;
pub use error::Error;

use crate::chain::Chain;
use crate::ledger::Ledger;
use crate::market::Market;
use ogong_base::SessionKey;
use ogong_daemon::Shutdown;
use ogong_net::{Endpoint, Identity, Pin};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tracing::{info, warn};

/// Requests served at once.
pub const REQUESTS_MAX: usize = 1_024;
/// Answers under way may go on this long after the gateway was told to stop.
const DRAIN: Duration = Duration::from_secs(10);

/// A running gateway.
pub struct Gateway {
    pub(crate) chain: Arc<dyn Chain>,
    pub(crate) market: Market,
    pub(crate) ledger: Ledger,
    pub(crate) session: SessionKey,
    pub(crate) clients: upstream::Clients,
    pub(crate) max_price: u64,
    pub(crate) slots: Arc<Semaphore>,
}

impl Gateway {
    /// A gateway of its parts.
    pub fn new(chain: Arc<dyn Chain>, market: Market, ledger: Ledger, session: SessionKey, max_price: u64) -> Self {
        let slots = Arc::new(Semaphore::new(REQUESTS_MAX));
        Self { chain, market, ledger, session, clients: upstream::Clients::default(), max_price, slots }
    }
}

/// Runs a gateway until it is told to stop.
///
/// # Errors
/// When it cannot start: a port in use, no chain, an unreadable file. What happens to single requests is answered there.
pub async fn run(config: Config, shutdown: Shutdown) -> Result<(), Error> {
    ogong_daemon::files::create_private_dir(&config.data_dir)?;
    let pin = Pin::from_cert_file(&config.router_cert)?;
    let wallet = ogong_settlement::Wallet::read(&config.payer_keypair)?;
    let session = session::load_or_create(&config.data_dir)?;
    let ledger = Ledger::open(&config.data_dir)?;
    let chain = ogong_settlement::Chain::connect(&config.rpc_url, config.program).await?;
    let listener = TcpListener::bind(config.bind).await.map_err(|source| Error::Bind { addr: config.bind, source })?;

    let identity = Identity::load_or_create(&config.data_dir)?;
    let endpoint = Endpoint::bind(SocketAddr::from(([0, 0, 0, 0], 0)), &identity)?;
    let market = Market::new(endpoint.dialer(config.router.clone(), pin));
    let payer = wallet.address();
    let chain: Arc<dyn Chain> = Arc::new(solana::Payer::new(chain, wallet));
    let reclaim = tokio::spawn(reclaim::run(Arc::clone(&chain), ledger.clone()));
    let gateway = Arc::new(Gateway::new(chain, market, ledger, session, config.max_price));

    let addr = listener.local_addr().map_err(Error::Serve)?;
    info!(%addr, router = %config.router, %payer, "gateway started");
    let served = serve_http(gateway, listener, shutdown).await;
    reclaim.abort();
    endpoint.close().await;
    info!("gateway stopped");
    served
}

/// Serves the HTTP API until told to stop, then lets answers under way finish for a while.
///
/// # Errors
/// When the listener fails.
pub async fn serve_http(gateway: Arc<Gateway>, listener: TcpListener, shutdown: Shutdown) -> Result<(), Error> {
    let told = shutdown.clone();
    let server =
        axum::serve(listener, http::router(gateway)).with_graceful_shutdown(async move { told.cancelled().await });
    let drained = async move {
        shutdown.cancelled().await;
        tokio::time::sleep(DRAIN).await;
    };
    tokio::select! {
        served = server => served.map_err(Error::Serve),
        () = drained => {
            warn!("answers under way were cut off");
            Ok(())
        }
    }
}
