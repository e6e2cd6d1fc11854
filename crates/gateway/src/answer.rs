//! The consumer's response: a stream that is checked at its end, or a whole answer that is checked before it is sent.

use crate::check::{Held, Mismatch, check};
use crate::market::Ticket;
use crate::purchase::Purchase;
use crate::relay::{Ending, Relay};
use crate::request::ValidRequest;
use crate::serve::Begun;
use crate::upstream::{Error as UpstreamError, Reply, Upstream};
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use ogong_base::codec::Decode;
use ogong_net::proof::{ProofBundle, proof_path};
use ogong_net::wire::RouteOutcome;
use ogong_openai::{Endpoint, ErrorKind};
use std::convert::Infallible;
use std::time::Duration;
use tracing::{info, warn};

/// Response header: the reply id, hex.
pub const REPLY_ID_HEADER: &str = "x-ogong-reply-id";
/// Response header: the provider's node id, hex.
pub const PROVIDER_HEADER: &str = "x-ogong-provider";
/// Response header of a whole answer: the record's bytes, base64.
pub const RECORD_HEADER: &str = "x-ogong-record";
/// Response header of a whole answer: the record's hash, hex.
pub const RECORD_HASH_HEADER: &str = "x-ogong-record-hash";
/// Response header of a whole answer: `ok`, `mismatch` or `absent`.
pub const RESP_HASH_HEADER: &str = "x-ogong-resp-hash";

/// Tries for the proof of a whole answer; the provider writes its record after the last token.
const PROOF_TRIES: u32 = 10;
/// Pause before the second try, and between all further ones.
const PROOF_PAUSE: Duration = Duration::from_millis(150);

/// Answers the consumer.
pub async fn respond(request: &ValidRequest, begun: Begun) -> Response {
    if is_event_stream(begun.reply.content_type.as_deref()) {
        stream(request.endpoint, begun)
    } else {
        whole(request.endpoint, begun).await
    }
}

fn is_event_stream(content_type: Option<&[u8]>) -> bool {
    content_type.is_some_and(|value| value.to_ascii_lowercase().starts_with(b"text/event-stream"))
}

struct Streaming {
    upstream: Option<BoxStream<'static, Result<Bytes, UpstreamError>>>,
    relay: Option<Relay>,
    purchase: Purchase,
    ticket: Ticket,
}

fn stream(endpoint: Endpoint, begun: Begun) -> Response {
    let Begun { purchase, reply, ticket, .. } = begun;
    let mut headers = named(&purchase);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // Reverse proxies that buffer would defeat streaming.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    let relay = Relay::new(endpoint, purchase.order.clone(), purchase.reply_id);
    let state = Streaming { upstream: Some(reply.body), relay: Some(relay), purchase, ticket };
    let body = futures::stream::unfold(state, |mut state| async move {
        let piece = next_piece(&mut state).await?;
        Some((Ok::<_, Infallible>(piece), state))
    });
    (headers, Body::from_stream(body)).into_response()
}

/// The next bytes for the consumer; `None` at the end. Never returns empty bytes.
async fn next_piece(state: &mut Streaming) -> Option<Bytes> {
    loop {
        let relay = state.relay.as_mut()?;
        let arrived = match (&mut state.upstream, relay.is_over()) {
            (Some(upstream), false) => upstream.next().await,
            _ => None,
        };
        let out = match arrived {
            Some(Ok(bytes)) => relay.push(&bytes),
            ended => {
                if let Some(Err(error)) = ended {
                    warn!(reply_id = %state.purchase.reply_id, %error, "provider's stream broke");
                }
                state.upstream = None;
                let (tail, ending) = state.relay.take()?.finish();
                judge(&mut state.ticket, &state.purchase, &ending);
                tail
            }
        };
        if !out.is_empty() {
            return Some(out);
        }
    }
}

async fn whole(endpoint: Endpoint, begun: Begun) -> Response {
    let Begun { purchase, upstream, headers: order_headers, reply, mut ticket } = begun;
    let (status, content_type) = (reply.status, reply.content_type.clone());
    let body = match reply.whole().await {
        Ok(body) => body,
        Err(error) => {
            ticket.judge(RouteOutcome::Failed);
            let refusal = crate::refusal::Refusal::new(
                ErrorKind::Upstream,
                "provider_failed",
                error.to_string(),
                "send the request again; nothing is paid for an answer without a record",
            );
            return (named(&purchase), refusal).into_response();
        }
    };
    let content = endpoint.answer_text(&body);
    let ending = match (fetch_proof(&upstream, &order_headers, &purchase).await, content) {
        (None, _) => Ending::Mismatch(Mismatch::Absent),
        (Some(_), None) => Ending::Mismatch(Mismatch::Content),
        (Some(bundle), Some(content)) => {
            match bundle.and_then(|bundle| check(&bundle, &purchase.order, &purchase.reply_id, &content)) {
                Ok(held) => Ending::Held(held),
                Err(mismatch) => Ending::Mismatch(mismatch),
            }
        }
    };
    judge(&mut ticket, &purchase, &ending);
    let mut headers = named(&purchase);
    let content_type = content_type
        .and_then(|value| HeaderValue::from_bytes(&value).ok())
        .unwrap_or(HeaderValue::from_static("application/json"));
    headers.insert(header::CONTENT_TYPE, content_type);
    describe(&mut headers, &ending);
    (status, headers, body).into_response()
}

/// The proof as bytes of the provider; `None` when it has none.
async fn fetch_proof(
    upstream: &Upstream,
    headers: &[(&'static str, String)],
    purchase: &Purchase,
) -> Option<Result<ProofBundle, Mismatch>> {
    let path = proof_path(&purchase.reply_id);
    for attempt in 0..PROOF_TRIES {
        if attempt > 0 {
            tokio::time::sleep(PROOF_PAUSE).await;
        }
        match upstream.get(&path, headers).await {
            Ok(reply) if reply.status == StatusCode::OK => {
                let bytes = read_whole(reply).await?;
                return Some(ProofBundle::from_bytes(&bytes).map_err(|_| Mismatch::Malformed));
            }
            // Not written yet.
            Ok(reply) if reply.status == StatusCode::NOT_FOUND => {}
            Ok(reply) => {
                warn!(reply_id = %purchase.reply_id, status = %reply.status, "provider gave no proof");
                return None;
            }
            Err(error) => warn!(reply_id = %purchase.reply_id, %error, "proof not fetched"),
        }
    }
    None
}

async fn read_whole(reply: Reply) -> Option<Bytes> {
    reply.whole().await.ok()
}

fn named(purchase: &Purchase) -> HeaderMap {
    let mut headers = HeaderMap::new();
    insert(&mut headers, REPLY_ID_HEADER, &purchase.reply_id.to_hex());
    insert(&mut headers, PROVIDER_HEADER, &purchase.order.provider.to_hex());
    headers
}

fn describe(headers: &mut HeaderMap, ending: &Ending) {
    let word = match ending {
        Ending::Held(Held { record, record_hash, .. }) => {
            insert(headers, RECORD_HEADER, &STANDARD.encode(record));
            insert(headers, RECORD_HASH_HEADER, &record_hash.to_hex());
            "ok"
        }
        Ending::Mismatch(Mismatch::Absent) | Ending::Broken => "absent",
        Ending::Mismatch(_) => "mismatch",
    };
    insert(headers, RESP_HASH_HEADER, word);
}

fn insert(headers: &mut HeaderMap, name: &'static str, value: &str) {
    let value = HeaderValue::from_str(value).expect("invariant: hex and base64 are header values");
    headers.insert(HeaderName::from_static(name), value);
}

fn judge(ticket: &mut Ticket, purchase: &Purchase, ending: &Ending) {
    let reply_id = purchase.reply_id;
    match ending {
        Ending::Held(held) => {
            info!(%reply_id, record = %held.record_hash, tokens = held.n_tokens, "answer relayed and its record held");
            ticket.judge(RouteOutcome::Served);
        }
        Ending::Mismatch(mismatch) => {
            warn!(%reply_id, provider = %purchase.order.provider, reason = %mismatch, "answer and record do not fit");
            ticket.judge(RouteOutcome::Failed);
        }
        Ending::Broken => {
            warn!(%reply_id, provider = %purchase.order.provider, "answer broke off");
            ticket.judge(RouteOutcome::Failed);
        }
    }
}
