//! A provider as the gateway sees one: an HTTP server that checks the order and answers with a real, signed record, or misbehaves in one way.

use super::paper;
use super::{MODEL, loopback};
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::StreamExt;
use http::{HeaderMap, StatusCode, header};
use ogong_base::codec::{Decode, Encode};
use ogong_base::{ChainKey, ClassHash, ConsensusId, NodeKey};
use ogong_commitment::order::Order;
use ogong_commitment::record::Record;
use ogong_commitment::request::req_hash;
use ogong_commitment::response::resp_hash;
use ogong_daemon::clock::now_ms;
use ogong_net::proof::{ORDER_HEADER, ORDER_SIGNATURE_HEADER, PROOF_COMMENT, ProofBundle, SESSION_KEY_HEADER};
use ogong_net::wire::{Heartbeat, Upsert};
use ogong_net::{Dialer, Endpoint, Identity, Offer};
use ogong_openai::sse;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// The answer's bytes; the last is half a character, so that replacement is part of what is compared.
pub const RAW: &[u8] = b"Hello, \xe2\x9c\x93 world\xe2\x9c";
pub const PIECES: [&str; 3] = ["Hello, ", "\u{2713} world", "\u{fffd}"];
pub const IDS: [u32; 4] = [11, 12, 13, 2];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    Honest,
    /// Shows other text than it commits.
    OtherText,
    /// Commits no record.
    NoRecord,
    /// Signs with a key that is not its own.
    ForeignKey,
    /// A record that claims more tokens than there are ids.
    MoreTokens,
    /// Answers 500.
    Fails,
    /// Answers 400.
    Refuses,
    /// Sends headers and nothing else.
    SilentEnd,
    /// Breaks off after the first piece, when told to.
    BreaksOff,
    /// Streams for ever.
    Endless,
    /// Offers files that the catalogue does not name.
    OtherFiles,
}

pub struct Inner {
    pub key: NodeKey,
    pub behaviour: Mutex<Behaviour>,
    pub bodies: Mutex<Vec<Bytes>>,
    pub orders: Mutex<Vec<Order>>,
    proofs: Mutex<HashMap<String, Vec<u8>>>,
    /// An answer's body was dropped before its end.
    pub hung_up: Notify,
    /// Tells a provider that breaks off to do it now.
    pub break_off: Notify,
}

pub struct Provider {
    pub inner: Arc<Inner>,
    pub dialer: Dialer,
    pub endpoint: Endpoint,
    pub offer: Offer,
}

impl Provider {
    pub async fn start(seed: u8, behaviour: Behaviour, router: SocketAddr, pin: ConsensusId) -> Self {
        let key = NodeKey::from_seeds([seed; 32], [seed ^ 0xff; 32]);
        let listener = TcpListener::bind(loopback()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let endpoint = Endpoint::bind(loopback(), &Identity::generate().unwrap()).unwrap();
        let offer = offer(&key, &endpoint, address, behaviour);
        let inner = Arc::new(Inner {
            key,
            behaviour: Mutex::new(behaviour),
            bodies: Mutex::default(),
            orders: Mutex::default(),
            proofs: Mutex::default(),
            hung_up: Notify::new(),
            break_off: Notify::new(),
        });
        let routes = Router::new()
            .route("/v1/chat/completions", post(answer))
            .route("/v1/replies/{id}/proof", get(proof))
            .with_state(Arc::clone(&inner));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        let dialer = endpoint.dialer(router.to_string(), pin);
        let provider = Self { inner, dialer, endpoint, offer };
        provider.upsert().await;
        provider
    }

    pub async fn upsert(&self) {
        self.dialer.ask(Upsert::from(self.offer.sign(&self.inner.key))).await.expect("the router takes the offer");
    }

    /// True when the router still holds the offer.
    pub async fn heartbeat(&self, free_slots: u32) -> bool {
        let beat = Heartbeat {
            node_id: self.offer.node_id.as_bytes().to_vec(),
            model_id: MODEL.into(),
            free_slots,
            queued: 0,
        };
        self.dialer.ask(beat).await.expect("a heartbeat is answered").known
    }

    pub fn served(&self) -> usize {
        self.inner.bodies.lock().unwrap().len()
    }
}

fn offer(key: &NodeKey, endpoint: &Endpoint, address: SocketAddr, behaviour: Behaviour) -> Offer {
    let now = now_ms();
    let other = behaviour == Behaviour::OtherFiles;
    Offer {
        network: paper::network(),
        node_id: key.node_id(),
        consensus_id: endpoint.consensus_id(),
        machine: "test".into(),
        model_id: MODEL.parse().unwrap(),
        model_root: if other { ogong_base::ModelRoot::from_bytes([9; 32]) } else { paper::root() },
        class_hash: ClassHash::from_bytes([4; 32]),
        n_ctx: 2_048,
        slots: 8,
        price_prompt: 1_000,
        price_completion: 3_000,
        endpoint: format!("http://{address}"),
        tls_cert: None,
        payout: ChainKey::from_bytes([6; 32]),
        stake_owner: ChainKey::from_bytes([7; 32]),
        stake: 0,
        issued_ms: now,
        expires_ms: now + 3_600_000,
    }
}

fn decoded(headers: &HeaderMap, name: &str) -> Vec<u8> {
    STANDARD.decode(headers.get(name).unwrap_or_else(|| panic!("no {name}"))).unwrap()
}

/// The order of a request, with everything a provider checks of it without the chain.
fn checked_order(headers: &HeaderMap) -> Order {
    let order = Order::from_bytes(&decoded(headers, ORDER_HEADER)).unwrap();
    let session = decoded(headers, SESSION_KEY_HEADER).try_into().unwrap();
    let signature = decoded(headers, ORDER_SIGNATURE_HEADER).try_into().unwrap();
    order.verify(&session, &signature).unwrap();
    order
}

async fn answer(State(inner): State<Arc<Inner>>, headers: HeaderMap, body: Bytes) -> Response {
    let order = checked_order(&headers);
    assert_eq!(order.req_hash, req_hash(&body), "the very bytes that were ordered");
    assert_eq!(order.provider, inner.key.node_id());
    inner.bodies.lock().unwrap().push(body.clone());
    inner.orders.lock().unwrap().push(order.clone());
    let behaviour = *inner.behaviour.lock().unwrap();
    match behaviour {
        Behaviour::Fails => return (StatusCode::INTERNAL_SERVER_ERROR, r#"{"error":{"message":"engine is down","type":"server_error","param":null,"code":"engine"}}"#).into_response(),
        Behaviour::Refuses => return (StatusCode::BAD_REQUEST, r#"{"error":{"message":"prompt is too long","type":"invalid_request_error","param":null,"code":"context_length_exceeded"}}"#).into_response(),
        _ => {}
    }
    let bundle = bundle(&inner.key, &order, behaviour);
    if behaviour != Behaviour::NoRecord {
        inner.proofs.lock().unwrap().insert(order.reply_id().to_hex(), bundle.clone());
    }
    let shown: Vec<&str> = if behaviour == Behaviour::OtherText { vec!["Bye, ", "world"] } else { PIECES.to_vec() };
    let wants_stream = serde_json::from_slice::<serde_json::Value>(&body).unwrap()["stream"] == true;
    if wants_stream { stream(&inner, behaviour, &shown, &bundle) } else { plain(&shown.concat()) }
}

fn bundle(key: &NodeKey, order: &Order, behaviour: Behaviour) -> Vec<u8> {
    let leaves = [b"header".to_vec(), b"window".to_vec()];
    let record = Record {
        reply_id: order.reply_id(),
        req_hash: order.req_hash,
        resp_hash: resp_hash(&IDS, RAW),
        model_root: order.model_root,
        commit_root: ogong_commitment::merkle::root(&leaves),
        n_tokens: if behaviour == Behaviour::MoreTokens { 60 } else { 4 },
        t0_ms: order.issued_ms,
        t1_ms: order.issued_ms + 5,
    };
    let foreign = NodeKey::from_seeds([99; 32], [98; 32]);
    let signed = record.sign(if behaviour == Behaviour::ForeignKey { &foreign } else { key });
    ProofBundle {
        record: signed.record,
        signature: signed.signature,
        public: signed.public,
        ids: IDS.to_vec(),
        raw_text: RAW.to_vec(),
    }
    .to_bytes()
}

fn plain(text: &str) -> Response {
    let body = serde_json::json!({ "id": "x", "object": "chat.completion", "choices": [{ "index": 0, "message": { "role": "assistant", "content": text }, "finish_reason": "stop" }] });
    ([(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

/// The events of a stream, as an honest provider writes them.
pub fn events(shown: &[&str], proof: Option<&[u8]>) -> Vec<String> {
    let chunk = |text: &str| {
        sse::data_event(&serde_json::json!({ "choices": [{ "index": 0, "delta": { "content": text } }] }).to_string())
    };
    let mut events: Vec<String> = shown.iter().map(|text| chunk(text)).collect();
    events.extend(proof.map(|proof| sse::comment(&format!("{PROOF_COMMENT} {}", STANDARD.encode(proof)))));
    events.push(sse::data_event(sse::DONE));
    events
}

struct HangUp(Arc<Inner>);

impl Drop for HangUp {
    fn drop(&mut self) {
        self.0.hung_up.notify_one();
    }
}

fn stream(inner: &Arc<Inner>, behaviour: Behaviour, shown: &[&str], bundle: &[u8]) -> Response {
    let proof = (behaviour != Behaviour::NoRecord).then_some(bundle);
    let events = events(shown, proof).into_iter().map(|event| Ok::<_, std::io::Error>(Bytes::from(event)));
    let broken = || Err(std::io::Error::other("engine died"));
    let body = match behaviour {
        Behaviour::SilentEnd => futures::stream::iter([broken()]).boxed(),
        Behaviour::BreaksOff => {
            let told = Arc::clone(inner);
            let first: Vec<_> = events.take(1).collect();
            let last = futures::stream::once(async move {
                told.break_off.notified().await;
                broken()
            });
            futures::stream::iter(first).chain(last).boxed()
        }
        Behaviour::Endless => {
            let guard = HangUp(Arc::clone(inner));
            let first: Vec<_> = events.take(1).collect();
            futures::stream::iter(first)
                .chain(futures::stream::pending())
                .map(move |event| {
                    let _held = &guard;
                    event
                })
                .boxed()
        }
        _ => futures::stream::iter(events).boxed(),
    };
    ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(body)).into_response()
}

async fn proof(State(inner): State<Arc<Inner>>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let order = checked_order(&headers);
    match inner.proofs.lock().unwrap().get(&id) {
        Some(bundle) if order.reply_id().to_hex() == id => bundle.clone().into_response(),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}
