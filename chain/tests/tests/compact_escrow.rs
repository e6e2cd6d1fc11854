//! `compact_escrow`: what remains of a reply on chain, and the rent that does not.

use crate::settle::another;
use litesvm::types::TransactionResult;
use ogong_chain_interface::account::{EscrowStatus, Role, Stub};
use ogong_chain_interface::error::ACCOUNT_IN_USE;
use ogong_chain_interface::instruction::{CompactEscrow, FundDeposit, OpenEscrowFromDeposit, PayVerifier};
use ogong_chain_interface::{ChainError, PROGRAM_ID, address};
use ogong_chain_tests::Expected::{Chain, Number};
use ogong_chain_tests::{Deal, Refusal, Wallet, World, check};

/// Anchor's: the payer is not the one noted.
const HAS_ONE: u32 = 2001;
/// Anchor's: the account is of another type.
const DISCRIMINATOR: u32 = 3002;
/// How long an unpaid verifier keeps an escrow whole.
const VERIFIER_CLAIM_S: u64 = 30 * 86_400;

fn after(world: &mut World, deal: &Deal, seconds: u64) {
    world.set_time(i64::try_from(deal.order.deadline_ms / 1_000 + seconds).expect("a time"));
}

fn compact(world: &mut World, deal: &Deal, payer: &Wallet) -> TransactionResult {
    let compact = CompactEscrow { reply_id: deal.reply_id, payer: payer.address() };
    world.send(compact, &[payer.key.insecure_clone()])
}

fn by_owner(world: &mut World, deal: &Deal) -> TransactionResult {
    let owner = world.owner.clone();
    compact(world, deal, &owner)
}

/// A reply that is settled and paid.
fn paid(world: &mut World) -> Deal {
    let deal = world.open();
    world.must(world.settlement(&deal), &world.quorum());
    world.pay(&deal);
    deal
}

/// A reply that a registered verifier scored, not paid yet; the reserve could pay it.
fn verified(world: &mut World) -> Deal {
    let verifier = world.known_operator(88, Role::Verifier, 500);
    let authority = verifier.wallet.address();
    world.open_work(Role::Verifier, authority);
    let deal = world.open();
    let mut settle = world.settlement(&deal);
    settle.verdict.verifiers = vec![authority];
    world.must(settle, &world.quorum());
    world.pay(&deal);
    deal
}

fn stub(world: &World, deal: &Deal) -> Stub {
    Stub::decode(&world.data(&address::escrow(&PROGRAM_ID, &deal.reply_id))).expect("a stub")
}

pub const REFUSALS: &[Refusal] = &[
    Refusal {
        name: "while it is open",
        expected: Chain(ChainError::EscrowNotOver),
        attempt: |world| {
            let deal = world.open();
            after(world, &deal, 1);
            by_owner(world, &deal)
        },
    },
    Refusal {
        name: "while it waits for its release",
        expected: Chain(ChainError::EscrowNotOver),
        attempt: |world| {
            let deal = world.open();
            world.must(world.settlement(&deal), &world.quorum());
            after(world, &deal, 1);
            by_owner(world, &deal)
        },
    },
    Refusal {
        name: "in the deadline's last second",
        expected: Chain(ChainError::DeadlineNotPassed),
        attempt: |world| {
            let deal = paid(world);
            after(world, &deal, 0);
            by_owner(world, &deal)
        },
    },
    Refusal {
        name: "while its verifier waits for the fee",
        expected: Chain(ChainError::VerifierOwed),
        attempt: |world| {
            let deal = verified(world);
            after(world, &deal, VERIFIER_CLAIM_S);
            by_owner(world, &deal)
        },
    },
    Refusal {
        name: "by somebody who did not pay the rent",
        expected: Number(HAS_ONE),
        attempt: |world| {
            let deal = paid(world);
            after(world, &deal, 1);
            let provider = world.provider.clone();
            compact(world, &deal, &provider)
        },
    },
    Refusal {
        name: "twice",
        expected: Number(DISCRIMINATOR),
        attempt: |world| {
            let deal = paid(world);
            after(world, &deal, 1);
            by_owner(world, &deal).expect("the first");
            by_owner(world, &deal)
        },
    },
    Refusal {
        name: "and the same order opened again",
        expected: Number(ACCOUNT_IN_USE),
        attempt: |world| {
            let deal = paid(world);
            let opening = world.opening(&deal.order);
            let now_s = i64::try_from(world.now_ms() / 1_000).expect("a time");
            after(world, &deal, 1);
            by_owner(world, &deal).expect("compacted");
            // at a time when the order itself would be taken
            world.set_time(now_s);
            world.send(opening, &[world.owner.key.insecure_clone()])
        },
    },
    Refusal {
        name: "and settled again",
        expected: Number(DISCRIMINATOR),
        attempt: |world| {
            let deal = paid(world);
            let settle = world.settlement(&deal);
            after(world, &deal, 1);
            by_owner(world, &deal).expect("compacted");
            world.send(settle, &world.quorum())
        },
    },
];

/// Request, record, verdict and digest stay; more than two thirds of the rent come back.
#[test]
fn what_was_decided_stays_and_the_rent_comes_back() {
    let mut world = World::with_stakes(&[1_000; 3]);
    let deal = paid(&mut world);
    let before = world.escrow(&deal);
    let at = address::escrow(&PROGRAM_ID, &deal.reply_id);
    let rent = world.svm.get_balance(&at).expect("rent");
    let lamports = world.svm.get_balance(&world.owner.address()).expect("lamports");
    after(&mut world, &deal, 1);
    let meta = by_owner(&mut world, &deal).expect("compacted");
    let wanted = Stub {
        status: EscrowStatus::Settled,
        outcome: 1,
        req_hash: deal.order.req_hash,
        record_hash: before.record_hash,
        verdict_hash: before.verdict_hash,
        digest: before.decision.digest,
    };
    assert_eq!(stub(&world, &deal), wanted);
    let left = world.svm.get_balance(&at).expect("rent");
    println!("{rent} lamports of rent before, {left} after");
    let back = world.svm.get_balance(&world.owner.address()).expect("lamports") + meta.fee - lamports;
    assert_eq!(back, rent - left);
    assert!(3 * left < rent, "{left} of {rent}");
    let bytes = world.data(&at).len();
    assert_eq!(left, world.svm.minimum_balance_for_rent_exemption(bytes), "rent for {bytes} bytes, and no more");
    world.assert_conserved();
}

/// Whatever ended it: without a quorum the hashes are zero.
#[test]
fn a_refund_leaves_a_stub_too() {
    let mut world = World::with_stakes(&[1_000; 3]);
    let rejected = world.open();
    world.must(world.rejection(&rejected), &world.quorum());
    let expired = world.open_order(another(&world));
    after(&mut world, &expired, 1);
    world.must(world.expiry(&expired), &[world.admin.key.insecure_clone()]);
    for deal in [&rejected, &expired] {
        by_owner(&mut world, deal).expect("compacted");
    }
    let (rejected, expired) = (stub(&world, &rejected), stub(&world, &expired));
    assert_eq!((rejected.status, rejected.outcome), (EscrowStatus::Refunded, 3));
    assert_eq!((expired.status, expired.outcome), (EscrowStatus::Refunded, 0));
    assert!(rejected.digest != [0; 32] && expired.digest == [0; 32]);
}

/// A paid verifier, or one that could not be paid for a month, does not hold the rent back.
#[test]
fn the_rent_waits_for_verifiers_but_not_for_ever() {
    for pays in [true, false] {
        let mut world = World::with_stakes(&[1_000; 3]);
        let deal = verified(&mut world);
        if pays {
            let escrow = world.escrow(&deal);
            let verifier = escrow.decision.verifiers[0];
            let token = world.operator(Role::Verifier, &verifier).payout;
            let verifier_token = world.token_of(&token);
            let pay = PayVerifier { reply_id: deal.reply_id, epoch: 0, verifier, verifier_token };
            world.must(pay, &[world.admin.key.insecure_clone()]);
        }
        after(&mut world, &deal, if pays { 1 } else { VERIFIER_CLAIM_S + 1 });
        by_owner(&mut world, &deal).expect("compacted");
    }
}

/// Of an escrow out of a deposit the gateway paid the rent, and gets it.
#[test]
fn the_gateway_gets_its_rent() {
    let mut world = World::with_stakes(&[1_000; 3]);
    let (owner, owner_token, gateway) = (world.owner.address(), world.owner.token, world.router.clone());
    let fund = FundDeposit { owner, owner_token, delegate: gateway.address(), amount: 2_000_000 };
    world.must(fund, &[world.owner.key.insecure_clone()]);
    let order = world.order();
    let opening =
        OpenEscrowFromDeposit { delegate: gateway.address(), owner, order: order.bytes(), terms: world.terms() };
    let deal = Deal { reply_id: opening.reply_id(), order };
    world.must(opening, &[gateway.key.insecure_clone()]);
    world.must(world.rejection(&deal), &world.quorum());
    after(&mut world, &deal, 1);
    assert!(by_owner(&mut world, &deal).is_err(), "the owner did not pay it");
    compact(&mut world, &deal, &gateway).expect("compacted");
}

#[test]
fn refusals() {
    check(REFUSALS);
}
