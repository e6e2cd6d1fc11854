//! `release`: who is paid what. What counts as work is in `release_work`, how a cohort is paid in `release_cohort`.

use crate::fund_deposit::fund;
use crate::open_escrow_from_deposit;
use crate::settle::{another, event};
use litesvm::types::TransactionResult;
use ogong_chain_interface::account::EscrowStatus;
use ogong_chain_interface::event::Released;
use ogong_chain_interface::instruction::{Change, Release, Served};
use ogong_chain_interface::{AccountMeta, ChainError, Instruction, PROGRAM_ID, address};
use ogong_chain_tests::Expected::{Chain, Number};
use ogong_chain_tests::world::{FUNDS, START_S};
use ogong_chain_tests::{Deal, Refusal, Wallet, World, check};

/// Anchor's: the account is not the one its seeds derive.
const SEEDS: u32 = 2006;
/// Anchor's: a token account of another mint.
const TOKEN_MINT: u32 = 2014;
/// Anchor's: there is no such account.
const NOT_INITIALIZED: u32 = 3012;

/// Sends by someone who has nothing to do with it.
pub fn send(world: &mut World, release: Instruction) -> TransactionResult {
    world.send(release, &[world.admin.key.insecure_clone()])
}

/// A decided escrow.
pub fn decided(world: &mut World) -> Deal {
    let deal = world.open();
    world.must(world.settlement(&deal), &world.quorum());
    deal
}

/// A release of a decided escrow with one thing wrong.
fn release(world: &mut World, spoil: fn(&World, &mut Release)) -> TransactionResult {
    let deal = decided(world);
    let mut release = world.payment(&deal);
    spoil(world, &mut release);
    send(world, release.instruction(&PROGRAM_ID))
}

/// A release with one account put in another's place.
fn substituted(world: &mut World, place: usize, with: fn(&World) -> AccountMeta) -> TransactionResult {
    let deal = decided(world);
    let mut instruction = world.payment(&deal).instruction(&PROGRAM_ID);
    instruction.accounts[place] = with(world);
    send(world, instruction)
}

fn provider(wallet: &Wallet) -> Served {
    Served::Provider { token: wallet.token, operator: None }
}

pub const REFUSALS: &[Refusal] = &[
    Refusal {
        name: "before a settle",
        expected: Chain(ChainError::EscrowNotDecided),
        attempt: |world| {
            let deal = world.open();
            let payment = world.payment(&deal);
            send(world, payment.instruction(&PROGRAM_ID))
        },
    },
    Refusal {
        name: "twice",
        expected: Chain(ChainError::EscrowNotDecided),
        attempt: |world| {
            let deal = decided(world);
            let payment = world.payment(&deal).instruction(&PROGRAM_ID);
            send(world, payment.clone()).expect("the first");
            // money of other escrows is in the vault
            world.open_order(another(world));
            send(world, payment)
        },
    },
    Refusal {
        name: "after a refund for a reject",
        expected: Chain(ChainError::EscrowNotDecided),
        attempt: |world| {
            let deal = world.open();
            world.must(world.rejection(&deal), &world.quorum());
            world.open_order(another(world));
            let payment = world.payment(&deal);
            send(world, payment.instruction(&PROGRAM_ID))
        },
    },
    Refusal {
        name: "after a refund for lateness",
        expected: Chain(ChainError::EscrowNotDecided),
        attempt: |world| {
            let deal = world.open();
            world.set_time(START_S + 901);
            world.must(world.expiry(&deal), &[world.router.key.insecure_clone()]);
            world.open_order(another(world));
            let payment = world.payment(&deal);
            send(world, payment.instruction(&PROGRAM_ID))
        },
    },
    Refusal {
        name: "provider's payee",
        expected: Chain(ChainError::ProviderPayeeWrong),
        attempt: |world| release(world, |world, release| release.provider = provider(&world.router)),
    },
    Refusal {
        name: "no provider's payee",
        expected: Chain(ChainError::ProviderPayeeWrong),
        attempt: |world| substituted(world, 4, |_| AccountMeta::new_readonly(PROGRAM_ID, false)),
    },
    Refusal {
        name: "router's payee",
        expected: Chain(ChainError::RouterPayeeWrong),
        attempt: |world| release(world, |world, release| release.router_token = world.provider.token),
    },
    Refusal {
        name: "another validator's payee",
        expected: Chain(ChainError::ValidatorPayeeWrong),
        attempt: |world| release(world, |world, release| release.validator_token = world.fee_owners[1].token),
    },
    Refusal {
        name: "another account for the reserve",
        expected: Number(SEEDS),
        attempt: |world| substituted(world, 7, |world| AccountMeta::new(world.fee_owners[0].token, false)),
    },
    Refusal {
        name: "the stake vault for the reserve",
        expected: Number(SEEDS),
        attempt: |world| substituted(world, 7, |_| AccountMeta::new(address::stake_vault(&PROGRAM_ID), false)),
    },
    Refusal {
        name: "owner's payee",
        expected: Chain(ChainError::OwnerPayeeWrong),
        attempt: |world| release(world, |world, release| release.change = Change::Token(world.provider.token)),
    },
    Refusal {
        name: "the vault as a payee",
        expected: Chain(ChainError::ProviderPayeeWrong),
        attempt: |world| substituted(world, 4, |_| AccountMeta::new(address::vault(&PROGRAM_ID), false)),
    },
    Refusal {
        name: "a payee's account of another mint",
        expected: Number(TOKEN_MINT),
        attempt: |world| {
            let deal = decided(world);
            let token = world.provider.token;
            world.tamper(&token, |data| data[0] ^= 1);
            let payment = world.payment(&deal);
            let result = send(world, payment.instruction(&PROGRAM_ID));
            world.tamper(&token, |data| data[0] ^= 1);
            result
        },
    },
    Refusal {
        name: "out of the stake vault",
        expected: Number(SEEDS),
        attempt: |world| substituted(world, 3, |_| AccountMeta::new(address::stake_vault(&PROGRAM_ID), false)),
    },
    Refusal {
        name: "counted in an epoch that is over",
        expected: Number(SEEDS),
        attempt: |world| {
            let deal = decided(world);
            world.next_epoch();
            let release = Release { epoch: 0, ..world.payment(&deal) };
            send(world, release.instruction(&PROGRAM_ID))
        },
    },
    Refusal {
        name: "a cohort account where there is no cohort",
        expected: Number(NOT_INITIALIZED),
        attempt: |world| {
            let deal = decided(world);
            let mut instruction = world.payment(&deal).instruction(&PROGRAM_ID);
            instruction.accounts[12].pubkey = address::cohort(&PROGRAM_ID, &deal.reply_id);
            send(world, instruction)
        },
    },
    Refusal {
        name: "the change to the owner's wallet",
        expected: Chain(ChainError::OwnerPayeeWrong),
        attempt: |world| {
            fund(world, 2_000_000).expect("funded");
            let order = world.order();
            let deal = open_escrow_from_deposit::open(world, order).expect("opened");
            world.must(world.settlement(&deal), &world.quorum());
            let release = Release { change: Change::Token(world.owner.token), ..world.payment(&deal) };
            world.send(release, &[world.admin.key.insecure_clone()])
        },
    },
];

pub fn balances(world: &World) -> [u64; 5] {
    let tokens =
        [world.provider.token, world.router.token, world.fee_owners[0].token, world.reserve(), world.owner.token];
    tokens.map(|token| world.balance(&token))
}

#[test]
fn pays_to_the_atom_and_says_so() {
    let mut world = World::with_stakes(&[1_000; 3]);
    let deal = world.open();
    let before = balances(&world);
    let settle = world.settlement(&deal);
    world.must(settle, &world.quorum());
    assert_eq!(balances(&world), before, "a decision moves nothing");
    let meta = world.pay(&deal);
    let amounts = [425, 25, 25, 25, 999_500];
    for ((before, after), amount) in before.into_iter().zip(balances(&world)).zip(amounts) {
        assert_eq!(after - before, amount);
    }
    assert_eq!(world.escrow(&deal).status, EscrowStatus::Settled);
    assert_eq!(Released::decode(&event(&meta.logs)), Ok(Released { reply_id: deal.reply_id, amounts }));
    assert_eq!(world.epoch(0).totals.fees, 0, "nobody is registered");
}

#[test]
fn settles_and_pays_in_one_transaction() {
    let mut world = World::with_stakes(&[1_000; 3]);
    let deal = world.open();
    let settle = world.settlement(&deal);
    world.settle_and_pay(&deal, settle).expect("both");
    assert_eq!(world.escrow(&deal).status, EscrowStatus::Settled);
    world.assert_conserved();
}

/// What a quorum decided is paid whenever somebody asks, even after the deadline and in a later epoch.
#[test]
fn a_decision_does_not_expire() {
    let mut world = World::with_stakes(&[1_000; 3]);
    let deal = decided(&mut world);
    world.next_epoch();
    world.next_epoch();
    world.pay(&deal);
    assert_eq!(world.balance(&world.provider.token), FUNDS + 425);
}

/// One operator may be provider, router and validator at once, and consumer too.
#[test]
fn payees_may_share_one_token_account() {
    let mut world = World::with_stakes(&[1_000; 3]);
    let mut opening = world.opening(&world.order());
    (opening.terms.provider_payout, opening.terms.router_payout) = (world.owner.address(), world.owner.address());
    let deal = Deal { order: world.order(), reply_id: opening.reply_id() };
    world.must(opening, &[world.owner.key.insecure_clone()]);
    let token = world.owner.token;
    world.must(world.settlement(&deal), &world.quorum());
    let provider = Served::Provider { token, operator: None };
    let release = Release { provider, router_token: token, ..world.payment(&deal) };
    world.must(release, &[world.admin.key.insecure_clone()]);
    assert_eq!(world.balance(&token), FUNDS - 25 - 25);
}

/// Two escrows in one vault: each pays its own.
#[test]
fn escrows_do_not_touch_each_other() {
    let mut world = World::with_stakes(&[1_000; 3]);
    let first = world.open();
    let second = world.open_order(another(&world));
    world.must(world.settlement(&first), &world.quorum());
    world.pay(&first);
    assert_eq!(world.escrow(&second).status, EscrowStatus::Open);
    world.must(world.rejection(&second), &world.quorum());
    assert_eq!(world.balance(&address::vault(&PROGRAM_ID)), 0);
    assert_eq!(world.balance(&world.owner.token), FUNDS - 500);
}

#[test]
fn refusals() {
    check(REFUSALS);
}
