//! From a matched offer to a signed order: the price ceiling, the nonce, the deadline (SPEC 2.2, 2.4).

use crate::chain::Terms;
use crate::request::ValidRequest;
use ogong_base::params::ORDER_DEADLINE_MS;
use ogong_base::{ChainKey, Hash32, NodeId, ReplyId, SessionKey};
use ogong_commitment::{order::Order, request::req_hash};
use ogong_net::Offer;

/// Tokens a price is stated for (SPEC 2.2).
const PRICE_TOKENS: u128 = 1_000;

/// An order with everything that goes with it.
#[derive(Clone, Debug)]
pub struct Purchase {
    /// The order.
    pub order: Order,
    /// Its reply id.
    pub reply_id: ReplyId,
    /// The session key's signature over it.
    pub signature: [u8; 64],
    /// The session key.
    pub session_key: [u8; 32],
    /// Where the provider's share goes.
    pub provider_payout: ChainKey,
    /// Where the router's share goes.
    pub router_payout: ChainKey,
}

/// Who routed, and where its share goes.
#[derive(Clone, Copy, Debug)]
pub struct Routed {
    /// The router.
    pub router: NodeId,
    /// Its payout account.
    pub payout: ChainKey,
}

/// The most a request can cost by these prices, rounded up; `None` when no account could hold it.
///
/// `⌈(prompt_tokens_max · price_prompt + tokens_max · price_completion) / 1000⌉`
pub fn fee_max(prompt_tokens_max: u64, tokens_max: u32, price_prompt: u64, price_completion: u64) -> Option<u64> {
    let prompt = u128::from(prompt_tokens_max) * u128::from(price_prompt);
    let answer = u128::from(tokens_max) * u128::from(price_completion);
    u64::try_from(prompt.checked_add(answer)?.div_ceil(PRICE_TOKENS)).ok()
}

/// Makes and signs the order for `request` by `offer`; `None` when the price is beyond any account.
pub fn purchase(
    request: &ValidRequest,
    offer: &Offer,
    routed: Routed,
    terms: &Terms,
    session: &SessionKey,
    nonce: [u8; 32],
    now_ms: u64,
) -> Option<Purchase> {
    // An answer never outgrows its context, so more tokens need not be paid in advance.
    let max_tokens = request.tokens_max.min(offer.n_ctx);
    let prompt_tokens = request.prompt_tokens_max().min(u64::from(offer.n_ctx));
    let order = Order {
        network: terms.network,
        program: terms.program,
        nonce: Hash32::from_bytes(nonce),
        owner: terms.owner,
        provider: offer.node_id,
        router: routed.router,
        epoch: terms.epoch,
        model_id: offer.model_id.clone(),
        model_root: offer.model_root,
        req_hash: req_hash(&request.body),
        price_prompt: offer.price_prompt,
        price_completion: offer.price_completion,
        max_fee: fee_max(prompt_tokens, max_tokens, offer.price_prompt, offer.price_completion)?,
        max_tokens,
        n_ctx: offer.n_ctx,
        issued_ms: now_ms,
        deadline_ms: now_ms.saturating_add(ORDER_DEADLINE_MS),
    };
    Some(Purchase {
        reply_id: order.reply_id(),
        signature: order.sign(session),
        session_key: session.public(),
        provider_payout: offer.payout,
        router_payout: routed.payout,
        order,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ceiling_rounds_up_and_refuses_what_no_account_holds() {
        assert_eq!(fee_max(1, 1, 1, 1), Some(1));
        assert_eq!(fee_max(1_000, 500, 10, 20), Some(20));
        assert_eq!(fee_max(1_001, 500, 10, 20), Some(21));
        assert_eq!(fee_max(0, 0, u64::MAX, u64::MAX), Some(0));
        assert_eq!(fee_max(u64::MAX, u32::MAX, u64::MAX, u64::MAX), None);
    }
}
