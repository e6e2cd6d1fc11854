//! One request's way: match → order → escrow → forward → relay → check (SPEC 2).
//!
//! Until the provider's first byte a failure costs the consumer nothing but time: another provider is tried once with an order of its own;
//! the first escrow comes back after its deadline ([`crate::reclaim`]). After that the answer is the provider's, whole or broken.

use crate::Gateway;
use crate::answer;
use crate::chain::{ChainError, Opening, Terms};
use crate::market::{Matched, Ticket};
use crate::purchase::{Purchase, purchase};
use crate::refusal::Refusal;
use crate::request::ValidRequest;
use crate::upstream::{Reply, Upstream};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::StreamExt;
use http::StatusCode;
use ogong_base::{ModelRoot, NodeId};
use ogong_daemon::clock::now_ms;
use ogong_net::proof::{ORDER_HEADER, ORDER_SIGNATURE_HEADER, SESSION_KEY_HEADER};
use ogong_net::wire::RouteOutcome;
use ogong_openai::{ErrorBody, ErrorKind};
use std::sync::Arc;
use tracing::{debug, warn};

/// Providers tried for one request.
pub const PROVIDERS_MAX: usize = 2;

/// An answer whose first byte is here.
pub struct Begun {
    /// What was bought.
    pub purchase: Purchase,
    /// The way to the provider, for the proof of a plain answer.
    pub upstream: Upstream,
    /// The headers that name the order.
    pub headers: Vec<(&'static str, String)>,
    /// The provider's answer.
    pub reply: Reply,
    /// To be judged at the end.
    pub ticket: Ticket,
}

enum Failure {
    /// The consumer's or the gateway's matter: no other provider would help.
    Final(Refusal),
    /// This provider did not serve it.
    Provider(Refusal),
}

/// Serves one request.
///
/// # Errors
/// What the consumer is told when no answer begins.
pub async fn serve(gateway: &Arc<Gateway>, request: ValidRequest) -> Result<Response, Refusal> {
    let root = catalogued(gateway, &request).await?;
    let mut tried: Vec<NodeId> = Vec::new();
    let mut last: Option<Refusal> = None;
    while tried.len() < PROVIDERS_MAX {
        let terms = gateway.chain.terms().await.map_err(|error| unpaid(&error))?;
        let matched = match gateway.market.route(&request, gateway.max_price, &tried, &terms.network, now_ms).await {
            Ok(matched) => matched,
            // Nobody else is there: what the first one did says more.
            Err(refusal) => return Err(last.unwrap_or(refusal)),
        };
        let node = matched.offer.node_id;
        match attempt(gateway, &request, matched, terms, root).await {
            Ok(begun) => return Ok(answer::respond(&request, begun).await),
            Err(Failure::Final(refusal)) => return Err(refusal),
            Err(Failure::Provider(refusal)) => {
                warn!(provider = %node, %refusal, "provider did not serve the request");
                tried.push(node);
                last = Some(refusal);
            }
        }
    }
    Err(last.unwrap_or_else(|| provider_failed("no provider answered")))
}

/// The root the catalogue names: a model that is not in it is nobody's to serve, whoever offers it. One that is in it and
/// has no provider now may have one in a minute, which is another answer.
async fn catalogued(gateway: &Gateway, request: &ValidRequest) -> Result<ModelRoot, Refusal> {
    let root = gateway.chain.model_root(&request.model).await.map_err(|error| unpaid(&error))?;
    root.ok_or_else(|| {
        Refusal::new(
            ErrorKind::NotFound,
            "model_not_found",
            format!("{} is not in the chain's catalogue", request.model),
            "GET /v1/models lists what is served now",
        )
        .param("model")
    })
}

async fn attempt(
    gateway: &Gateway,
    request: &ValidRequest,
    matched: Matched,
    terms: Terms,
    root: ModelRoot,
) -> Result<Begun, Failure> {
    let Matched { offer, routed, relay, mut ticket } = matched;
    if offer.model_root != root {
        ticket.judge(RouteOutcome::Failed);
        return Err(Failure::Provider(provider_failed("the provider offers other files than the catalogue names")));
    }
    let upstream = Upstream::new(&offer, relay, &gateway.market, &gateway.clients)
        .map_err(|error| Failure::Provider(provider_failed(error.to_string())))?;
    let nonce = random().map_err(Failure::Final)?;
    let purchase = purchase(request, &offer, routed, &terms, &gateway.session, nonce, now_ms()).ok_or_else(|| {
        Failure::Provider(Refusal::new(
            ErrorKind::PaymentRequired,
            "over_max_price",
            "the provider's price is beyond any account",
            "set --max-price",
        ))
    })?;
    open_escrow(gateway, &purchase).await.map_err(Failure::Final)?;
    let headers = order_headers(&purchase);
    let begun = upstream.post(request.endpoint.path(), &headers, request.body.clone()).await;
    let reply = match begun {
        Ok(reply) => first_byte(reply).await,
        Err(error) => Err(error),
    };
    match reply {
        Ok(reply) if reply.status.is_success() => Ok(Begun { purchase, upstream, headers, reply, ticket }),
        Ok(reply) => Err(declined(reply, ticket).await),
        Err(error) => {
            ticket.judge(RouteOutcome::Failed);
            Err(Failure::Provider(provider_failed(error.to_string())))
        }
    }
}

/// Notes the escrow, then opens it and waits until it is confirmed.
async fn open_escrow(gateway: &Gateway, purchase: &Purchase) -> Result<(), Refusal> {
    let (ledger, reply_id, deadline_ms) = (gateway.ledger.clone(), purchase.reply_id, purchase.order.deadline_ms);
    let noted = tokio::task::spawn_blocking(move || ledger.note(&reply_id, deadline_ms)).await;
    if !matches!(noted, Ok(Ok(()))) {
        warn!(?noted, "escrow could not be noted");
        return Err(Refusal::new(
            ErrorKind::Internal,
            "ledger",
            "the gateway cannot write its escrow ledger",
            "check the disk of its data directory",
        ));
    }
    let opening = Opening {
        order: &purchase.order,
        session_key: purchase.session_key,
        provider_payout: purchase.provider_payout,
        router_payout: purchase.router_payout,
    };
    gateway.chain.open(opening).await.map_err(|error| {
        warn!(%reply_id, %error, "escrow not opened");
        unpaid(&error)
    })?;
    debug!(%reply_id, max_fee = purchase.order.max_fee, "escrow opened");
    Ok(())
}

/// Waits for the first piece of the body, so that a provider that fails in the prompt can still be replaced.
async fn first_byte(reply: Reply) -> Result<Reply, crate::upstream::Error> {
    let Reply { status, content_type, mut body } = reply;
    let first: Bytes = match body.next().await {
        Some(piece) => piece?,
        None => Bytes::new(),
    };
    let body = futures::stream::once(async move { Ok(first) }).chain(body).boxed();
    Ok(Reply { status, content_type, body })
}

/// A provider's error answer: the consumer's fault goes to the consumer, everything else to another provider.
async fn declined(reply: Reply, mut ticket: Ticket) -> Failure {
    let status = reply.status;
    let theirs = reply.whole().await.ok().and_then(|body| ErrorBody::from_json(&body));
    let message = theirs
        .as_ref()
        .map_or_else(|| format!("the provider answered with status {status}"), |body| body.error.message.clone());
    let code = theirs.and_then(|body| body.error.code).unwrap_or_else(|| "provider_refused".into());
    let kind = match status {
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => ErrorKind::InvalidRequest,
        StatusCode::PAYLOAD_TOO_LARGE => ErrorKind::TooLarge,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            return Failure::Provider(Refusal::new(
                ErrorKind::Unavailable,
                "busy",
                message,
                "try again in a few seconds",
            ));
        }
        _ => {
            ticket.judge(RouteOutcome::Failed);
            return Failure::Provider(provider_failed(message));
        }
    };
    Failure::Final(Refusal::new(kind, &code, message, ""))
}

fn order_headers(purchase: &Purchase) -> Vec<(&'static str, String)> {
    use ogong_base::codec::Encode;
    vec![
        (ORDER_HEADER, STANDARD.encode(purchase.order.to_bytes())),
        (ORDER_SIGNATURE_HEADER, STANDARD.encode(purchase.signature)),
        (SESSION_KEY_HEADER, STANDARD.encode(purchase.session_key)),
    ]
}

fn random() -> Result<[u8; 32], Refusal> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)
        .map_err(|error| Refusal::new(ErrorKind::Internal, "randomness", format!("no randomness: {error}"), ""))?;
    Ok(bytes)
}

fn unpaid(error: &ChainError) -> Refusal {
    match error {
        ChainError::Unreachable(_) => Refusal::new(
            ErrorKind::Unavailable,
            "chain_unreachable",
            error.to_string(),
            "check --rpc-url; a request is forwarded only when its escrow is confirmed",
        ),
        ChainError::Funds(_) => Refusal::new(
            ErrorKind::PaymentRequired,
            "escrow_funds",
            error.to_string(),
            "top up the account of --payer-keypair",
        ),
        ChainError::Refused(_) => Refusal::new(
            ErrorKind::PaymentRequired,
            "escrow_refused",
            error.to_string(),
            "check that --rpc-url and OGONG_PROGRAM_ID name the network that the router serves",
        ),
    }
}

fn provider_failed(message: impl Into<String>) -> Refusal {
    Refusal::new(
        ErrorKind::Upstream,
        "provider_failed",
        message,
        "send the request again; the escrow of a failed order is refunded after its deadline",
    )
}
