//! `pay_verifier`: a verifier's fee for an audit, out of the reserve.

use litesvm::types::TransactionResult;
use ogong_chain_interface::account::{Role, Work};
use ogong_chain_interface::event::VerifierPaid;
use ogong_chain_interface::instruction::{PayVerifier, RegisterOperator};
use ogong_chain_interface::{ChainError, PROGRAM_ID, address};
use ogong_chain_tests::Expected::{Chain, Number};
use ogong_chain_tests::world::{FUNDS, VERIFIER_FEE};
use ogong_chain_tests::{Deal, Refusal, World, check};

/// Anchor's: the account is not the one its seeds derive.
const SEEDS: u32 = 2006;
/// Anchor's: a token account of another mint.
const TOKEN_MINT: u32 = 2014;

/// The provider's wallet also scores replies for validators.
fn enrol(world: &mut World) {
    let (authority, stake_source) = (world.provider.address(), world.provider.token);
    let register = RegisterOperator {
        authority,
        stake_source,
        role: Role::Verifier,
        node_id: [0x13; 32],
        payout: authority,
        stake: 100,
        models: Vec::new(),
    };
    world.must(register, &[world.provider.key.insecure_clone()]);
    world.open_work(Role::Verifier, authority);
}

/// A reply that the verifier scored, settled and paid: the reserve has 25 atoms.
fn settled(world: &mut World) -> Deal {
    enrol(world);
    let deal = world.open();
    let mut settle = world.settlement(&deal);
    settle.verdict.verifiers = vec![world.provider.address()];
    world.must(settle, &world.quorum());
    world.pay(&deal);
    deal
}

fn payment(world: &World, deal: &Deal) -> PayVerifier {
    PayVerifier {
        reply_id: deal.reply_id,
        epoch: world.config().stake_epoch,
        verifier: world.provider.address(),
        verifier_token: world.provider.token,
    }
}

fn pay(world: &mut World, deal: &Deal) -> TransactionResult {
    world.send(payment(world, deal), &[world.admin.key.insecure_clone()])
}

pub const REFUSALS: &[Refusal] = &[
    Refusal {
        name: "before a verdict",
        expected: Chain(ChainError::VerifierNotNamed),
        attempt: |world| {
            enrol(world);
            let deal = world.open();
            pay(world, &deal)
        },
    },
    Refusal {
        name: "one that the verdict does not name",
        expected: Chain(ChainError::VerifierNotNamed),
        attempt: |world| {
            enrol(world);
            let deal = world.open();
            world.must(world.settlement(&deal), &world.quorum());
            pay(world, &deal)
        },
    },
    Refusal {
        name: "twice",
        expected: Chain(ChainError::VerifierPaid),
        attempt: |world| {
            let deal = settled(world);
            pay(world, &deal).expect("the first");
            pay(world, &deal)
        },
    },
    Refusal {
        name: "to another's wallet",
        expected: Chain(ChainError::VerifierPayeeWrong),
        attempt: |world| {
            let deal = settled(world);
            let payment = PayVerifier { verifier_token: world.admin.token, ..payment(world, &deal) };
            world.send(payment, &[world.admin.key.insecure_clone()])
        },
    },
    Refusal {
        name: "from an empty reserve",
        expected: Chain(ChainError::ReserveTooLow),
        attempt: |world| {
            enrol(world);
            let deal = world.open();
            let mut reject = world.rejection(&deal);
            reject.verdict.verifiers = vec![world.provider.address()];
            world.must(reject, &world.quorum());
            pay(world, &deal)
        },
    },
    Refusal {
        name: "from a reserve one atom short",
        expected: Chain(ChainError::ReserveTooLow),
        attempt: |world| {
            let deal = settled(world);
            let (config, reserve) = (address::config(&PROGRAM_ID), world.reserve());
            world.fund(&config, &reserve, VERIFIER_FEE - 1);
            pay(world, &deal)
        },
    },
    Refusal {
        name: "to an account of another mint",
        expected: Number(TOKEN_MINT),
        attempt: |world| {
            let deal = settled(world);
            let token = world.provider.token;
            // the first byte of the token account's mint
            world.tamper(&token, |data| data[0] ^= 1);
            let result = pay(world, &deal);
            world.tamper(&token, |data| data[0] ^= 1);
            result
        },
    },
    Refusal {
        name: "one that verifies nothing",
        expected: Number(SEEDS),
        attempt: |world| {
            let deal = settled(world);
            crate::release_work::enrol(world, Role::Provider, true);
            let mut instruction = payment(world, &deal).instruction(&PROGRAM_ID);
            instruction.accounts[3].pubkey = address::operator(&PROGRAM_ID, Role::Provider, &world.provider.address());
            world.send(instruction, &[world.admin.key.insecure_clone()])
        },
    },
    Refusal {
        name: "counted in the epoch before",
        expected: Chain(ChainError::WorkWrong),
        attempt: |world| {
            let deal = settled(world);
            world.next_epoch();
            let mut instruction = payment(world, &deal).instruction(&PROGRAM_ID);
            instruction.accounts[4].pubkey = address::work(&PROGRAM_ID, 0, Role::Verifier, &world.provider.address());
            world.send(instruction, &[world.admin.key.insecure_clone()])
        },
    },
    Refusal {
        name: "counted as another's work",
        expected: Chain(ChainError::WorkWrong),
        attempt: |world| {
            let deal = settled(world);
            crate::release_work::enrol(world, Role::Router, true);
            let mut instruction = payment(world, &deal).instruction(&PROGRAM_ID);
            instruction.accounts[4].pubkey = address::work(&PROGRAM_ID, 0, Role::Router, &world.router.address());
            world.send(instruction, &[world.admin.key.insecure_clone()])
        },
    },
    Refusal {
        name: "out of the stake vault",
        expected: Number(SEEDS),
        attempt: |world| {
            let deal = settled(world);
            let mut instruction = payment(world, &deal).instruction(&PROGRAM_ID);
            instruction.accounts[6].pubkey = address::stake_vault(&PROGRAM_ID);
            world.send(instruction, &[world.admin.key.insecure_clone()])
        },
    },
];

#[test]
fn a_verifier_is_paid_from_the_reserve_and_counted() {
    let mut world = World::with_stakes(&[1_000; 3]);
    let deal = settled(&mut world);
    let before = world.balance(&world.provider.token);
    let meta = world.must(payment(&world, &deal), &[world.admin.key.insecure_clone()]);
    assert_eq!(world.balance(&world.provider.token), before + VERIFIER_FEE);
    assert_eq!(world.balance(&world.reserve()), 25 - VERIFIER_FEE);
    let wanted = VerifierPaid { reply_id: deal.reply_id, verifier: world.provider.address(), amount: VERIFIER_FEE };
    assert_eq!(VerifierPaid::decode(&crate::settle::event(&meta.logs)), Ok(wanted));
    let at = address::work(&PROGRAM_ID, 0, Role::Verifier, &world.provider.address());
    assert_eq!(Work::decode(&world.data(&at)).expect("a work account").count, 1);
    assert_eq!(world.epoch(0).totals.verifications, 1);
}

/// Whatever the verdict: a reject pays the same, once the reserve has something.
#[test]
fn a_verifier_of_a_reject_is_paid_alike() {
    let mut world = World::with_stakes(&[1_000; 3]);
    settled(&mut world);
    let deal = world.open_order(crate::settle::another(&world));
    let mut reject = world.rejection(&deal);
    reject.verdict.verifiers = vec![world.provider.address()];
    world.must(reject, &world.quorum());
    world.must(payment(&world, &deal), &[world.admin.key.insecure_clone()]);
    assert_eq!(world.balance(&world.reserve()), 25 - VERIFIER_FEE);
    assert_eq!(world.balance(&world.owner.token), FUNDS - 500, "the consumer has everything back");
}

#[test]
fn refusals() {
    check(REFUSALS);
}
