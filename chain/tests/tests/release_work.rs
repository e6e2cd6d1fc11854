//! `release`: what counts as work of registered operators, and that it cannot be left out.

use crate::release::{decided, send};
use ogong_chain_interface::account::{Role, Work};
use ogong_chain_interface::instruction::{OpenWork, RegisterOperator, Release, Served};
use ogong_chain_interface::{AccountMeta, ChainError, PROGRAM_ID, address};
use ogong_chain_tests::Expected::{Chain, Number};
use ogong_chain_tests::{Deal, Refusal, Wallet, World, check};

/// Anchor's: the account is of another type.
const DISCRIMINATOR: u32 = 3002;

/// Registers the ordinary provider or router under its payout, and opens its counters.
pub fn enrol(world: &mut World, role: Role, open_work: bool) {
    let wallet = if role == Role::Provider { &world.provider } else { &world.router };
    let (key, authority, token) = (wallet.key.insecure_clone(), wallet.address(), wallet.token);
    let order = world.order();
    let register = RegisterOperator {
        authority,
        stake_source: token,
        role,
        node_id: if role == Role::Provider { order.provider } else { order.router },
        payout: authority,
        stake: 100,
        models: Vec::new(),
    };
    world.must(register, &[key]);
    if open_work {
        world.open_work(role, authority);
    }
}

/// An escrow whose provider and router are registered, decided.
pub fn enrolled(world: &mut World, open_work: bool) -> Deal {
    enrol(world, Role::Provider, open_work);
    enrol(world, Role::Router, open_work);
    let deal = registered_deal(world);
    world.must(world.settlement(&deal), &world.quorum());
    deal
}

/// An escrow of an order to the registered provider by way of the registered router.
pub fn registered_deal(world: &mut World) -> Deal {
    let mut opening = world.opening(&world.order());
    opening.terms.provider_operator = Some(world.provider.address());
    opening.terms.router_operator = Some(world.router.address());
    let deal = Deal { order: world.order(), reply_id: opening.reply_id() };
    world.must(opening, &[world.owner.key.insecure_clone()]);
    deal
}

pub const REFUSALS: &[Refusal] = &[
    Refusal {
        name: "a registered provider's work left out",
        expected: Chain(ChainError::WorkMissing),
        attempt: |world| {
            let deal = enrolled(world, true);
            let provider = Served::Provider { token: world.provider.token, operator: None };
            let release = Release { provider, ..world.payment(&deal) };
            send(world, release.instruction(&PROGRAM_ID))
        },
    },
    Refusal {
        name: "a registered router's work left out",
        expected: Chain(ChainError::WorkMissing),
        attempt: |world| {
            let deal = enrolled(world, true);
            let release = Release { router_operator: None, ..world.payment(&deal) };
            send(world, release.instruction(&PROGRAM_ID))
        },
    },
    Refusal {
        name: "the router's work for the provider's",
        expected: Chain(ChainError::WorkWrong),
        attempt: |world| {
            let deal = enrolled(world, true);
            let mut instruction = world.payment(&deal).instruction(&PROGRAM_ID);
            instruction.accounts[10] = instruction.accounts[11].clone();
            instruction.accounts[11] = AccountMeta::new_readonly(PROGRAM_ID, false);
            send(world, instruction)
        },
    },
    Refusal {
        name: "work of the epoch before",
        expected: Chain(ChainError::WorkWrong),
        attempt: |world| {
            let deal = enrolled(world, true);
            world.next_epoch();
            let (provider, router) = (world.provider.address(), world.router.address());
            world.open_work(Role::Provider, provider);
            world.open_work(Role::Router, router);
            let mut instruction = world.payment(&deal).instruction(&PROGRAM_ID);
            instruction.accounts[10].pubkey = address::work(&PROGRAM_ID, 0, Role::Provider, &provider);
            send(world, instruction)
        },
    },
    Refusal {
        name: "work for a provider that is not registered",
        expected: Chain(ChainError::WorkWrong),
        attempt: |world| {
            enrol(world, Role::Provider, true);
            let deal = decided(world);
            let operator = Some(world.provider.address());
            let provider = Served::Provider { token: world.provider.token, operator };
            let release = Release { provider, ..world.payment(&deal) };
            send(world, release.instruction(&PROGRAM_ID))
        },
    },
    Refusal {
        name: "another account for work",
        expected: Number(DISCRIMINATOR),
        attempt: |world| {
            let deal = enrolled(world, true);
            let mut instruction = world.payment(&deal).instruction(&PROGRAM_ID);
            instruction.accounts[10].pubkey = address::config(&PROGRAM_ID);
            send(world, instruction)
        },
    },
];

fn work(world: &World, role: Role, operator: &Wallet) -> Work {
    let epoch = world.config().stake_epoch;
    Work::decode(&world.data(&address::work(&PROGRAM_ID, epoch, role, &operator.address()))).expect("a work account")
}

/// The fee counts, and of it what went to router, validator and reserve left the provider's owner.
#[test]
fn counts_the_work_of_registered_operators() {
    let mut world = World::with_stakes(&[1_000; 3]);
    let deal = enrolled(&mut world, true);
    world.pay(&deal);
    let served = work(&world, Role::Provider, &world.provider);
    assert_eq!((served.count, served.fees, served.outside_fees), (1, 500, 75));
    let routed = work(&world, Role::Router, &world.router);
    assert_eq!((routed.count, routed.fees, routed.outside_fees), (1, 0, 0));
    let totals = world.epoch(0).totals;
    assert_eq!((totals.fees, totals.outside_fees, totals.replies, totals.routes), (500, 75, 1, 1));
}

/// A provider that is its own router washes less: what it pays itself never left it. Forced tokens do not count.
#[test]
fn own_purses_and_forced_tokens_do_not_count() {
    let mut world = World::with_stakes(&[1_000; 3]);
    enrol(&mut world, Role::Provider, true);
    let mut opening = world.opening(&world.order());
    opening.terms.provider_operator = Some(world.provider.address());
    opening.terms.router_payout = world.provider.address();
    let deal = Deal { order: world.order(), reply_id: opening.reply_id() };
    world.must(opening, &[world.owner.key.insecure_clone()]);
    let mut settle = world.settlement(&deal);
    settle.verdict.n_counted = 20;
    world.must(settle, &world.quorum());
    let release = Release { router_token: world.provider.token, ..world.payment(&deal) };
    world.must(release, &[world.admin.key.insecure_clone()]);
    let served = work(&world, Role::Provider, &world.provider);
    // 20 of 50: 500 counts as 200; validator's and reserve's 25 each as 10
    assert_eq!((served.count, served.fees, served.outside_fees), (1, 200, 20));
}

/// Work belongs to the epoch that pays, so that a closed one never changes.
#[test]
fn work_counts_in_the_epoch_that_pays() {
    let mut world = World::with_stakes(&[1_000; 3]);
    let deal = enrolled(&mut world, true);
    world.next_epoch();
    for role in [Role::Provider, Role::Router] {
        let wallet = if role == Role::Provider { &world.provider } else { &world.router };
        let open = OpenWork { payer: world.admin.address(), epoch: 1, role, operator: wallet.address() };
        world.must(open, &[world.admin.key.insecure_clone()]);
    }
    world.pay(&deal);
    assert_eq!((world.epoch(0).totals.replies, world.epoch(1).totals.replies), (0, 1));
    assert_eq!(work(&world, Role::Provider, &world.provider).fees, 500);
}

#[test]
fn refusals() {
    check(REFUSALS);
}
