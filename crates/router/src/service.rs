//! The router on the wire: each request of a peer becomes one call of the registry.
//!
//! An offer is taken when its hybrid signature, network and time hold and it comes over the connection whose certificate it names.
//! Refusals carry a code the gateway maps to an HTTP status: nobody offers it → `NotFound`, too dear → `NoMatch`, busy → `Busy`.

use crate::registry::{Listing, NoMatch, Outcome, Query, Refusal, Registry};
use crate::relay::Relay;
use ogong_base::codec::{Decode, Encode};
use ogong_base::params::{HEARTBEAT_EXPIRY_MS, HEARTBEAT_MS};
use ogong_base::{ChainKey, ConsensusId, ModelId, NetworkId, NodeId, NodePublic};
use ogong_daemon::clock::now_ms;
use ogong_net::wire::{
    ErrorCode, ErrorReply, Forward, Heartbeat, HeartbeatReply, ModelSummary, ModelsReply, Report, ReportReply, Request,
    Response, Route, RouteOutcome, RouteReply, Upsert, UpsertReply, Withdraw, WithdrawReply,
};
use ogong_net::{Handler, Offer, PeerInfo, ResponseSink, SignedOffer};
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tracing::{debug, info};

/// Providers a request may exclude at most.
const EXCLUDE_MAX: usize = 64;

/// Who this router is.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Its node key's public half; the node id goes into orders.
    pub public: NodePublic,
    /// Where its share of fees goes.
    pub payout: ChainKey,
    /// The network it serves; `None` takes offers of any, gateways hold them against theirs.
    pub network: Option<NetworkId>,
}

/// The router's handler.
pub struct Service {
    standing: Standing,
    relay: Option<Relay>,
    market: Mutex<Market>,
}

struct Market {
    registry: Registry<SignedOffer>,
    rng: StdRng,
}

impl Service {
    /// A router with an empty registry; with `relay` it forwards requests too.
    pub fn new(standing: Standing, relay: Option<Relay>) -> Self {
        // A cipher seeded by the system: who asks cannot foresee the draw.
        let market = Market { registry: Registry::new(), rng: StdRng::from_os_rng() };
        Self { standing, relay, market: Mutex::new(market) }
    }

    /// Replaces what is known of stakes.
    pub fn set_stakes(&self, stakes: HashMap<NodeId, u64>) {
        self.market().registry.set_stakes(stakes);
    }

    fn market(&self) -> MutexGuard<'_, Market> {
        // The registry is valid after every call.
        self.market.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn upsert(&self, from: ConsensusId, upsert: Upsert) -> Result<Response, ErrorReply> {
        let signed = SignedOffer::from(upsert);
        let now = now_ms();
        let network = match self.standing.network {
            Some(network) => network,
            None => Offer::from_bytes(&signed.offer).map_err(|error| ErrorReply::malformed("offer", error))?.network,
        };
        let offer = signed.verify(&network, now).map_err(|error| {
            ErrorReply::new(
                ErrorCode::Unverified,
                error.to_string(),
                "sign a new offer for this network; check the clocks of both machines",
            )
        })?;
        if offer.consensus_id != from {
            return Err(stranger());
        }
        if offer.endpoint.is_empty() {
            return Err(ErrorReply::new(
                ErrorCode::Malformed,
                "the offer names no endpoint",
                "start the provider with --listen on an address consumers can reach",
            ));
        }
        let (provider, model) = (offer.node_id, offer.model_id.clone());
        self.market().registry.upsert(listing(offer, signed), now).map_err(refused)?;
        info!(%provider, %model, "offer taken");
        let router_public = self.standing.public.to_bytes();
        let router_payout = self.standing.payout.as_bytes().to_vec();
        Ok(UpsertReply { router_public, heartbeat_ms: HEARTBEAT_MS, expiry_ms: HEARTBEAT_EXPIRY_MS, router_payout }
            .into())
    }

    fn heartbeat(&self, from: ConsensusId, beat: &Heartbeat) -> Result<Response, ErrorReply> {
        let (node, model) = (node_id("node_id", &beat.node_id)?, model_id(&beat.model_id)?);
        let known = self.market().registry.heartbeat(from, node, &model, beat.free_slots, now_ms()).map_err(refused)?;
        Ok(HeartbeatReply { known, heartbeat_ms: HEARTBEAT_MS }.into())
    }

    fn withdraw(&self, from: ConsensusId, withdraw: &Withdraw) -> Result<Response, ErrorReply> {
        let (node, model) = (node_id("node_id", &withdraw.node_id)?, model_id(&withdraw.model_id)?);
        let known = self.market().registry.withdraw(from, node, &model).map_err(refused)?;
        info!(provider = %node, %model, "offer withdrawn");
        Ok(WithdrawReply { known }.into())
    }

    fn route(&self, from: ConsensusId, route: &Route) -> Result<Response, ErrorReply> {
        if route.exclude.len() > EXCLUDE_MAX {
            return Err(ErrorReply::malformed("exclude", format!("more than {EXCLUDE_MAX} nodes")));
        }
        let exclude = route.exclude.iter().map(|bytes| node_id("exclude", bytes)).collect::<Result<Vec<_>, _>>()?;
        let tokens = route.prompt_tokens.saturating_add(route.max_tokens);
        let query =
            Query { peer: from, model: model_id(&route.model_id)?, max_price: route.max_price, tokens, exclude };
        let market = &mut *self.market();
        let matched = market.registry.route(&query, now_ms(), &mut market.rng).map_err(unmatched)?;
        let SignedOffer { offer, public, signature } = matched.signed;
        debug!(model = %query.model, candidates = matched.candidates, "request routed");
        Ok(RouteReply {
            offer,
            public,
            signature,
            router: self.standing.public.node_id().as_bytes().to_vec(),
            router_payout: self.standing.payout.as_bytes().to_vec(),
            relay: self.relay.is_some(),
            candidates: matched.candidates,
        }
        .into())
    }

    fn report(&self, from: ConsensusId, report: &Report) -> Result<Response, ErrorReply> {
        let (node, model) = (node_id("node_id", &report.node_id)?, model_id(&report.model_id)?);
        let outcome = match report.outcome() {
            RouteOutcome::Served => Outcome::Served,
            RouteOutcome::Failed => Outcome::Failed,
            RouteOutcome::Abandoned => Outcome::Abandoned,
        };
        let now = now_ms();
        let market = &mut *self.market();
        let counted = market.registry.report(from, node, &model, outcome, now);
        if counted && outcome == Outcome::Failed {
            let reputation_ppm = market.registry.reputation_ppm(&node, now);
            info!(provider = %node, %model, reputation_ppm, "failure reported");
        }
        Ok(ReportReply { counted }.into())
    }

    fn models(&self) -> Response {
        let models = self.market().registry.models(now_ms());
        let models = models.into_iter().map(|summary| ModelSummary {
            model_id: summary.model.to_string(),
            providers: summary.providers,
            free_slots: summary.free_slots,
            price_prompt: summary.price_prompt,
            price_completion: summary.price_completion,
            n_ctx: summary.n_ctx,
        });
        ModelsReply { models: models.collect() }.into()
    }

    async fn forward(&self, from: ConsensusId, forward: Forward, sink: &mut ResponseSink) -> Result<(), ErrorReply> {
        let Some(relay) = &self.relay else {
            return Err(ErrorReply::new(
                ErrorCode::Unsupported,
                "this router does not relay",
                "send the request to the provider's endpoint, or start the router with --relay",
            ));
        };
        let (node, model) = (node_id("node_id", &forward.node_id)?, model_id(&forward.model_id)?);
        let signed = {
            let market = self.market();
            let live = market.registry.live(node, &model, now_ms());
            let listing = live.ok_or_else(|| {
                ErrorReply::new(ErrorCode::NotFound, "the provider's offer is gone", "route the request again")
            })?;
            if !market.registry.is_routed(from, node, &model) {
                return Err(ErrorReply::new(
                    ErrorCode::Forbidden,
                    "you were not routed to this provider",
                    "ask for a route first",
                ));
            }
            listing.signed.clone()
        };
        let offer =
            Offer::from_bytes(&signed.offer).map_err(|_| ErrorReply::internal("a held offer does not decode"))?;
        relay.forward(&offer, forward, sink).await
    }
}

impl Handler for Service {
    async fn handle(&self, from: PeerInfo, request: Request) -> Result<Response, ErrorReply> {
        let from = from.consensus_id;
        match request {
            Request::Upsert(upsert) => self.upsert(from, upsert),
            Request::Heartbeat(beat) => self.heartbeat(from, &beat),
            Request::Withdraw(withdraw) => self.withdraw(from, &withdraw),
            Request::Route(route) => self.route(from, &route),
            Request::Report(report) => self.report(from, &report),
            Request::Models(_) => Ok(self.models()),
            other => Err(ErrorReply::unsupported(other.kind(), "router")),
        }
    }

    async fn stream(&self, from: PeerInfo, request: Request, sink: &mut ResponseSink) -> Result<(), ErrorReply> {
        if let Request::Forward(forward) = request {
            return self.forward(from.consensus_id, forward, sink).await;
        }
        let response = self.handle(from, request).await?;
        // A peer that has gone needs no answer.
        let _ = sink.send(response).await;
        Ok(())
    }
}

fn listing(offer: Offer, signed: SignedOffer) -> Listing<SignedOffer> {
    Listing {
        node: offer.node_id,
        model: offer.model_id,
        consensus: offer.consensus_id,
        price_prompt: offer.price_prompt,
        price_completion: offer.price_completion,
        slots: offer.slots,
        n_ctx: offer.n_ctx,
        issued_ms: offer.issued_ms,
        expires_ms: offer.expires_ms,
        signed,
    }
}

fn node_id(field: &str, bytes: &[u8]) -> Result<NodeId, ErrorReply> {
    <[u8; 32]>::try_from(bytes).map(NodeId::from_bytes).map_err(|_| ErrorReply::malformed(field, "not 32 bytes"))
}

fn model_id(text: &str) -> Result<ModelId, ErrorReply> {
    text.parse().map_err(|error| ErrorReply::malformed("model_id", error))
}

fn stranger() -> ErrorReply {
    ErrorReply::new(
        ErrorCode::Forbidden,
        "the connection's certificate is not the offer's",
        "a provider speaks for itself, over the certificate its offer names",
    )
}

fn refused(refusal: Refusal) -> ErrorReply {
    let message = refusal.to_string();
    match refusal {
        Refusal::Stranger => stranger(),
        Refusal::Superseded => {
            ErrorReply::new(ErrorCode::Conflict, message, "two providers may run with one key; stop one of them")
        }
        Refusal::Full => ErrorReply::new(ErrorCode::Busy, message, "try again later, or register with another router"),
        Refusal::TooManyModels => ErrorReply::new(ErrorCode::Forbidden, message, "withdraw a model first"),
    }
}

fn unmatched(reason: NoMatch) -> ErrorReply {
    let (code, hint) = match reason {
        NoMatch::Unoffered | NoMatch::Excluded => (ErrorCode::NotFound, "ask for the models that are served"),
        NoMatch::OverPrice { .. } => (ErrorCode::NoMatch, "raise the price ceiling"),
        NoMatch::Context { .. } => (ErrorCode::Malformed, "shorten the prompt"),
        NoMatch::Busy => (ErrorCode::Busy, "try again in a moment"),
    };
    ErrorReply::new(code, reason.to_string(), hint)
}
