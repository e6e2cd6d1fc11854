//! One UDP socket that listens and dials, and the book of live connections.

use super::{
    Dialer, Handler, Identity, Limits, Peer, PeerInfo, Pin, SERVER_NAME, consensus_id_of_der,
    frame::Budget,
    serve::{self, Nothing, Serve},
    tls,
};
use crate::Error;
use ogong_base::hash::ConsensusId;
use rustls_pki_types::CertificateDer;
use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};
use tokio::time::timeout;
use tracing::{debug, error, info, warn};

/// Addresses of one name that are tried.
const ADDRESSES_MAX: usize = 4;

/// How long [`Endpoint::close`] waits for peers to hear of it.
const CLOSE_WAIT: Duration = Duration::from_secs(2);

/// Bytes a peer may send on one stream before we have read them.
const STREAM_WINDOW: u32 = 2 << 20;

/// The same over all streams of a connection.
const CONNECTION_WINDOW: u32 = 16 << 20;

/// A node's place on the network. Clones share it.
#[derive(Clone)]
pub struct Endpoint(Arc<Inner>);

struct Inner {
    quic: quinn::Endpoint,
    identity: Identity,
    limits: Arc<Limits>,
    transport: Arc<quinn::TransportConfig>,
    budget: Arc<Budget>,
    handler: OnceLock<Arc<dyn Serve>>,
    book: Mutex<BTreeMap<ConsensusId, Vec<Peer>>>,
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Endpoint({})", self.consensus_id())
    }
}

impl Endpoint {
    /// Binds with the default [`Limits`]. Must run inside a tokio runtime.
    ///
    /// # Errors
    /// [`Error::Bind`] when the address cannot be had.
    pub fn bind(addr: SocketAddr, identity: &Identity) -> Result<Self, Error> {
        Self::bind_with(addr, identity, Limits::default())
    }

    /// Binds with limits of the caller's.
    ///
    /// # Errors
    /// As [`Endpoint::bind`].
    pub fn bind_with(addr: SocketAddr, identity: &Identity, limits: Limits) -> Result<Self, Error> {
        let transport = Arc::new(transport(&limits)?);
        let mut config = quinn::ServerConfig::with_crypto(tls::server_config(identity)?);
        config.transport_config(Arc::clone(&transport));
        let quic = quinn::Endpoint::server(config, addr).map_err(|source| Error::Bind { addr, source })?;
        let budget = Arc::new(Budget::new(limits.reading_bytes_max));
        Ok(Self(Arc::new(Inner {
            quic,
            identity: identity.clone(),
            limits: Arc::new(limits),
            transport,
            budget,
            handler: OnceLock::new(),
            book: Mutex::new(BTreeMap::new()),
        })))
    }

    /// The address it is bound to, with the port the system chose where 0 was asked for.
    ///
    /// # Errors
    /// When the socket is gone.
    pub fn local_addr(&self) -> Result<SocketAddr, Error> {
        self.0.quic.local_addr().map_err(|_| Error::Closed)
    }

    /// What peers pin.
    pub fn consensus_id(&self) -> ConsensusId {
        self.0.identity.consensus_id()
    }

    /// The certificate it presents, DER.
    pub fn cert_der(&self) -> &[u8] {
        self.0.identity.cert_der()
    }

    /// The bounds it was bound with.
    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// Begins to answer: inbound connections, and requests on connections this endpoint dials. Returns at once.
    ///
    /// # Panics
    /// When called twice: one endpoint has one handler.
    pub fn serve(&self, handler: impl Handler) {
        let set = self.0.handler.set(Arc::new(handler)).is_ok();
        assert!(set, "invariant: an endpoint has one handler");
        tokio::spawn(accept(self.clone()));
    }

    /// Dials an address. What the other side asks over this connection goes to the served handler.
    ///
    /// # Errors
    /// [`Error::WrongPin`] or [`Error::Connect`].
    pub async fn connect(&self, addr: SocketAddr, pin: impl Into<Pin>) -> Result<Peer, Error> {
        self.dial(addr, pin.into(), None).await
    }

    /// Dials `host:port`.
    ///
    /// # Errors
    /// As [`Endpoint::connect`], and [`Error::Resolve`].
    pub async fn connect_host(&self, target: &str, pin: impl Into<Pin>) -> Result<Peer, Error> {
        self.dial_host(target, &pin.into(), None).await
    }

    /// Dials with a handler of its own for what the other side asks over this connection.
    ///
    /// # Errors
    /// As [`Endpoint::connect`].
    pub async fn connect_with(
        &self,
        addr: SocketAddr,
        pin: impl Into<Pin>,
        handler: impl Handler,
    ) -> Result<Peer, Error> {
        self.dial(addr, pin.into(), Some(Arc::new(handler))).await
    }

    /// Keeps a connection to `host:port` up until the dialer is dropped.
    pub fn dialer(&self, target: impl Into<String>, pin: impl Into<Pin>) -> Dialer {
        Dialer::start(self.clone(), target.into(), pin.into(), None)
    }

    /// As [`Endpoint::dialer`], with a handler of its own for what the other side asks.
    pub fn dialer_with(&self, target: impl Into<String>, pin: impl Into<Pin>, handler: impl Handler) -> Dialer {
        Dialer::start(self.clone(), target.into(), pin.into(), Some(Arc::new(handler)))
    }

    /// A live connection to that node, whichever side opened it.
    pub fn peer(&self, id: &ConsensusId) -> Option<Peer> {
        let book = self.0.book();
        book.get(id)?.iter().rev().find(|peer| !peer.is_closed()).cloned()
    }

    /// One live connection to each node there is one to.
    pub fn peers(&self) -> Vec<Peer> {
        let book = self.0.book();
        let alive = |peers: &Vec<Peer>| peers.iter().rev().find(|peer| !peer.is_closed()).cloned();
        book.values().filter_map(alive).collect()
    }

    /// Closes all connections and the socket, and lets the peers know.
    pub async fn close(&self) {
        self.0.quic.close(quinn::VarInt::from_u32(0), b"shutting down");
        if timeout(CLOSE_WAIT, self.0.quic.wait_idle()).await.is_err() {
            debug!("peers did not confirm the close");
        }
    }

    /// Resolves and dials, address by address.
    pub(super) async fn dial_host(
        &self,
        target: &str,
        pin: &Pin,
        handler: Option<Arc<dyn Serve>>,
    ) -> Result<Peer, Error> {
        let resolve = |why: String| Error::Resolve { target: target.to_owned(), why };
        let ours = self.local_addr()?;
        let found = tokio::net::lookup_host(target).await.map_err(|why| resolve(why.to_string()))?;
        let usable: Vec<SocketAddr> = found.filter_map(|addr| reachable(ours, addr)).take(ADDRESSES_MAX).collect();
        let mut last = resolve("no address of the socket's family".into());
        for addr in usable {
            match self.dial(addr, pin.clone(), handler.clone()).await {
                Ok(peer) => return Ok(peer),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn dial(&self, addr: SocketAddr, pin: Pin, handler: Option<Arc<dyn Serve>>) -> Result<Peer, Error> {
        let failed = |why: String| Error::Connect { target: addr.to_string(), why };
        let seen = tls::Seen::default();
        let crypto = tls::client_config(&self.0.identity, pin.clone(), Arc::clone(&seen))?;
        let mut config = quinn::ClientConfig::new(crypto);
        config.transport_config(Arc::clone(&self.0.transport));
        let connecting = match self.0.quic.connect_with(config, addr, SERVER_NAME) {
            Ok(connecting) => connecting,
            Err(quinn::ConnectError::EndpointStopping) => return Err(Error::Closed),
            Err(error) => return Err(failed(error.to_string())),
        };
        let connection = match timeout(self.0.limits.connect, connecting).await {
            Ok(Ok(connection)) => connection,
            Ok(Err(error)) => {
                let got = seen.lock().ok().and_then(|seen| *seen);
                return Err(match got {
                    Some(got) => Error::WrongPin { addr, expected: pin.to_string(), got },
                    None => failed(error.to_string()),
                });
            }
            Err(_) => return Err(failed(format!("no handshake within {:?}", self.0.limits.connect))),
        };
        let peer = self.admit(&connection).ok_or_else(|| failed("no certificate".into()))?;
        tokio::spawn(run(self.clone(), peer.clone(), handler));
        Ok(peer)
    }

    /// The peer behind a finished handshake.
    fn admit(&self, connection: &quinn::Connection) -> Option<Peer> {
        let certificates = connection.peer_identity()?.downcast::<Vec<CertificateDer>>().ok()?;
        let id = consensus_id_of_der(certificates.first()?);
        let peer = Peer::new(connection.clone(), id);
        self.0.book().entry(id).or_default().push(peer.clone());
        Some(peer)
    }
}

impl Inner {
    fn book(&self) -> MutexGuard<'_, BTreeMap<ConsensusId, Vec<Peer>>> {
        // The map is valid after every statement that changes it.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forget(&self, peer: &Peer) {
        let id = peer.consensus_id();
        let mut book = self.book();
        if let Some(peers) = book.get_mut(&id) {
            let ended = peer.connection().stable_id();
            peers.retain(|peer| peer.connection().stable_id() != ended);
            if peers.is_empty() {
                book.remove(&id);
            }
        }
    }
}

/// Takes inbound connections until the endpoint closes.
async fn accept(endpoint: Endpoint) {
    while let Some(incoming) = endpoint.0.quic.accept().await {
        let open = endpoint.0.quic.open_connections();
        let max = endpoint.0.limits.connections_max;
        if open >= max {
            warn!(addr = %incoming.remote_address(), open, "connection refused, too many are open");
            incoming.refuse();
            continue;
        }
        // Under load a caller must show that it receives at its address before it costs us a handshake.
        if open > max / 2 && !incoming.remote_address_validated() && incoming.may_retry() {
            let _ = incoming.retry();
            continue;
        }
        tokio::spawn(inbound(endpoint.clone(), incoming));
    }
    debug!("endpoint stopped listening");
}

async fn inbound(endpoint: Endpoint, incoming: quinn::Incoming) {
    let addr = incoming.remote_address();
    let connection = match timeout(endpoint.0.limits.connect, incoming).await {
        Ok(Ok(connection)) => connection,
        Ok(Err(error)) => return debug!(%addr, %error, "handshake failed"),
        Err(_) => return debug!(%addr, "handshake timed out"),
    };
    match endpoint.admit(&connection) {
        Some(peer) => run(endpoint, peer, None).await,
        None => connection.close(quinn::VarInt::from_u32(2), b"no certificate"),
    }
}

/// Lives as long as the connection: takes its request streams and keeps the book.
async fn run(endpoint: Endpoint, peer: Peer, own: Option<Arc<dyn Serve>>) {
    let handler = || -> Arc<dyn Serve> {
        let handler = own.as_ref().or_else(|| endpoint.0.handler.get());
        handler.cloned().unwrap_or_else(|| Arc::new(Nothing))
    };
    let (id, addr) = (peer.consensus_id(), peer.addr());
    info!(peer = %id, %addr, "peer connected");
    contained(|| handler().connected(peer.clone()));
    let why = loop {
        match peer.connection().accept_bi().await {
            Ok(streams) => {
                let from = PeerInfo { consensus_id: id, addr: peer.addr(), peer: peer.clone() };
                let (limits, budget) = (Arc::clone(&endpoint.0.limits), Arc::clone(&endpoint.0.budget));
                tokio::spawn(serve::stream(from, handler(), limits, budget, streams));
            }
            Err(why) => break why,
        }
    };
    info!(peer = %id, %addr, %why, "peer disconnected");
    endpoint.0.forget(&peer);
    contained(|| handler().disconnected(id));
}

/// A service's fault in a notification is logged and goes no further.
fn contained(notify: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(notify)).is_err() {
        error!("handler panicked on a connection's begin or end");
    }
}

fn transport(limits: &Limits) -> Result<quinn::TransportConfig, Error> {
    let idle =
        quinn::IdleTimeout::try_from(limits.idle).map_err(|_| Error::Tls("idle timeout is out of range".into()))?;
    let mut config = quinn::TransportConfig::default();
    config
        .max_idle_timeout(Some(idle))
        .keep_alive_interval(Some(limits.keep_alive))
        .max_concurrent_bidi_streams(limits.streams_max.into())
        .max_concurrent_uni_streams(0u32.into())
        .datagram_receive_buffer_size(None)
        .stream_receive_window(STREAM_WINDOW.into())
        .receive_window(CONNECTION_WINDOW.into());
    Ok(config)
}

/// The address as our socket can reach it, if it can.
fn reachable(ours: SocketAddr, theirs: SocketAddr) -> Option<SocketAddr> {
    match (ours.ip(), theirs.ip()) {
        (IpAddr::V4(_), IpAddr::V6(_)) => None,
        (IpAddr::V6(_), IpAddr::V4(v4)) => Some(SocketAddr::new(v4.to_ipv6_mapped().into(), theirs.port())),
        _ => Some(theirs),
    }
}
