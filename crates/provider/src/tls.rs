//! TLS for a public address: certificate chain and key from PEM files, and a listener that hands out encrypted streams.

use crate::Error;
use ogong_base::hash::{Hash32, sha256};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use std::{io, net::SocketAddr, path::Path, sync::Arc, time::Duration};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tracing::debug;

/// A handshake takes no longer.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// A certificate to serve with.
pub struct Served {
    acceptor: TlsAcceptor,
    /// sha256 of the first certificate: goes into the offer, so that no public authority is needed.
    pub fingerprint: Hash32,
}

impl Served {
    /// Loads certificate chain and key.
    ///
    /// # Errors
    /// When the files hold none, or do not fit together.
    pub fn load(cert: &Path, key: &Path) -> Result<Self, Error> {
        let bad = |path: &Path, why: &dyn std::fmt::Display| Error::Tls(format!("{}: {why}", path.display()));
        let chain = CertificateDer::pem_file_iter(cert)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| bad(cert, &error))?;
        let first = chain.first().ok_or_else(|| bad(cert, &"no certificate in it"))?;
        let fingerprint = Hash32::from_bytes(sha256(first));
        let key_der = PrivateKeyDer::from_pem_file(key).map_err(|error| bad(key, &error))?;
        let config = rustls::ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(chain, key_der)
            .map_err(|error| bad(key, &error))?;
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), fingerprint })
    }

    /// A listener for axum over `tcp`.
    pub fn listen(&self, tcp: TcpListener) -> TlsListener {
        TlsListener { tcp, acceptor: self.acceptor.clone() }
    }
}

/// Accepts TCP and finishes the handshake before it hands a stream on.
pub struct TlsListener {
    tcp: TcpListener,
    acceptor: TlsAcceptor,
}

impl axum::serve::Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, addr) = axum::serve::Listener::accept(&mut self.tcp).await;
            match tokio::time::timeout(HANDSHAKE, self.acceptor.accept(stream)).await {
                Ok(Ok(stream)) => return (stream, addr),
                Ok(Err(error)) => debug!(%addr, %error, "handshake failed"),
                Err(_) => debug!(%addr, "handshake took too long"),
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.tcp.local_addr()
    }
}
