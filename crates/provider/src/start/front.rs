//! The consumers' side of a provider.

use crate::{
    Error,
    config::{self, Config},
    tls::Served,
};
use ogong_daemon::Shutdown;
use std::net::SocketAddr;
use tokio::net::TcpListener;

/// The consumers' side: bound before anything else, so that a port in use is found at once.
pub struct Front {
    tcp: TcpListener,
    addr: SocketAddr,
    /// The certificate, where it has one.
    pub tls: Option<Served>,
}

impl Front {
    /// Binds the address of the configuration.
    ///
    /// # Errors
    /// When it is taken, or would be plain HTTP beyond loopback.
    pub async fn bind(config: &Config) -> Result<Self, Error> {
        let wanted = config.listen.unwrap_or_else(|| config::LISTEN.parse().expect("invariant: a constant address"));
        let tls = match (&config.cert, &config.key) {
            (Some(cert), Some(key)) => Some(Served::load(cert, key)?),
            (None, None) if wanted.ip().is_loopback() => None,
            (None, None) => return Err(Error::PlainHttp { addr: wanted }),
            (Some(_), None) => return Err(Error::Missing { flag: "--key" }),
            (None, Some(_)) => return Err(Error::Missing { flag: "--cert" }),
        };
        let listen = |source| Error::Listen { addr: wanted, source };
        let tcp = TcpListener::bind(wanted).await.map_err(listen)?;
        let addr = tcp.local_addr().map_err(listen)?;
        Ok(Self { tcp, addr, tls })
    }

    /// Where consumers find it.
    pub fn url(&self, config: &Config) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        config.endpoint.clone().unwrap_or_else(|| format!("{scheme}://{}", self.addr))
    }

    /// Serves until `shutdown`.
    ///
    /// # Errors
    /// When the socket fails.
    pub async fn serve(self, routes: axum::Router, shutdown: Shutdown) -> Result<(), Error> {
        let Self { tcp, addr, tls } = self;
        let ended = async move { shutdown.cancelled().await };
        let served = match tls {
            Some(tls) => axum::serve(tls.listen(tcp), routes).with_graceful_shutdown(ended).await,
            None => axum::serve(tcp, routes).with_graceful_shutdown(ended).await,
        };
        served.map_err(|source| Error::Listen { addr, source })
    }
}
