//! The gateway's side of the router: one provider for a request, the model list, and a word back on how it went.
//!
//! The router is believed in nothing it could change: the offer carries the provider's signature, and the gateway holds it against its own
//! network, model and price ceiling again.

use crate::purchase::Routed;
use crate::refusal::Refusal;
use crate::request::ValidRequest;
use ogong_base::codec::Decode;
use ogong_base::{ChainKey, ModelId, NetworkId, NodeId};
use ogong_net::wire::{
    ErrorCode, ErrorReply, Forward, ModelSummary, Models, Report, Request, Route, RouteOutcome, RouteReply,
};
use ogong_net::{Dialer, Error as NetError, Offer, ResponseStream};
use ogong_openai::ErrorKind;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tracing::{debug, warn};

/// How long a request waits for a free slot while all providers are busy.
pub const BUSY_WAIT: Duration = Duration::from_secs(30);
/// Pause between two tries for a free slot.
const BUSY_PAUSE: Duration = Duration::from_millis(200);
/// Offers of other networks, or run out on the way, that are passed over for one request.
const UNUSABLE_MAX: usize = 8;
/// Reports waiting to be sent; more are dropped, the router's own expiry makes up for them.
const REPORTS_MAX: usize = 1_024;

/// The router, as the gateway uses it.
#[derive(Clone, Debug)]
pub struct Market {
    router: Dialer,
    reports: mpsc::Sender<Report>,
}

/// A provider for one request.
#[derive(Debug)]
pub struct Matched {
    /// Its offer, verified.
    pub offer: Offer,
    /// Who routed.
    pub routed: Routed,
    /// Whether the router forwards requests itself.
    pub relay: bool,
    /// Tells the router how it went.
    pub ticket: Ticket,
}

/// Reports the outcome of a route when dropped; a route that nobody judged is reported as abandoned.
#[derive(Debug)]
pub struct Ticket {
    report: Option<Report>,
    reports: mpsc::Sender<Report>,
}

impl Ticket {
    /// Sets what will be reported.
    pub fn judge(&mut self, outcome: RouteOutcome) {
        if let Some(report) = &mut self.report {
            report.outcome = outcome.into();
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(report) = self.report.take() {
            let _ = self.reports.try_send(report);
        }
    }
}

impl Market {
    /// Begins to send reports over `router`. Must run inside a tokio runtime.
    pub fn new(router: Dialer) -> Self {
        let (reports, waiting) = mpsc::channel(REPORTS_MAX);
        tokio::spawn(send_reports(router.clone(), waiting));
        Self { router, reports }
    }

    /// The models with live offers.
    ///
    /// # Errors
    /// A 502 when the router cannot be asked.
    pub async fn models(&self) -> Result<Vec<ModelSummary>, Refusal> {
        let reply = self.router.ask(Models {}).await.map_err(|error| refused(&error))?;
        Ok(reply.models)
    }

    /// Whether the router can be reached now.
    pub fn is_connected(&self) -> bool {
        self.router.live().is_some()
    }

    /// One provider for `request`; waits a while for a free slot.
    ///
    /// # Errors
    /// 402 over the price ceiling, 400 when no context is large enough, 503 when nobody serves the model or all stay busy, 502 when the router fails.
    pub async fn route(
        &self,
        request: &ValidRequest,
        max_price: u64,
        exclude: &[NodeId],
        network: &NetworkId,
        now_ms: impl Fn() -> u64,
    ) -> Result<Matched, Refusal> {
        let deadline = Instant::now() + BUSY_WAIT;
        let mut exclude: Vec<NodeId> = exclude.to_vec();
        let most = exclude.len() + UNUSABLE_MAX;
        loop {
            let asked = Route {
                model_id: request.model.to_string(),
                max_price,
                prompt_tokens: request.prompt_tokens_min(),
                max_tokens: 1,
                exclude: exclude.iter().map(|node| node.as_bytes().to_vec()).collect(),
            };
            let reply = match self.router.ask(asked).await {
                Ok(reply) => reply,
                Err(NetError::Refused(reply)) if reply.code() == ErrorCode::Busy && Instant::now() < deadline => {
                    sleep(BUSY_PAUSE).await;
                    continue;
                }
                Err(error) => return Err(refused(&error)),
            };
            match self.accept(&reply, request, max_price, network, now_ms()) {
                Ok(matched) => return Ok(matched),
                Err(Unusable::Offer(node)) if exclude.len() < most && !exclude.contains(&node) => exclude.push(node),
                Err(unusable) => {
                    warn!(?unusable, "router's match refused");
                    return Err(Refusal::new(
                        ErrorKind::Upstream,
                        "router_failed",
                        "the router matched an offer that does not hold",
                        "choose another router with --router and --router-cert",
                    ));
                }
            }
        }
    }

    /// Opens a stream through the router to a provider.
    ///
    /// # Errors
    /// As the transport says.
    pub async fn forward(&self, forward: Forward) -> Result<ResponseStream, NetError> {
        self.router.request_stream(Request::Forward(forward)).await
    }

    fn accept(
        &self,
        reply: &RouteReply,
        request: &ValidRequest,
        max_price: u64,
        network: &NetworkId,
        now_ms: u64,
    ) -> Result<Matched, Unusable> {
        let offer = match reply.signed_offer().verify(network, now_ms) {
            Ok(offer) => offer,
            Err(error) => {
                debug!(%error, "offer not usable");
                let named = Offer::from_bytes(&reply.offer).map_err(|_| Unusable::Reply)?;
                return Err(Unusable::Offer(named.node_id));
            }
        };
        if offer.model_id != request.model || offer.price_max() > max_price {
            return Err(Unusable::Reply);
        }
        let router = bytes32(&reply.router).map(NodeId::from_bytes).ok_or(Unusable::Reply)?;
        let payout = bytes32(&reply.router_payout).map(ChainKey::from_bytes).ok_or(Unusable::Reply)?;
        let ticket = self.ticket(offer.node_id, &offer.model_id);
        Ok(Matched { offer, routed: Routed { router, payout }, relay: reply.relay, ticket })
    }

    fn ticket(&self, node: NodeId, model: &ModelId) -> Ticket {
        let report = Report {
            node_id: node.as_bytes().to_vec(),
            model_id: model.to_string(),
            outcome: RouteOutcome::Abandoned.into(),
        };
        Ticket { report: Some(report), reports: self.reports.clone() }
    }
}

#[derive(Debug)]
enum Unusable {
    /// This provider's offer cannot be used here.
    Offer(NodeId),
    /// The router's reply itself cannot.
    Reply,
}

async fn send_reports(router: Dialer, mut waiting: mpsc::Receiver<Report>) {
    while let Some(report) = waiting.recv().await {
        if let Err(error) = router.ask(report).await {
            debug!(%error, "report not delivered");
        }
    }
}

fn bytes32(bytes: &[u8]) -> Option<[u8; 32]> {
    bytes.try_into().ok()
}

/// What a consumer is told of a router that did not match.
fn refused(error: &NetError) -> Refusal {
    let NetError::Refused(reply) = error else {
        warn!(%error, "router not usable");
        return Refusal::new(
            ErrorKind::Upstream,
            "router_unreachable",
            format!("the router cannot be asked: {error}"),
            error.hint().as_deref().unwrap_or("check --router and --router-cert"),
        );
    };
    let message = reply.message.clone();
    match reply.code() {
        ErrorCode::NotFound => {
            Refusal::new(ErrorKind::Unavailable, "no_provider", message, "GET /v1/models lists what is served now")
        }
        ErrorCode::NoMatch => Refusal::new(
            ErrorKind::PaymentRequired,
            "over_max_price",
            message,
            "the gateway's operator sets the ceiling with --max-price",
        ),
        ErrorCode::Busy => Refusal::new(ErrorKind::Unavailable, "busy", message, "try again in a few seconds"),
        ErrorCode::Malformed => refused_request(reply),
        _ => Refusal::new(ErrorKind::Upstream, "router_failed", format!("the router refused: {message}"), &reply.hint),
    }
}

fn refused_request(reply: &ErrorReply) -> Refusal {
    Refusal::new(ErrorKind::InvalidRequest, "context_length_exceeded", reply.message.clone(), "shorten the messages")
        .param("messages")
}
