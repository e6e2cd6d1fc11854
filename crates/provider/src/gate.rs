//! The gate: a request is served only under a signed order for this provider, this model and these very bytes, secured by an open escrow
//! (SPEC 2.1, 2.2, 3.3). Everything is checked before the engine hears of it.

use crate::{
    ledger::{self, Unsecured},
    refusal::Refusal,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::HeaderMap;
use ogong_base::{
    codec::Decode,
    hash::{ChainKey, ModelRoot, NetworkId, NodeId, ReplyId},
    model_id::ModelId,
};
use ogong_commitment::{
    order::Order,
    params::SamplingParams,
    request::{check_frozen, check_media, req_hash},
};
use ogong_net::proof::{ORDER_HEADER, ORDER_SIGNATURE_HEADER, SESSION_KEY_HEADER};
use ogong_openai::ErrorKind;
use ogong_settlement::{Chain, wallet};

/// Bytes of an encoded order at most.
const ORDER_BYTES_MAX: usize = 1024;
/// Clocks of two honest nodes differ by less.
const CLOCK_SKEW_MS: u64 = 30_000;
/// An order that ends sooner leaves no time to answer and audit.
const TIME_LEFT_MS_MIN: u64 = 60_000;

/// What this provider offers; every order is held against it.
#[derive(Debug, Clone)]
pub struct Terms {
    /// The network.
    pub network: NetworkId,
    /// The on-chain program.
    pub program: ChainKey,
    /// This provider.
    pub provider: NodeId,
    /// The model.
    pub model_id: ModelId,
    /// Its files.
    pub model_root: ModelRoot,
    /// Context of one slot.
    pub n_ctx: u32,
    /// Atoms per 1,000 prompt tokens.
    pub price_prompt: u64,
    /// Atoms per 1,000 answer tokens.
    pub price_completion: u64,
    /// Where the provider's share goes.
    pub payout: ChainKey,
}

/// An order as it came, with what was derived from it.
#[derive(Debug, Clone)]
pub struct SignedOrder {
    /// The order.
    pub order: Order,
    /// Its bytes as signed.
    pub bytes: Vec<u8>,
    /// Session signature.
    pub signature: [u8; 64],
    /// Session key.
    pub session_key: [u8; 32],
    /// Name of the reply.
    pub reply_id: ReplyId,
}

impl SignedOrder {
    /// Reads the three headers and verifies the signature.
    ///
    /// # Errors
    /// A 402 without an order, a 400 for a malformed one.
    pub fn of_headers(headers: &HeaderMap) -> Result<Self, Refusal> {
        let bytes = header(headers, ORDER_HEADER)?;
        if bytes.len() > ORDER_BYTES_MAX {
            return Err(malformed(ORDER_HEADER, "too long"));
        }
        let order = Order::from_bytes(&bytes).map_err(|error| malformed(ORDER_HEADER, error))?;
        let signature = header(headers, ORDER_SIGNATURE_HEADER)?
            .try_into()
            .map_err(|_| malformed(ORDER_SIGNATURE_HEADER, "not 64 bytes"))?;
        let session_key = header(headers, SESSION_KEY_HEADER)?
            .try_into()
            .map_err(|_| malformed(SESSION_KEY_HEADER, "not 32 bytes"))?;
        order.verify(&session_key, &signature).map_err(|error| malformed(ORDER_SIGNATURE_HEADER, error))?;
        let reply_id = order.reply_id();
        Ok(Self { order, bytes, signature, session_key, reply_id })
    }
}

impl Terms {
    /// Holds an order and the frozen body against these terms.
    ///
    /// # Errors
    /// What does not fit, as a 400.
    pub fn check(&self, order: &Order, body: &[u8], now_ms: u64) -> Result<SamplingParams, Refusal> {
        let fits = [
            ("network", order.network == self.network),
            ("program", order.program == self.program),
            ("provider", order.provider == self.provider),
            ("model", order.model_id == self.model_id),
            ("model root", order.model_root == self.model_root),
            ("body: its hash", order.req_hash == req_hash(body)),
            ("price", order.price_prompt >= self.price_prompt && order.price_completion >= self.price_completion),
            ("n_ctx", order.n_ctx <= self.n_ctx),
            ("max_tokens", order.max_tokens >= 1),
            ("max_fee: it does not cover max_tokens", covers(order, order.max_tokens.min(self.n_ctx))),
            ("issue time", order.issued_ms <= now_ms.saturating_add(CLOCK_SKEW_MS)),
            ("deadline", order.deadline_ms >= now_ms.saturating_add(TIME_LEFT_MS_MIN)),
        ];
        if let Some((what, _)) = fits.iter().find(|(_, fits)| !fits) {
            return Err(Refusal::invalid("order_mismatch", format!("the order does not fit this provider's {what}"))
                .hint("ask the router for a fresh offer"));
        }
        let refused = |error: ogong_commitment::error::Error| Refusal::invalid("body", error.to_string());
        check_frozen(body).map_err(refused)?;
        check_media(body).map_err(refused)?;
        SamplingParams::from_body(body, order.max_tokens)
            .map_err(|refusal| Refusal::invalid("not_committable", refusal.to_string()))
    }
}

/// Whether the escrow's most is enough for every answer token that may come (SPEC 2.4).
fn covers(order: &Order, tokens: u32) -> bool {
    u128::from(order.max_fee) >= u128::from(order.price_completion) * u128::from(tokens) / 1000
}

/// Holds the order's escrow against it on the chain.
///
/// # Errors
/// A 402 when the order is not secured, a 503 when the chain does not answer.
pub async fn secured(chain: &Chain, order: &SignedOrder, payout: &ChainKey) -> Result<(), Refusal> {
    let payout = wallet::address(payout);
    match ledger::secured(chain, &order.order, &order.session_key, &payout).await {
        Ok(_) => Ok(()),
        Err(Unsecured::Chain(error)) => {
            tracing::warn!(%error, "escrow could not be read");
            Err(Refusal::new(ErrorKind::Unavailable, "chain_unreachable", "this provider cannot read the escrow now")
                .hint("try again, or another provider"))
        }
        Err(unsecured) => Err(Refusal::new(ErrorKind::PaymentRequired, "escrow", unsecured.to_string())
            .hint("open the escrow for this order before it is sent")),
    }
}

fn header(headers: &HeaderMap, name: &'static str) -> Result<Vec<u8>, Refusal> {
    let value = headers.get(name).ok_or_else(|| {
        Refusal::new(ErrorKind::PaymentRequired, "no_order", format!("the request carries no {name} header"))
            .hint("consumers call a gateway, which opens the escrow and signs the order")
    })?;
    STANDARD.decode(value.as_bytes()).map_err(|_| malformed(name, "not base64"))
}

fn malformed(name: &'static str, why: impl std::fmt::Display) -> Refusal {
    Refusal::invalid("order", format!("{name}: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ogong_base::{codec::Encode, hash::Hash32, keys::SessionKey};

    const NOW: u64 = 1_800_000_000_000;
    const BODY: &[u8] = br#"{"model":"ogong/verified/a/b","messages":[{"role":"user","content":"hi"}]}"#;

    fn terms() -> Terms {
        Terms {
            network: NetworkId::of_name("test"),
            program: ChainKey::from_bytes([1; 32]),
            provider: NodeId::from_bytes([2; 32]),
            model_id: "ogong/verified/a/b".parse().expect("a model id"),
            model_root: ModelRoot::from_bytes([3; 32]),
            n_ctx: 2048,
            price_prompt: 100,
            price_completion: 300,
            payout: ChainKey::from_bytes([4; 32]),
        }
    }

    fn order() -> Order {
        let terms = terms();
        Order {
            network: terms.network,
            program: terms.program,
            nonce: Hash32::from_bytes([5; 32]),
            owner: ChainKey::from_bytes([6; 32]),
            provider: terms.provider,
            router: NodeId::from_bytes([7; 32]),
            epoch: 0,
            model_id: terms.model_id,
            model_root: terms.model_root,
            req_hash: req_hash(BODY),
            price_prompt: 100,
            price_completion: 300,
            max_fee: 1_000,
            max_tokens: 64,
            n_ctx: 2048,
            issued_ms: NOW,
            deadline_ms: NOW + 900_000,
        }
    }

    #[test]
    fn a_fitting_order_passes_and_each_misfit_is_named() {
        terms().check(&order(), BODY, NOW).expect("it fits");
        let changes: [(&str, fn(&mut Order)); 9] = [
            ("network", |o| o.network = NetworkId::of_name("other")),
            ("program", |o| o.program = ChainKey::ZERO),
            ("provider", |o| o.provider = NodeId::ZERO),
            ("model root", |o| o.model_root = ModelRoot::ZERO),
            ("hash", |o| o.req_hash = req_hash(b"{}")),
            ("price", |o| o.price_completion = 299),
            ("n_ctx", |o| o.n_ctx = 4096),
            ("max_fee", |o| o.max_fee = 18),
            ("deadline", |o| o.deadline_ms = NOW + TIME_LEFT_MS_MIN - 1),
        ];
        for (what, change) in changes {
            let mut order = order();
            change(&mut order);
            let refusal = terms().check(&order, BODY, NOW).expect_err(what);
            assert!(refusal.to_string().contains(what), "{what}: {refusal}");
        }
    }

    #[test]
    fn what_the_canonical_sampler_refuses_never_reaches_the_engine() {
        let body = br#"{"model":"ogong/verified/a/b","messages":[],"logit_bias":{"1":5}}"#;
        let order = Order { req_hash: req_hash(body), ..order() };
        let refusal = terms().check(&order, body, NOW).expect_err("refused");
        assert!(refusal.to_string().contains("logit_bias"), "{refusal}");
    }

    #[test]
    fn headers_carry_a_verified_order_or_a_clear_refusal() {
        let key = SessionKey::from_seed([9; 32]);
        let order = order();
        let mut headers = HeaderMap::new();
        assert!(SignedOrder::of_headers(&headers).expect_err("none").to_string().contains("gateway"));
        let put = |headers: &mut HeaderMap, name: &'static str, bytes: &[u8]| {
            headers.insert(name, STANDARD.encode(bytes).parse().expect("ascii"));
        };
        put(&mut headers, ORDER_HEADER, &order.to_bytes());
        put(&mut headers, ORDER_SIGNATURE_HEADER, &order.sign(&key));
        put(&mut headers, SESSION_KEY_HEADER, &key.public());
        assert_eq!(SignedOrder::of_headers(&headers).expect("signed").reply_id, order.reply_id());
        put(&mut headers, SESSION_KEY_HEADER, &SessionKey::from_seed([8; 32]).public());
        assert!(SignedOrder::of_headers(&headers).is_err(), "another key signed");
        headers.insert(ORDER_HEADER, "!".parse().expect("ascii"));
        assert!(SignedOrder::of_headers(&headers).expect_err("not base64").to_string().contains("base64"));
    }
}
