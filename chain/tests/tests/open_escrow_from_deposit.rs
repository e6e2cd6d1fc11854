//! `open_escrow_from_deposit`: one deposit, many replies.

use crate::fund_deposit::{balance, fund, place};
use crate::settle::another;
use crate::withdraw_deposit::withdraw;
use litesvm::types::{FailedTransactionMetadata, TransactionResult};
use ogong_chain_interface::account::{Escrow, EscrowStatus, Role};
use ogong_chain_interface::error::ACCOUNT_IN_USE;
use ogong_chain_interface::instruction::OpenEscrowFromDeposit;
use ogong_chain_interface::{ChainError, PROGRAM_ID, address};
use ogong_chain_tests::Expected::{Chain, Number};
use ogong_chain_tests::world::{FUNDS, START_S};
use ogong_chain_tests::{Deal, Order, Refusal, World, check};

/// Anchor's: the account is not the one its seeds derive.
const SEEDS: u32 = 2006;
/// Anchor's: the key did not sign.
const NOT_SIGNER: u32 = 3010;
/// Anchor's: there is no such account.
const NOT_INITIALIZED: u32 = 3012;

fn opening(world: &World, order: &Order) -> OpenEscrowFromDeposit {
    OpenEscrowFromDeposit {
        delegate: world.router.address(),
        owner: world.owner.address(),
        order: order.bytes(),
        terms: world.terms(),
    }
}

pub fn open(world: &mut World, order: Order) -> Result<Deal, FailedTransactionMetadata> {
    let opening = opening(world, &order);
    let reply_id = opening.reply_id();
    world.send(opening, &[world.router.key.insecure_clone()]).map(|_| Deal { order, reply_id })
}

/// One of an order with something wrong in it, out of enough.
fn spoilt(world: &mut World, spoil: fn(&mut Order)) -> TransactionResult {
    fund(world, 2_000_000).expect("funded");
    let mut order = world.order();
    spoil(&mut order);
    world.send(opening(world, &order), &[world.router.key.insecure_clone()])
}

pub const REFUSALS: &[Refusal] = &[
    Refusal {
        name: "an escrow over what is left",
        expected: Chain(ChainError::DepositTooLow),
        attempt: |world| {
            fund(world, 1_999_999).expect("funded");
            let (first, second) = (world.order(), another(world));
            open(world, first).expect("the first");
            open(world, second).map(|_| unreachable!("the second"))
        },
    },
    Refusal {
        name: "an escrow by somebody else",
        expected: Chain(ChainError::DelegateWrong),
        attempt: |world| {
            fund(world, 2_000_000).expect("funded");
            let mut instruction = opening(world, &world.order()).instruction(&PROGRAM_ID);
            instruction.accounts[0].pubkey = world.admin.address();
            world.send(instruction, &[world.admin.key.insecure_clone()])
        },
    },
    Refusal {
        name: "an escrow by the owner",
        expected: Chain(ChainError::DelegateWrong),
        attempt: |world| {
            fund(world, 2_000_000).expect("funded");
            let mut instruction = opening(world, &world.order()).instruction(&PROGRAM_ID);
            instruction.accounts[0].pubkey = world.owner.address();
            world.send(instruction, &[world.owner.key.insecure_clone()])
        },
    },
    Refusal {
        name: "an escrow without the delegate's signature",
        expected: Number(NOT_SIGNER),
        attempt: |world| {
            fund(world, 2_000_000).expect("funded");
            let mut instruction = opening(world, &world.order()).instruction(&PROGRAM_ID);
            instruction.accounts[0].is_signer = false;
            world.send(instruction, &[world.admin.key.insecure_clone()])
        },
    },
    Refusal {
        name: "an escrow where nothing was put in",
        expected: Number(NOT_INITIALIZED),
        attempt: |world| world.send(opening(world, &world.order()), &[world.router.key.insecure_clone()]),
    },
    Refusal {
        name: "the same order again",
        expected: Number(ACCOUNT_IN_USE),
        attempt: |world| {
            spoilt(world, |_| {}).expect("the first");
            world.send(opening(world, &world.order()), &[world.router.key.insecure_clone()])
        },
    },
    Refusal {
        name: "an order that the owner's wallet has paid for",
        expected: Number(ACCOUNT_IN_USE),
        attempt: |world| {
            world.open();
            spoilt(world, |_| {})
        },
    },
    Refusal {
        name: "under another reply id",
        expected: Number(SEEDS),
        attempt: |world| {
            fund(world, 2_000_000).expect("funded");
            let mut instruction = opening(world, &world.order()).instruction(&PROGRAM_ID);
            instruction.accounts[3].pubkey = address::escrow(&PROGRAM_ID, &[1; 32]);
            world.send(instruction, &[world.router.key.insecure_clone()])
        },
    },
    Refusal {
        name: "deadline now",
        expected: Chain(ChainError::OrderDeadlinePassed),
        attempt: |world| spoilt(world, |order| order.deadline_ms = order.issued_ms),
    },
    Refusal {
        name: "another network",
        expected: Chain(ChainError::OrderNetworkWrong),
        attempt: |world| spoilt(world, |order| order.network = [1; 32]),
    },
    Refusal {
        name: "an order of the delegate's own",
        expected: Chain(ChainError::OrderOwnerWrong),
        attempt: |world| {
            fund(world, 2_000_000).expect("funded");
            let mut order = world.order();
            order.owner = world.router.address();
            open(world, order).map(|_| unreachable!("another's order"))
        },
    },
    Refusal {
        name: "another's registration for the provider's",
        expected: Chain(ChainError::OperatorMismatch),
        attempt: |world| {
            crate::release_work::enrol(world, Role::Provider, false);
            fund(world, 2_000_000).expect("funded");
            let mut order = world.order();
            order.provider = [0x99; 32];
            let mut opening = opening(world, &order);
            opening.terms.provider_operator = Some(world.provider.address());
            world.send(opening, &[world.router.key.insecure_clone()])
        },
    },
];

/// What it writes down is what `open_escrow` does, and the deposit that the change goes back to.
#[test]
fn takes_the_fee_out_of_the_deposit_and_no_wallet() {
    let mut world = World::new();
    let mut direct = world.clone();
    fund(&mut world, 1_000_001).expect("funded");
    let vault = world.balance(&address::vault(&PROGRAM_ID));
    let order = world.order();
    let deal = open(&mut world, order).expect("opened");
    let paid = direct.open();
    let written = direct.escrow(&paid);
    let opened_slot = world.escrow(&deal).opened_slot;
    assert_eq!(world.escrow(&deal), Escrow { deposit: place(&world), opened_slot, ..written });
    assert_eq!(balance(&world), 1);
    assert_eq!(world.balance(&address::vault(&PROGRAM_ID)), vault, "the tokens were there already");
    assert_eq!(world.balance(&world.owner.token), FUNDS - 1_000_001);
    world.assert_conserved();
}

/// Opened once, topped up once, three replies: paid, rejected, expired. What is left is the owner's alone.
#[test]
fn one_deposit_serves_many_replies() {
    let mut world = World::with_stakes(&[1_000; 3]);
    fund(&mut world, 1_500_000).expect("funded");
    fund(&mut world, 1_500_000).expect("topped up");
    let (first, second) = (world.order(), another(&world));
    let paid = open(&mut world, first).expect("the first");
    let rejected = open(&mut world, second).expect("the second");
    let mut order = world.order();
    order.nonce = [0x97; 32];
    let expired = open(&mut world, order).expect("the third");
    assert_eq!(balance(&world), 0);
    world.assert_conserved();
    world.must(world.settlement(&paid), &world.quorum());
    world.pay(&paid);
    assert_eq!(balance(&world), 999_500, "the change of a fee of 500");
    world.must(world.rejection(&rejected), &world.quorum());
    assert_eq!(balance(&world), 1_999_500);
    world.set_time(START_S + 901);
    world.must(world.expiry(&expired), &[world.admin.key.insecure_clone()]);
    assert_eq!(balance(&world), 2_999_500);
    for deal in [&rejected, &expired] {
        assert_eq!(world.escrow(deal).status, EscrowStatus::Refunded);
    }
    withdraw(&mut world, 2_999_500).expect("all of it");
    assert_eq!(world.balance(&world.owner.token), FUNDS - 500);
    world.assert_conserved();
}

#[test]
fn refusals() {
    check(REFUSALS);
}
