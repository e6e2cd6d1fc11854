//! `refund_expired`.

use crate::settle::event;
use litesvm::types::TransactionResult;
use ogong_chain_interface::ChainError;
use ogong_chain_interface::account::EscrowStatus;
use ogong_chain_interface::event::Expired;
use ogong_chain_interface::instruction::{Change, RefundExpired};
use ogong_chain_tests::Expected::Chain;
use ogong_chain_tests::world::{FUNDS, START_S};
use ogong_chain_tests::{Deal, Refusal, World, check};

/// By someone who has nothing to do with it.
fn refund(world: &mut World, deal: &Deal) -> TransactionResult {
    world.send(world.expiry(deal), &[world.admin.key.insecure_clone()])
}

pub const REFUSALS: &[Refusal] = &[
    Refusal {
        name: "at once",
        expected: Chain(ChainError::DeadlineNotPassed),
        attempt: |world| {
            let deal = world.open();
            refund(world, &deal)
        },
    },
    Refusal {
        name: "in the deadline's second",
        expected: Chain(ChainError::DeadlineNotPassed),
        attempt: |world| {
            let deal = world.open();
            world.set_time(START_S + 900);
            refund(world, &deal)
        },
    },
    Refusal {
        name: "to the sender",
        expected: Chain(ChainError::OwnerPayeeWrong),
        attempt: |world| {
            let deal = world.open();
            world.set_time(START_S + 901);
            let refund = RefundExpired { change: Change::Token(world.admin.token), ..world.expiry(&deal) };
            world.send(refund, &[world.admin.key.insecure_clone()])
        },
    },
    Refusal {
        name: "twice",
        expected: Chain(ChainError::EscrowNotOpen),
        attempt: |world| {
            let deal = world.open();
            world.set_time(START_S + 901);
            refund(world, &deal).expect("the first");
            refund(world, &deal)
        },
    },
    Refusal {
        name: "after a settle",
        expected: Chain(ChainError::EscrowNotOpen),
        attempt: |world| {
            let deal = world.open();
            world.must(world.settlement(&deal), &world.quorum());
            world.set_time(START_S + 901);
            refund(world, &deal)
        },
    },
    Refusal {
        name: "after a settle that paid",
        expected: Chain(ChainError::EscrowNotOpen),
        attempt: |world| {
            let deal = world.open();
            let settle = world.settlement(&deal);
            world.must(settle, &world.quorum());
            world.pay(&deal);
            world.set_time(START_S + 901);
            refund(world, &deal)
        },
    },
    Refusal {
        name: "after a reject",
        expected: Chain(ChainError::EscrowNotOpen),
        attempt: |world| {
            let deal = world.open();
            world.must(world.rejection(&deal), &world.quorum());
            world.set_time(START_S + 901);
            refund(world, &deal)
        },
    },
];

#[test]
fn returns_everything_whoever_sends_it() {
    let mut world = World::with_stakes(&[1_000; 3]);
    let deal = world.open();
    world.set_time(START_S + 901);
    let meta = world.must(world.expiry(&deal), &[world.admin.key.insecure_clone()]);
    assert_eq!(world.balance(&world.owner.token), FUNDS);
    let escrow = world.escrow(&deal);
    assert_eq!(escrow.status, EscrowStatus::Refunded);
    assert_eq!((escrow.record_hash, escrow.verdict_hash, escrow.fee), ([0; 32], [0; 32], 0));
    let wanted = Expired { reply_id: deal.reply_id, amount: deal.order.max_fee };
    assert_eq!(Expired::decode(&event(&meta.logs)), Ok(wanted));
}

/// No validator need exist for the owner to get the money back.
#[test]
fn needs_no_validators() {
    let mut world = World::new();
    let deal = world.open();
    world.set_time(START_S + 901);
    world.must(world.expiry(&deal), &[world.admin.key.insecure_clone()]);
    assert_eq!(world.balance(&world.owner.token), FUNDS);
}

#[test]
fn refusals() {
    check(REFUSALS);
}
