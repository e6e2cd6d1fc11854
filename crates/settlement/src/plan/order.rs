//! Whether an escrow is what its order says.

use ogong_base::hash::ChainKey;
use ogong_chain_interface::account::Escrow;
use ogong_commitment::order::Order;

use crate::error::Error;

/// Checks that an escrow was opened for `order`, field by field, and pays the wallets that the provider and the router announced.
///
/// The session key is the escrow's: verify the order's signature with `escrow.session_key`.
///
/// # Errors
/// [`Error::EscrowMismatch`] names the first field that differs.
pub fn check_order(
    escrow: &Escrow,
    order: &Order,
    provider_payout: &ChainKey,
    router_payout: &ChainKey,
) -> Result<(), Error> {
    let fields = [
        ("reply id", escrow.reply_id == *order.reply_id().as_bytes()),
        ("owner", escrow.owner.to_bytes() == *order.owner.as_bytes()),
        ("provider", escrow.provider == *order.provider.as_bytes()),
        ("router", escrow.router == *order.router.as_bytes()),
        ("provider payout", escrow.provider_payout.to_bytes() == *provider_payout.as_bytes()),
        ("router payout", escrow.router_payout.to_bytes() == *router_payout.as_bytes()),
        ("model root", escrow.model_root == *order.model_root.as_bytes()),
        ("request hash", escrow.req_hash == *order.req_hash.as_bytes()),
        ("prompt price", escrow.price_prompt == order.price_prompt),
        ("completion price", escrow.price_completion == order.price_completion),
        ("max fee", escrow.max_fee == order.max_fee),
        ("max tokens", escrow.max_tokens == order.max_tokens),
        ("deadline", escrow.deadline_ms == order.deadline_ms),
    ];
    match fields.into_iter().find(|(_, same)| !same) {
        Some((field, _)) => Err(Error::EscrowMismatch { field }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::{accounts, wallet};
    use crate::split::Terms;
    use crate::wallet::chain_key;
    use ogong_base::hash::NetworkId;

    fn order() -> Order {
        Order {
            network: NetworkId::from_bytes([9; 32]),
            program: chain_key(&ogong_chain_interface::PROGRAM_ID),
            nonce: ogong_base::Hash32::from_bytes([14; 32]),
            owner: wallet(94).key(),
            provider: ogong_base::NodeId::from_bytes([7; 32]),
            router: ogong_base::NodeId::from_bytes([8; 32]),
            epoch: 0,
            model_id: "ogong/verified/maker/model".parse().expect("a model id"),
            model_root: ogong_base::ModelRoot::from_bytes([10; 32]),
            req_hash: ogong_base::ReqHash::from_bytes([11; 32]),
            price_prompt: 1_000,
            price_completion: 4_000,
            max_fee: 10_000,
            max_tokens: 1_000,
            n_ctx: 2_048,
            issued_ms: 1,
            deadline_ms: 1_000_000,
        }
    }

    #[test]
    fn an_escrow_is_held_against_its_order_field_by_field() {
        let order = order();
        let mut ours = accounts().escrow;
        ours.reply_id = *order.reply_id().as_bytes();
        let (provider, router) = (wallet(95).key(), wallet(96).key());
        check_order(&ours, &order, &provider, &router).expect("the same");
        let changes: [(&str, fn(&mut Escrow)); 13] = [
            ("reply id", |e| e.reply_id[0] ^= 1),
            ("owner", |e| e.owner = wallet(1).address()),
            ("provider", |e| e.provider[0] ^= 1),
            ("router", |e| e.router[0] ^= 1),
            ("provider payout", |e| e.provider_payout = wallet(1).address()),
            ("router payout", |e| e.router_payout = wallet(1).address()),
            ("model root", |e| e.model_root[0] ^= 1),
            ("request hash", |e| e.req_hash[0] ^= 1),
            ("prompt price", |e| e.price_prompt += 1),
            ("completion price", |e| e.price_completion += 1),
            ("max fee", |e| e.max_fee += 1),
            ("max tokens", |e| e.max_tokens += 1),
            ("deadline", |e| e.deadline_ms += 1),
        ];
        for (expected, change) in changes {
            let mut changed = ours.clone();
            change(&mut changed);
            let refused = check_order(&changed, &order, &provider, &router);
            assert!(matches!(refused, Err(Error::EscrowMismatch { field }) if field == expected), "{expected}");
        }
    }

    #[test]
    fn our_fee_is_the_orders() {
        let order = order();
        let Order { price_prompt, price_completion, max_fee, .. } = order;
        let terms = Terms { price_prompt, price_completion, max_fee };
        for (n_prompt, n_billed) in [(0, 1), (1, 0), (999, 1), (100, 200), (u32::MAX, u32::MAX)] {
            assert_eq!(terms.fee(n_prompt, n_billed), order.fee(n_prompt, n_billed));
        }
    }
}
