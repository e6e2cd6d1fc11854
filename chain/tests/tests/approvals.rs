//! `settle` and `refund_reject` by approvals in the place of signatures; `approve` and `close_approvals` have files of their own.

use crate::approve::approve;
use crate::close_approvals::close;
use litesvm::types::TransactionResult;
use ogong_chain_interface::account::{Approvals, EscrowStatus};
use ogong_chain_interface::event::Settlement;
use ogong_chain_interface::instruction::{RefundReject, Settle, Verdict};
use ogong_chain_interface::{Address, ChainError, PROGRAM_ID, address};
use ogong_chain_tests::Expected::{Chain, Number};
use ogong_chain_tests::world::{FUNDS, NETWORK};
use ogong_chain_tests::{Deal, Refusal, World, check};

/// Anchor's: the account is of another type.
const DISCRIMINATOR: u32 = 3002;

/// What `settle` will compute.
pub fn settle_digest(world: &World, deal: &Deal, settle: &Settle) -> [u8; 32] {
    let verdict = &settle.verdict;
    let payees = [world.provider.address(), world.router.address(), world.fee_owners[0].address()];
    let payees = payees.into_iter().chain([address::config(&PROGRAM_ID), world.owner.address()]);
    digest(deal, verdict, payees.zip([425, 25, 25, 25, 999_500]).collect())
}

pub fn reject_digest(world: &World, deal: &Deal, reject: &RefundReject) -> [u8; 32] {
    digest(deal, &reject.verdict, vec![(world.owner.address(), deal.order.max_fee)])
}

pub fn digest(deal: &Deal, verdict: &Verdict, payees: Vec<(Address, u64)>) -> [u8; 32] {
    Settlement {
        network: NETWORK,
        program: PROGRAM_ID,
        reply_id: deal.reply_id,
        record_hash: verdict.record_hash,
        outcome: verdict.outcome,
        verdict_hash: verdict.verdict_hash,
        round: verdict.round,
        n_prompt: verdict.n_prompt,
        n_billed: verdict.n_billed,
        n_counted: verdict.n_counted,
        payees,
        stake_epoch: verdict.stake_epoch,
        expiry_ms: verdict.expiry_ms,
    }
    .digest()
}

/// A settle by the approvals of the first `approving` validators; only the handler signs.
pub fn settled_by(world: &mut World, approving: usize) -> (Deal, Settle, [u8; 32], TransactionResult) {
    let deal = world.open();
    let mut settle = world.settlement(&deal);
    let digest = settle_digest(world, &deal, &settle);
    (0..approving).for_each(|validator| {
        approve(world, digest, validator).expect("approves");
    });
    settle.cosigners.clear();
    settle.approvals = Some(address::approvals(&PROGRAM_ID, &digest, 0));
    let result = world.send(settle.clone(), &world.quorum()[..1]);
    (deal, settle, digest, result)
}

pub const REFUSALS: &[Refusal] = &[
    Refusal {
        name: "two of three",
        expected: Chain(ChainError::QuorumNotReached),
        attempt: |world| settled_by(world, 2).3,
    },
    Refusal {
        name: "of another amount",
        expected: Chain(ChainError::ApprovalsWrong),
        attempt: |world| {
            let deal = world.open();
            let mut settle = world.settlement(&deal);
            let digest = settle_digest(world, &deal, &settle);
            (0..3).for_each(|validator| {
                approve(world, digest, validator).expect("approves");
            });
            settle.cosigners.clear();
            settle.approvals = Some(address::approvals(&PROGRAM_ID, &digest, 0));
            settle.verdict.n_prompt += 1;
            world.send(settle, &world.quorum()[..1])
        },
    },
    Refusal {
        name: "of another epoch",
        expected: Chain(ChainError::ApprovalsWrong),
        attempt: |world| {
            let deal = world.open();
            let mut settle = world.settlement(&deal);
            let digest = settle_digest(world, &deal, &settle);
            (0..3).for_each(|validator| {
                approve(world, digest, validator).expect("approves");
            });
            let approvals = address::approvals(&PROGRAM_ID, &digest, 0);
            // the digest names the epoch, so that only a tampered account gets this far
            world.tamper(&approvals, |data| data[42] = 1);
            settle.cosigners.clear();
            settle.approvals = Some(approvals);
            world.send(settle, &world.quorum()[..1])
        },
    },
    Refusal {
        name: "an account of another type",
        expected: Number(DISCRIMINATOR),
        attempt: |world| {
            let deal = world.open();
            let mut settle = world.settlement(&deal);
            settle.approvals = Some(address::validator_set(&PROGRAM_ID));
            world.send(settle, &world.quorum())
        },
    },
    Refusal {
        name: "used for the same reply again",
        expected: Chain(ChainError::EscrowNotOpen),
        attempt: |world| {
            let (_, settle, _, result) = settled_by(world, 3);
            result.expect("the first");
            world.send(settle, &world.quorum()[..1])
        },
    },
];

#[test]
fn approvals_settle_like_signatures_and_give_their_rent_back() {
    let mut world = World::with_stakes(&[1_000; 3]);
    let (deal, _, digest, result) = settled_by(&mut world, 3);
    result.expect("settled");
    let escrow = world.escrow(&deal);
    assert_eq!((escrow.status, escrow.decision.digest), (EscrowStatus::Decided, digest));
    assert_eq!(world.epoch(0).audits, [1; 3], "all three counted");
    let at = address::approvals(&PROGRAM_ID, &digest, 0);
    let approvals = Approvals::decode(&world.data(&at)).expect("approvals");
    assert_eq!((approvals.signers, approvals.used, approvals.epoch), (0b111, true, 0));
    let rent = world.svm.get_balance(&at).expect("rent");
    let before = world.svm.get_balance(&world.validators[0].address()).expect("a balance");
    close(&mut world, digest, 0).expect("closed");
    assert_eq!(world.svm.get_balance(&world.validators[0].address()), Some(before + rent));
    assert!(world.svm.get_account(&at).is_none_or(|account| account.lamports == 0));
    world.pay(&deal);
}

#[test]
fn approvals_refund_like_signatures() {
    let mut world = World::with_stakes(&[1_000; 3]);
    let deal = world.open();
    let mut reject = world.rejection(&deal);
    let digest = reject_digest(&world, &deal, &reject);
    (0..3).for_each(|validator| {
        approve(&mut world, digest, validator).expect("approves");
    });
    reject.cosigners.clear();
    reject.approvals = Some(address::approvals(&PROGRAM_ID, &digest, 0));
    world.must(reject, &world.quorum()[..1]);
    assert_eq!(world.balance(&world.owner.token), FUNDS);
}

/// A committee of forty, which no transaction holds.
#[test]
fn a_large_committee_settles_by_approvals() {
    let mut world = World::with_stakes(&[1_000; 40]);
    let (deal, .., result) = settled_by(&mut world, 27);
    result.expect("27 of 40 are more than two thirds");
    assert_eq!(world.escrow(&deal).status, EscrowStatus::Decided);
    let mut world = World::with_stakes(&[1_000; 40]);
    let (.., result) = settled_by(&mut world, 26);
    assert_eq!(ogong_chain_tests::refusal::number(&result), Some(ChainError::QuorumNotReached.number()));
}

#[test]
fn refusals() {
    check(REFUSALS);
}
