//! `settle_batched`: one reply of a batch, by its proof and by anyone.

use crate::batch::{Group, digest};
use crate::close_batch::close;
use litesvm::types::TransactionResult;
use ogong_chain_interface::account::{Batch, EscrowStatus};
use ogong_chain_interface::event::{Batched, Settled};
use ogong_chain_interface::instruction::SettleBatched;
use ogong_chain_interface::{Address, ChainError, PROGRAM_ID, address};
use ogong_chain_tests::Expected::{Chain, Number};
use ogong_chain_tests::world::{FUNDS, START_S};
use ogong_chain_tests::{Refusal, World, check};

/// Anchor's: the account is not the one its seeds derive.
const SEEDS: u32 = 2006;
/// Anchor's: there is no such account.
const NOT_INITIALIZED: u32 = 3012;

pub fn by_anyone(world: &mut World, settle: SettleBatched) -> TransactionResult {
    world.send(settle, &[world.admin.key.insecure_clone()])
}

/// The first of three batched replies settled with something wrong.
fn batched(world: &mut World, spoil: fn(&mut SettleBatched)) -> TransactionResult {
    let group = Group::signed(world, 3);
    let mut settle = group.settlement(world, 0);
    spoil(&mut settle);
    by_anyone(world, settle)
}

pub const REFUSALS: &[Refusal] = &[
    Refusal {
        name: "another amount than the leaf's",
        expected: Chain(ChainError::BatchProofWrong),
        attempt: |world| batched(world, |settle| settle.verdict.n_prompt = 99),
    },
    Refusal {
        name: "another place",
        expected: Chain(ChainError::BatchProofWrong),
        attempt: |world| batched(world, |settle| settle.index = 1),
    },
    Refusal {
        name: "a place outside the tree",
        expected: Chain(ChainError::BatchProofWrong),
        attempt: |world| batched(world, |settle| settle.index = 3),
    },
    Refusal {
        name: "one flipped bit in the proof",
        expected: Chain(ChainError::BatchProofWrong),
        attempt: |world| batched(world, |settle| settle.proof[1][31] ^= 1),
    },
    Refusal {
        name: "a proof too short",
        expected: Chain(ChainError::BatchProofWrong),
        attempt: |world| batched(world, |settle| settle.proof.truncate(1)),
    },
    Refusal {
        name: "a proof too long",
        expected: Chain(ChainError::BatchProofWrong),
        attempt: |world| batched(world, |settle| settle.proof.push([0; 32])),
    },
    Refusal {
        name: "an inner node as a leaf",
        expected: Chain(ChainError::BatchProofWrong),
        attempt: |world| {
            batched(world, |settle| {
                settle.proof.remove(0);
            })
        },
    },
    Refusal {
        name: "a reject in it",
        expected: Chain(ChainError::OutcomeNotPayable),
        attempt: |world| batched(world, |settle| settle.verdict.outcome = 3),
    },
    Refusal {
        name: "of another request",
        expected: Chain(ChainError::RequestHashWrong),
        attempt: |world| batched(world, |settle| settle.verdict.req_hash[0] ^= 1),
    },
    Refusal {
        name: "one token too many",
        expected: Chain(ChainError::BilledOverMax),
        attempt: |world| batched(world, |settle| settle.verdict.n_billed = 513),
    },
    Refusal {
        name: "one more token counted than billed",
        expected: Chain(ChainError::CountedOverBilled),
        attempt: |world| batched(world, |settle| settle.verdict.n_counted = 51),
    },
    Refusal {
        name: "expiry a millisecond after the deadline",
        expected: Chain(ChainError::ExpiryAfterDeadline),
        attempt: |world| batched(world, |settle| settle.verdict.expiry_ms += 1),
    },
    Refusal {
        name: "a verifier named twice",
        expected: Chain(ChainError::VerifiersInvalid),
        attempt: |world| batched(world, |settle| settle.verdict.verifiers = vec![Address::from([1; 32]); 2]),
    },
    Refusal {
        name: "a batch that nobody signed",
        expected: Number(NOT_INITIALIZED),
        attempt: |world| {
            let settle = Group::open(world, 2).settlement(world, 0);
            by_anyone(world, settle)
        },
    },
    Refusal {
        name: "another epoch than the batch's",
        expected: Chain(ChainError::StakeEpochWrong),
        attempt: |world| {
            let group = Group::signed(world, 2);
            let mut settle = group.settlement(world, 0);
            settle.verdict.stake_epoch = 1;
            let mut instruction = settle.instruction(&PROGRAM_ID);
            instruction.accounts[1].pubkey = address::epoch(&PROGRAM_ID, 0);
            world.send(instruction, &[world.admin.key.insecure_clone()])
        },
    },
    Refusal {
        name: "twice",
        expected: Chain(ChainError::EscrowNotOpen),
        attempt: |world| {
            let group = Group::signed(world, 2);
            let settle = group.settlement(world, 0);
            by_anyone(world, settle.clone()).expect("the first");
            by_anyone(world, settle)
        },
    },
    Refusal {
        name: "after the expiry",
        expected: Chain(ChainError::SettleExpired),
        attempt: |world| {
            let group = Group::signed(world, 2);
            world.set_time(START_S + 901);
            let settle = group.settlement(world, 0);
            by_anyone(world, settle)
        },
    },
    Refusal {
        name: "another reply's escrow",
        expected: Number(SEEDS),
        attempt: |world| {
            let group = Group::signed(world, 2);
            let mut instruction = group.settlement(world, 0).instruction(&PROGRAM_ID);
            let other = address::escrow(&PROGRAM_ID, &group.deals[1].reply_id);
            world.tamper(&other, |data| data[11] ^= 1);
            instruction.accounts[3].pubkey = other;
            let result = world.send(instruction, &[world.admin.key.insecure_clone()]);
            world.tamper(&other, |data| data[11] ^= 1);
            result
        },
    },
];

#[test]
fn each_reply_of_a_batch_is_settled_and_paid() {
    let mut world = World::with_stakes(&[1_000; 3]);
    let group = Group::open(&mut world, 7);
    let batch = group.batch(&world);
    let meta = world.must(batch.clone(), &world.quorum());
    let announced = Batched::decode(&crate::settle::event(&meta.logs)).expect("the event");
    let digest = digest(&world, &batch);
    assert_eq!((announced.digest, announced.count, announced.signed_stake), (digest, 7, 3_000));
    for index in [6, 0, 3, 1, 5, 2, 4] {
        let settle = group.settlement(&world, index);
        by_anyone(&mut world, settle).expect("settled");
        world.pay(&group.deals[index]);
    }
    let account = Batch::decode(&world.data(&address::batch(&PROGRAM_ID, &group.root()))).expect("a batch");
    assert_eq!((account.settled, account.signers), (7, 0b111));
    assert_eq!(world.balance(&world.provider.token), FUNDS + 7 * 425);
    assert_eq!((world.epoch(0).audits, world.epoch(0).totals.audits), (vec![7; 3], 21));
    close(&mut world, &group, 0).expect("done with");
    world.assert_conserved();
}

/// One leaf of three: the others stay open, and the word of the quorum is the batch's.
#[test]
fn decides_its_own_reply_and_says_so() {
    let mut world = World::with_stakes(&[1_000; 3]);
    let group = Group::signed(&mut world, 3);
    let meta = world.must(group.settlement(&world, 1), &[world.admin.key.insecure_clone()]);
    let decision = world.escrow(&group.deals[1]).decision;
    let wanted = Settled {
        reply_id: group.deals[1].reply_id,
        digest: group.leaves[1],
        record_hash: [0x66; 32],
        verdict_hash: [0x77; 32],
        outcome: 1,
        fee: 500,
        amounts: [425, 25, 25, 25, 999_500],
        handler: world.validators[0].address(),
        signed_stake: 3_000,
        total_stake: 3_000,
    };
    assert_eq!(Settled::decode(&crate::settle::event(&meta.logs)), Ok(wanted));
    assert_eq!((decision.digest, decision.fee_owner), (group.leaves[1], world.fee_owners[0].address()));
    let status: Vec<EscrowStatus> = group.deals.iter().map(|deal| world.escrow(deal).status).collect();
    assert_eq!(status, [EscrowStatus::Open, EscrowStatus::Decided, EscrowStatus::Open]);
    assert_eq!(world.epoch(0).audits, [1; 3]);
}

#[test]
fn refusals() {
    check(REFUSALS);
}
