//! Deposits and escrows, and what comes back after the deadline.

use super::{FAR_MS, FEE, case, open, operators, scene};
use ogong_chain_interface::instruction::{CompactEscrow, FundDeposit, OpenEscrowFromDeposit, WithdrawDeposit};
use ogong_chain_tests::trial::Free::{Again, LeftOut};
use ogong_chain_tests::trial::{Case, Scene};
use ogong_chain_tests::{Deal, World};

/// Registered operators may be left out: then the reply earns them nothing.
const OPERATORS: &[ogong_chain_tests::trial::Free] = &[LeftOut("provider"), LeftOut("router")];

pub const CASES: &[Case] = &[
    Case { situation: "new", free: &[Again], ..case("fund_deposit", fund_new) },
    Case { situation: "topped up", free: &[Again], ..case("fund_deposit", fund_more) },
    Case { free: &[Again], ..case("withdraw_deposit", withdraw) },
    Case { situation: "registered", free: OPERATORS, ..case("open_escrow", |world| open_escrow(world, true)) },
    Case { situation: "unregistered", ..case("open_escrow", |world| open_escrow(world, false)) },
    Case { free: OPERATORS, ..case("open_escrow_from_deposit", from_deposit) },
    Case { situation: "wallet", ..case("refund_expired", refund_expired) },
    Case { situation: "deposit", ..case("refund_expired", refund_expired_deposit) },
    Case { situation: "settled", ..case("compact_escrow", compact_settled) },
    Case { situation: "refunded", ..case("compact_escrow", compact_refunded) },
];

fn funding(world: &World, delegate: ogong_chain_interface::Address) -> FundDeposit {
    let (owner, owner_token) = (world.owner.address(), world.owner.token);
    FundDeposit { owner, owner_token, delegate, amount: 7 * FEE }
}

fn fund_new(world: &mut World) -> Scene {
    let delegate = world.wallet(0).address();
    scene(funding(world, delegate), [world.owner.key.insecure_clone()])
}

fn fund_more(world: &mut World) -> Scene {
    let delegate = world.wallet(0).address();
    let owner = [world.owner.key.insecure_clone()];
    world.must(funding(world, delegate), &owner);
    scene(funding(world, delegate), owner)
}

fn withdraw(world: &mut World) -> Scene {
    let Scene { signers, .. } = fund_new(world);
    let delegate = world.router.address();
    world.must(funding(world, delegate), &signers);
    let FundDeposit { owner, owner_token, .. } = funding(world, delegate);
    scene(WithdrawDeposit { owner, owner_token, delegate, amount: 5 }, signers)
}

fn open_escrow(world: &mut World, registered: bool) -> Scene {
    let mut order = world.order();
    order.nonce = [31; 32];
    let mut opening = world.opening(&order);
    if registered {
        let [provider, router] = operators(world, 115);
        (order.provider, order.router) = (provider.node.node_id, router.node.node_id);
        opening.order = order.bytes();
        opening.terms.provider_payout = provider.wallet.address();
        opening.terms.router_payout = router.wallet.address();
        opening.terms.provider_operator = Some(provider.wallet.address());
        opening.terms.router_operator = Some(router.wallet.address());
    }
    scene(opening, [world.owner.key.insecure_clone()])
}

fn from_deposit(world: &mut World) -> Scene {
    let gateway = world.wallet(0);
    let delegate = gateway.address();
    world.must(funding(world, delegate), &[world.owner.key.insecure_clone()]);
    let [provider, router] = operators(world, 115);
    let mut order = world.order();
    order.nonce = [32; 32];
    (order.provider, order.router) = (provider.node.node_id, router.node.node_id);
    let mut terms = world.terms();
    (terms.provider_payout, terms.router_payout) = (provider.wallet.address(), router.wallet.address());
    (terms.provider_operator, terms.router_operator) = (Some(terms.provider_payout), Some(terms.router_payout));
    let owner = world.owner.address();
    scene(OpenEscrowFromDeposit { delegate, owner, order: order.bytes(), terms }, [gateway.key])
}

/// An escrow out of a deposit.
pub fn open_from_deposit(world: &mut World, nonce: u8, longer_ms: u64) -> Deal {
    let gateway = world.wallet(0);
    let delegate = gateway.address();
    world.must(funding(world, delegate), &[world.owner.key.insecure_clone()]);
    let mut order = world.order();
    (order.nonce, order.req_hash) = ([nonce; 32], [nonce; 32]);
    order.deadline_ms += longer_ms;
    let (owner, terms) = (world.owner.address(), world.terms());
    let opening = OpenEscrowFromDeposit { delegate, owner, order: order.bytes(), terms };
    let reply_id = opening.reply_id();
    world.must(opening, &[gateway.key]);
    Deal { order, reply_id }
}

fn expire(world: &mut World, deal: &Deal) -> Scene {
    assert!(deal.order.deadline_ms < world.now_ms() + FAR_MS, "the town's own are open for longer");
    world.set_time(i64::try_from(deal.order.deadline_ms / 1_000 + 1).expect("a time"));
    scene(world.expiry(deal), [])
}

fn refund_expired(world: &mut World) -> Scene {
    let deal = open(world, 33, None, 0);
    expire(world, &deal)
}

fn refund_expired_deposit(world: &mut World) -> Scene {
    let deal = open_from_deposit(world, 34, 0);
    expire(world, &deal)
}

fn compact(world: &mut World, deal: &Deal, payer: &ogong_chain_tests::Wallet) -> Scene {
    world.set_time(i64::try_from(deal.order.deadline_ms / 1_000 + 1).expect("a time"));
    let (reply_id, payer_key) = (deal.reply_id, payer.key.insecure_clone());
    scene(CompactEscrow { reply_id, payer: payer.address() }, [payer_key])
}

fn compact_settled(world: &mut World) -> Scene {
    let operators = operators(world, 115);
    let deal = open(world, 35, Some(&operators), 0);
    super::pay(world, &deal, &operators);
    let owner = world.owner.clone();
    compact(world, &deal, &owner)
}

fn compact_refunded(world: &mut World) -> Scene {
    let deal = open(world, 36, None, 0);
    world.must(world.rejection(&deal), &world.quorum());
    let owner = world.owner.clone();
    compact(world, &deal, &owner)
}
