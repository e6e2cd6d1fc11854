//! Two endpoints over loopback UDP.

use super::*;
use crate::{
    Error,
    error::FrameError,
    wire::{
        Announce, AnnounceReply, ErrorCode, ErrorReply, Forward, ForwardChunk, ForwardEnd, ForwardHead,
        MaterialRequest, PushRecord, ReceiptReply, Request, Response, RoundShareRequest, Status, StatusRequest,
    },
};
use ogong_base::hash::ConsensusId;
use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::sync::{Notify, mpsc};

/// Answers, echoes, panics, dawdles and asks back, by request.
#[derive(Default)]
struct Echo {
    seen: Mutex<Vec<ConsensusId>>,
    disconnected: Notify,
    dropped_forwards: Arc<AtomicUsize>,
}

impl Handler for Echo {
    async fn handle(&self, from: PeerInfo, request: Request) -> Result<Response, ErrorReply> {
        assert_eq!(from.peer.consensus_id(), from.consensus_id);
        match request {
            Request::PushRecord(push) => Ok(ReceiptReply { receipt: push.record, ..Default::default() }.into()),
            Request::StatusRequest(_) => {
                let node_id = from.consensus_id.as_bytes().to_vec();
                Ok(Status { node_id, role: "validator".into(), ..Default::default() }.into())
            }
            // The other way round over the same connection.
            Request::Announce(announce) => {
                let asked = PushRecord { record: announce.announcement, ..Default::default() };
                let receipt = from.peer.ask(asked).await;
                let receipt = receipt.map_err(|error| ErrorReply::internal(error.to_string()))?;
                let status = String::from_utf8_lossy(&receipt.receipt).into_owned();
                Ok(AnnounceReply { status, ..Default::default() }.into())
            }
            Request::MaterialRequest(_) => panic!("a fault of the service"),
            Request::RoundShareRequest(_) => {
                std::future::pending::<()>().await;
                Err(ErrorReply::internal("never"))
            }
            other => Err(ErrorReply::unsupported(other.kind(), "echo")),
        }
    }

    async fn stream(&self, from: PeerInfo, request: Request, sink: &mut ResponseSink) -> Result<(), ErrorReply> {
        let Request::Forward(forward) = request else {
            let response = self.handle(from, request).await?;
            let _ = sink.send(response).await;
            return Ok(());
        };
        let _counted = CountOnDrop(Arc::clone(&self.dropped_forwards));
        let gone = |_| ErrorReply::internal("gone");
        sink.send(ForwardHead { status: 200, headers: Vec::new() }).await.map_err(gone)?;
        for piece in forward.body.chunks(100_000) {
            sink.send(ForwardChunk { data: piece.to_vec() }).await.map_err(gone)?;
        }
        match forward.path.as_str() {
            "/fails" => return Err(ErrorReply::new(ErrorCode::Unavailable, "engine died", "wait")),
            "/hangs" => std::future::pending::<()>().await,
            _ => {}
        }
        sink.send(ForwardEnd::default()).await.map_err(gone)
    }

    fn connected(&self, peer: Peer) {
        self.seen.lock().expect("not poisoned").push(peer.consensus_id());
    }

    fn disconnected(&self, _consensus_id: ConsensusId) {
        self.disconnected.notify_one();
    }
}

struct CountOnDrop(Arc<AtomicUsize>);

impl Drop for CountOnDrop {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn quick() -> Limits {
    Limits { handler: Duration::from_millis(300), frame: Duration::from_millis(300), ..Limits::default() }
}

struct Pair {
    server: Endpoint,
    client: Endpoint,
    addr: SocketAddr,
    handler: Arc<Echo>,
}

fn pair_with(limits: Limits) -> Pair {
    let identity = Identity::generate().expect("made");
    let server = Endpoint::bind_with(loopback(), &identity, limits).expect("bound");
    let handler = Arc::new(Echo::default());
    server.serve(Arc::clone(&handler));
    let client = Endpoint::bind(loopback(), &Identity::generate().expect("made")).expect("bound");
    let addr = server.local_addr().expect("bound");
    Pair { server, client, addr, handler }
}

impl Pair {
    async fn connect(&self) -> Peer {
        self.client.connect(self.addr, self.server.consensus_id()).await.expect("connected")
    }
}

fn push(bytes: Vec<u8>) -> PushRecord {
    PushRecord { record: bytes, ..Default::default() }
}

#[tokio::test]
async fn a_request_is_answered_and_both_sides_know_whom_they_talk_to() {
    let pair = pair_with(Limits::default());
    let peer = pair.connect().await;
    assert_eq!(peer.consensus_id(), pair.server.consensus_id());
    let receipt = peer.ask(push(vec![7; 300])).await.expect("answered");
    assert_eq!(receipt.receipt, vec![7; 300]);
    let status = peer.ask(StatusRequest {}).await.expect("answered");
    assert_eq!(status.node_id, pair.client.consensus_id().as_bytes());
    assert_eq!(*pair.handler.seen.lock().expect("kept"), [pair.client.consensus_id()]);
    let back = pair.server.peer(&pair.client.consensus_id()).expect("in the book");
    assert_eq!(back.addr(), pair.client.local_addr().expect("bound"));

    pair.client.close().await;
    pair.handler.disconnected.notified().await;
    assert!(pair.server.peer(&pair.client.consensus_id()).is_none());
    assert!(pair.server.peers().is_empty());
}

#[tokio::test]
async fn the_answering_side_asks_back_over_the_same_connection() {
    let pair = pair_with(Limits::default());
    pair.client.serve(Echo::default());
    let peer = pair.connect().await;
    let announce = Announce { announcement: b"round trip".to_vec(), ..Default::default() };
    let reply = peer.ask(announce).await.expect("answered");
    assert_eq!(reply.status, "round trip");
}

#[tokio::test]
async fn a_side_that_only_dials_refuses_politely() {
    let pair = pair_with(Limits::default());
    let _peer = pair.connect().await;
    // The server learns of the connection a moment after the client.
    while pair.server.peers().is_empty() {
        tokio::task::yield_now().await;
    }
    let back = pair.server.peers().pop().expect("connected");
    let error = back.ask(StatusRequest {}).await.expect_err("nothing serves");
    assert!(matches!(&error, Error::Refused(reply) if reply.code() == ErrorCode::Unsupported));
    assert!(error.hint().is_some());
}

#[tokio::test]
async fn a_wrong_pin_names_both_certificates() {
    let pair = pair_with(Limits::default());
    let pinned = ConsensusId::from_bytes([9; 32]);
    let error = pair.client.connect(pair.addr, pinned).await.expect_err("wrong pin");
    let Error::WrongPin { expected, got, .. } = &error else { panic!("{error}") };
    assert_eq!((expected.as_str(), *got), (pinned.to_hex().as_str(), pair.server.consensus_id()));
    assert!(error.to_string().contains(&got.to_hex()), "{error}");
    assert!(error.hint().is_some_and(|hint| hint.contains("--cert-out")));
    let either = Pin::OneOf(vec![pinned, pair.server.consensus_id()]);
    pair.client.connect(pair.addr, either).await.expect("one of them");
}

#[tokio::test]
async fn a_taken_port_says_so() {
    let pair = pair_with(Limits::default());
    let error = Endpoint::bind(pair.addr, &Identity::generate().expect("made")).expect_err("taken");
    assert!(matches!(error, Error::Bind { .. }), "{error}");
    assert!(error.hint().is_some_and(|hint| hint.contains(&pair.addr.port().to_string())));
}

#[tokio::test]
async fn a_client_without_the_hybrid_exchange_gets_no_connection() {
    use rustls::crypto::aws_lc_rs;
    let pair = pair_with(Limits::default());
    let identity = Identity::generate().expect("made");
    let classic = Arc::new(rustls::crypto::CryptoProvider {
        kx_groups: vec![aws_lc_rs::kx_group::X25519],
        ..aws_lc_rs::default_provider()
    });
    let mut roots = rustls::RootCertStore::empty();
    let pinned = rustls_pki_types::CertificateDer::from(pair.server_cert());
    roots.add(pinned).expect("added");
    let mut tls = rustls::ClientConfig::builder_with_provider(classic)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .with_root_certificates(roots)
        .with_client_auth_cert(vec![identity.cert()], identity.key())
        .expect("usable");
    tls.alpn_protocols = vec![ALPN.to_vec()];
    let crypto = quinn::crypto::rustls::QuicClientConfig::try_from(tls).expect("for QUIC");
    let mut raw = quinn::Endpoint::client(loopback()).expect("bound");
    raw.set_default_client_config(quinn::ClientConfig::new(Arc::new(crypto)));
    let error = raw.connect(pair.addr, SERVER_NAME).expect("dialled").await.expect_err("refused");
    assert!(error.to_string().contains("handshake"), "{error}");
    pair.connect().await;
}

impl Pair {
    fn server_cert(&self) -> Vec<u8> {
        self.server.cert_der().to_vec()
    }
}

/// Writes raw bytes as a request and reads what comes back.
async fn raw(peer: &Peer, bytes: &[u8], finish: bool) -> Response {
    let (mut send, mut recv) = peer.connection().open_bi().await.expect("opened");
    send.write_all(bytes).await.expect("written");
    if finish {
        send.finish().expect("finished");
    }
    let frame = frame::read(&mut recv, None, |kind| !kind.is_request()).await;
    let (kind, body) = frame.expect("a frame").expect("an answer");
    Response::decode(kind, &body).expect("a response").expect("decoded")
}

fn code(response: &Response) -> ErrorCode {
    match response {
        Response::ErrorReply(reply) => {
            assert!(!reply.message.is_empty() && !reply.hint.is_empty(), "{reply:?}");
            reply.code()
        }
        other => panic!("{other:?} is no error"),
    }
}

#[tokio::test]
async fn bad_frames_get_an_error_and_the_connection_lives_on() {
    let pair = pair_with(quick());
    let peer = pair.connect().await;
    let good = frame::encode(Kind::PushRecord, &Request::from(push(vec![1; 50])).body());
    let good = good.expect("encoded");
    let mut trailing = good.clone();
    trailing.push(0);
    let mut oversized = good.clone();
    oversized[2..6].copy_from_slice(&u32::MAX.to_le_bytes());
    let over_its_kind = [&0x0801u16.to_le_bytes()[..], &(1u32 << 20).to_le_bytes()].concat();
    let answer = [&0x0802u16.to_le_bytes()[..], &0u32.to_le_bytes()].concat();
    let garbled = [&good[..2], &4u32.to_le_bytes(), &[0xff; 4]].concat();
    for (name, bytes, expected) in [
        ("empty", &[][..], ErrorCode::BadFrame),
        ("cut in the header", &good[..3], ErrorCode::BadFrame),
        ("cut in the body", &good[..good.len() - 1], ErrorCode::BadFrame),
        ("trailing", &trailing, ErrorCode::BadFrame),
        ("oversized", &oversized, ErrorCode::BadFrame),
        ("over the bound of its kind", &over_its_kind, ErrorCode::BadFrame),
        ("no protobuf", &garbled, ErrorCode::BadFrame),
        ("unknown kind", &[0xff, 0xff, 0, 0, 0, 0], ErrorCode::UnknownKind),
        ("a response", &answer, ErrorCode::UnknownKind),
    ] {
        assert_eq!(code(&raw(&peer, bytes, true).await), expected, "{name}");
    }
    assert_eq!(code(&raw(&peer, &good[..10], false).await), ErrorCode::Timeout, "never finished");
    assert_eq!(peer.ask(push(vec![3])).await.expect("answered").receipt, [3]);
}

#[tokio::test]
async fn a_panic_and_a_stall_end_as_errors() {
    let pair = pair_with(quick());
    let peer = pair.connect().await;
    let error = peer.ask(MaterialRequest::default()).await.expect_err("panicked");
    assert!(matches!(&error, Error::Refused(reply) if reply.code() == ErrorCode::Internal));
    let error = peer.ask(RoundShareRequest { round: 1 }).await.expect_err("stalled");
    assert!(matches!(&error, Error::Refused(reply) if reply.code() == ErrorCode::Timeout));
    let short = Duration::from_millis(20);
    let error = peer.ask_within(RoundShareRequest { round: 1 }, short).await.expect_err("stalled");
    assert!(matches!(error, Error::Timeout { kind: Kind::RoundShareRequest, .. }), "{error}");
    assert_eq!(peer.ask(push(vec![3])).await.expect("answered").receipt, [3]);
}

#[tokio::test]
async fn our_own_oversized_message_is_not_sent() {
    let pair = pair_with(Limits::default());
    let peer = pair.connect().await;
    let error = peer.ask(push(vec![0; 1 << 20])).await.expect_err("too long");
    assert!(matches!(error, Error::TooLong { kind: Kind::PushRecord, .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_streams_at_once() {
    let pair = pair_with(Limits { streams_max: 32, ..Limits::default() });
    let peer = pair.connect().await;
    let mut tasks = tokio::task::JoinSet::new();
    for i in 0..100u8 {
        let peer = peer.clone();
        tasks.spawn(async move {
            let receipt = peer.ask(push(vec![i; 20_000])).await.expect("answered");
            assert_eq!(receipt.receipt, vec![i; 20_000]);
        });
    }
    assert_eq!(tasks.join_all().await.len(), 100);
}

#[tokio::test]
async fn a_relayed_answer_streams_piece_by_piece() {
    let pair = pair_with(Limits::default());
    let peer = pair.connect().await;
    // Longer than a connection's receive window, so flow control is at work.
    let body: Vec<u8> = (0..20_000_000u32).map(|i| (i % 251) as u8).collect();
    let forward = Forward { body: body.clone(), path: "/v1".into(), ..Default::default() };
    let mut stream = peer.request_stream(forward.into()).await.expect("sent");
    let head = stream.next().await.expect("answered");
    assert!(matches!(head, Some(Response::ForwardHead(ForwardHead { status: 200, .. }))));
    let (mut got, mut ended) = (Vec::new(), false);
    while let Some(response) = stream.next().await.expect("goes on") {
        match response {
            Response::ForwardChunk(chunk) => got.extend(chunk.data),
            Response::ForwardEnd(_) => ended = true,
            other => panic!("{other:?}"),
        }
    }
    assert!(ended && got == body, "{} of {} bytes", got.len(), body.len());
}

#[tokio::test]
async fn a_relayed_answer_can_fail_midway_and_can_be_hung_up_on() {
    let pair = pair_with(Limits::default());
    let peer = pair.connect().await;
    let fails = Forward { path: "/fails".into(), ..Default::default() };
    let mut stream = peer.request_stream(fails.into()).await.expect("sent");
    assert!(stream.next().await.expect("the head").is_some());
    let error = stream.next().await.expect_err("it failed");
    assert!(matches!(&error, Error::Refused(reply) if reply.code() == ErrorCode::Unavailable));
    assert!(error.is_transient());

    let before = pair.handler.dropped_forwards.load(Ordering::SeqCst);
    let hangs = Forward { path: "/hangs".into(), ..Default::default() };
    let mut stream = peer.request_stream(hangs.into()).await.expect("sent");
    assert!(stream.next().await.expect("the head").is_some());
    drop(stream);
    let stopped = async {
        while pair.handler.dropped_forwards.load(Ordering::SeqCst) == before {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), stopped).await.expect("the handler was stopped");
}

#[tokio::test]
async fn connections_over_the_limit_are_refused() {
    let pair = pair_with(Limits { connections_max: 2, ..Limits::default() });
    let _first = pair.connect().await;
    let _second = pair.connect().await;
    let third = pair.client.connect(pair.addr, pair.server.consensus_id()).await;
    let error = third.expect_err("one too many");
    assert!(matches!(error, Error::Connect { .. }) && error.is_transient(), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dialer_finds_a_restarted_server_again() {
    let identity = Identity::generate().expect("made");
    let server = Endpoint::bind(loopback(), &identity).expect("bound");
    server.serve(Echo::default());
    let addr = server.local_addr().expect("bound");
    let client = Endpoint::bind(loopback(), &Identity::generate().expect("made")).expect("bound");
    let dialer = client.dialer(addr.to_string(), identity.consensus_id());
    assert_eq!(dialer.ask(push(vec![1])).await.expect("answered").receipt, [1]);
    let first = dialer.live().expect("connected");

    server.close().await;
    drop(server);
    first.closed().await;
    let restarted = rebind(addr, &identity).await;
    restarted.serve(Echo::default());
    assert_eq!(dialer.ask(push(vec![2])).await.expect("answered again").receipt, [2]);
    assert!(first.is_closed() && dialer.live().is_some());

    client.close().await;
    let mut state = dialer.state();
    let stopped = state.wait_for(|state| matches!(state, DialState::Stopped));
    tokio::time::timeout(Duration::from_secs(10), stopped).await.expect("in time").expect("told");
    assert!(matches!(dialer.peer().await, Err(Error::Closed)));
}

/// The old socket goes when the last task that holds it has ended.
async fn rebind(addr: SocketAddr, identity: &Identity) -> Endpoint {
    for _ in 0..1_000 {
        match Endpoint::bind(addr, identity) {
            Ok(endpoint) => return endpoint,
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
    panic!("{addr} was not freed");
}

#[tokio::test]
async fn a_dialer_reports_a_wrong_pin_and_an_absent_server() {
    let pair = pair_with(Limits::default());
    let dialer = pair.client.dialer(pair.addr.to_string(), ConsensusId::from_bytes([1; 32]));
    let error = dialer.ask(StatusRequest {}).await.expect_err("wrong pin");
    assert!(matches!(error, Error::WrongPin { .. }), "{error}");

    let limits = Limits { connect: Duration::from_millis(300), ..Limits::default() };
    let identity = Identity::generate().expect("made");
    let client = Endpoint::bind_with(loopback(), &identity, limits).expect("bound");
    let free = std::net::UdpSocket::bind(loopback()).expect("bound");
    let target = free.local_addr().expect("bound").to_string();
    let dialer = client.dialer(target.clone(), ConsensusId::from_bytes([1; 32]));
    let error = dialer.ask(StatusRequest {}).await.expect_err("nobody is there");
    assert!(error.to_string().contains(&target) && error.hint().is_some(), "{error}");
}

#[tokio::test]
async fn a_name_that_cannot_be_resolved_is_an_error() {
    let pair = pair_with(Limits::default());
    for target in ["no port", "localhost:notaport"] {
        let id = pair.server.consensus_id();
        let error = pair.client.connect_host(target, id).await.expect_err("no address");
        assert!(matches!(error, Error::Resolve { .. }), "{target}: {error}");
    }
}

#[tokio::test]
async fn frame_errors_on_the_asking_side_name_what_came() {
    // A server that answers with the wrong message, then with garbage, then not at all.
    let identity = Identity::generate().expect("made");
    let config = quinn::ServerConfig::with_crypto(tls::server_config(&identity).expect("usable"));
    let raw = quinn::Endpoint::server(config, loopback()).expect("bound");
    let addr = raw.local_addr().expect("bound");
    let (answers, mut answer) = mpsc::channel::<Vec<u8>>(4);
    tokio::spawn(async move {
        let connection = raw.accept().await.expect("dialled").await.expect("connected");
        while let Ok((mut send, _recv)) = connection.accept_bi().await {
            let bytes = answer.recv().await.expect("an answer");
            send.write_all(&bytes).await.expect("written");
            send.finish().expect("finished");
        }
    });
    let client = Endpoint::bind(loopback(), &Identity::generate().expect("made")).expect("bound");
    let peer = client.connect(addr, identity.consensus_id()).await.expect("connected");
    let wrong = frame::encode(Kind::AnnounceReply, &[]).expect("encoded");
    for (bytes, check) in [
        (wrong, (|error| matches!(error, Error::WrongReply { .. })) as fn(&Error) -> bool),
        (vec![0xff; 6], |error| matches!(error, Error::Frame(FrameError::UnknownKind(0xffff)))),
        (vec![], |error| matches!(error, Error::Frame(FrameError::Truncated { .. }))),
        (vec![2, 8, 9, 0, 0, 0, 1], |error| matches!(error, Error::Frame(FrameError::Truncated { got: 1, needed: 9 }))),
    ] {
        answers.send(bytes).await.expect("queued");
        let error = peer.ask(StatusRequest {}).await.expect_err("no answer");
        assert!(check(&error), "{error:?}");
    }
}
