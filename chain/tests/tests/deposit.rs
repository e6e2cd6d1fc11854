//! `fund_deposit`, `withdraw_deposit`, `open_escrow_from_deposit`: one deposit, many replies.

use crate::settle::another;
use litesvm::types::TransactionResult;
use ogong_chain_interface::account::{Deposit, EscrowStatus, Role};
use ogong_chain_interface::instruction::{Change, FundDeposit, OpenEscrowFromDeposit, Release, WithdrawDeposit};
use ogong_chain_interface::{Address, ChainError, PROGRAM_ID, address};
use ogong_chain_tests::Expected::{Chain, Number};
use ogong_chain_tests::world::{FUNDS, START_S};
use ogong_chain_tests::{Deal, Order, Refusal, World, check};

/// Anchor's: the account is not the one its seeds derive.
const SEEDS: u32 = 2006;
/// Anchor's: a token account that is another's.
const TOKEN_OWNER: u32 = 2015;
/// Anchor's: the key did not sign.
const NOT_SIGNER: u32 = 3010;
/// SPL Token's.
const INSUFFICIENT_FUNDS: u32 = 1;

/// The consumer's deposit; the router's wallet plays the gateway.
fn funding(world: &World, amount: u64) -> FundDeposit {
    let (owner, owner_token) = (world.owner.address(), world.owner.token);
    FundDeposit { owner, owner_token, delegate: world.router.address(), amount }
}

fn fund(world: &mut World, amount: u64) -> TransactionResult {
    world.send(funding(world, amount), &[world.owner.key.insecure_clone()])
}

fn withdraw(world: &mut World, amount: u64) -> TransactionResult {
    let FundDeposit { owner, owner_token, delegate, .. } = funding(world, amount);
    world.send(WithdrawDeposit { owner, owner_token, delegate, amount }, &[world.owner.key.insecure_clone()])
}

fn opening(world: &World, order: &Order) -> OpenEscrowFromDeposit {
    OpenEscrowFromDeposit {
        delegate: world.router.address(),
        owner: world.owner.address(),
        order: order.bytes(),
        terms: world.terms(),
    }
}

fn open(world: &mut World, order: Order) -> Result<Deal, litesvm::types::FailedTransactionMetadata> {
    let opening = opening(world, &order);
    let reply_id = opening.reply_id();
    world.send(opening, &[world.router.key.insecure_clone()]).map(|_| Deal { order, reply_id })
}

fn place(world: &World) -> Address {
    address::deposit(&PROGRAM_ID, &world.owner.address(), &world.router.address())
}

fn balance(world: &World) -> u64 {
    Deposit::decode(&world.data(&place(world))).expect("a deposit").balance
}

pub const REFUSALS: &[Refusal] = &[
    Refusal { name: "nothing", expected: Chain(ChainError::AmountZero), attempt: |world| fund(world, 0) },
    Refusal { name: "more than it has", expected: Number(INSUFFICIENT_FUNDS), attempt: |world| fund(world, FUNDS + 1) },
    Refusal {
        name: "past 64 bits",
        expected: Chain(ChainError::AmountOverflow),
        attempt: |world| {
            fund(world, 1).expect("the first");
            fund(world, u64::MAX)
        },
    },
    Refusal {
        name: "withdraw nothing",
        expected: Chain(ChainError::AmountZero),
        attempt: |world| {
            fund(world, 5).expect("funded");
            withdraw(world, 0)
        },
    },
    Refusal {
        name: "withdraw one atom too many",
        expected: Chain(ChainError::DepositTooLow),
        attempt: |world| {
            fund(world, 5).expect("funded");
            withdraw(world, 6)
        },
    },
    Refusal {
        name: "withdraw by the delegate",
        expected: Number(SEEDS),
        attempt: |world| {
            fund(world, 5).expect("funded");
            let (owner, delegate) = (world.router.address(), world.router.address());
            let theft = WithdrawDeposit { owner, owner_token: world.router.token, delegate, amount: 5 };
            let mut instruction = theft.instruction(&PROGRAM_ID);
            instruction.accounts[2].pubkey = place(world);
            world.send(instruction, &[world.router.key.insecure_clone()])
        },
    },
    Refusal {
        name: "withdraw to the delegate",
        expected: Number(TOKEN_OWNER),
        attempt: |world| {
            fund(world, 5).expect("funded");
            let FundDeposit { owner, delegate, amount, .. } = funding(world, 5);
            let owner_token = world.router.token;
            let withdraw = WithdrawDeposit { owner, owner_token, delegate, amount };
            world.send(withdraw, &[world.owner.key.insecure_clone()])
        },
    },
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
            crate::release::enrol(world, Role::Provider, false);
            fund(world, 2_000_000).expect("funded");
            let mut order = world.order();
            order.provider = [0x99; 32];
            let mut opening = opening(world, &order);
            opening.terms.provider_operator = Some(world.provider.address());
            world.send(opening, &[world.router.key.insecure_clone()])
        },
    },
    Refusal {
        name: "the change to the owner's wallet",
        expected: Chain(ChainError::OwnerPayeeWrong),
        attempt: |world| {
            fund(world, 2_000_000).expect("funded");
            let order = world.order();
            let deal = open(world, order).expect("opened");
            world.must(world.settlement(&deal), &world.quorum());
            let release = Release { change: Change::Token(world.owner.token), ..world.payment(&deal) };
            world.send(release, &[world.admin.key.insecure_clone()])
        },
    },
];

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
