//! `settle_batch`: a quorum signs the root over many settlements.

use crate::approve::approve;
use crate::batch::{Group, digest};
use crate::settle::event as event_of;
use crate::settle_batched::by_anyone;
use litesvm::types::TransactionResult;
use ogong_chain_interface::account::{Batch, EscrowStatus};
use ogong_chain_interface::error::ACCOUNT_IN_USE;
use ogong_chain_interface::instruction::SettleBatch;
use ogong_chain_interface::{ChainError, Instruction, PROGRAM_ID, address, event};
use ogong_chain_tests::Expected::{Chain, Number};
use ogong_chain_tests::world::FUNDS;
use ogong_chain_tests::{Behind, Gated, Refusal, World, check, quorum};

/// Anchor's: the account is not the one its seeds derive.
const SEEDS: u32 = 2006;
/// Anchor's: the account is not the program's, as one that is not there is not.
const OWNED_BY_WRONG_PROGRAM: u32 = 3007;
/// Anchor's: the key did not sign.
const NOT_SIGNER: u32 = 3010;
/// Anchor's: there is no such account.
const NOT_INITIALIZED: u32 = 3012;

/// A batch that only its quorum is missing of.
struct Ready(SettleBatch);

impl Gated for Ready {
    fn prepare(world: &mut World) -> Self {
        world.next_epoch();
        world.next_epoch();
        Self(Group::open(world, 2).batch(world))
    }

    fn instructions(&self, behind: Behind) -> Vec<Instruction> {
        let Behind { handler, cosigners, approvals, stake_epoch } = behind;
        let batch = SettleBatch { handler, cosigners, approvals, stake_epoch, ..self.0.clone() };
        vec![batch.instruction(&PROGRAM_ID)]
    }

    fn digest(&self, world: &World, stake_epoch: u64) -> [u8; 32] {
        digest(world, &SettleBatch { stake_epoch, ..self.0.clone() })
    }
}

pub const QUORUM_REFUSALS: &[Refusal] = &quorum::refusals::<Ready>();

fn signed(world: &mut World, spoil: fn(&mut SettleBatch), signers: usize) -> TransactionResult {
    let group = Group::open(world, 3);
    let mut batch = group.batch(world);
    spoil(&mut batch);
    world.send(batch, &world.quorum()[..signers])
}

/// Signed by all, with something wrong in its accounts.
fn spoilt(world: &mut World, spoil: fn(&World, &mut Instruction)) -> TransactionResult {
    let mut instruction = Group::open(world, 2).batch(world).instruction(&PROGRAM_ID);
    spoil(world, &mut instruction);
    world.send(instruction, &world.quorum())
}

pub const REFUSALS: &[Refusal] = &[
    Refusal {
        name: "of nothing",
        expected: Chain(ChainError::BatchEmpty),
        attempt: |world| signed(world, |batch| batch.count = 0, 3),
    },
    Refusal {
        name: "expired",
        expected: Chain(ChainError::SettleExpired),
        attempt: |world| signed(world, |batch| batch.expiry_ms = 1, 3),
    },
    Refusal {
        name: "two of three",
        expected: Chain(ChainError::QuorumNotReached),
        attempt: |world| signed(world, |batch| batch.cosigners.truncate(1), 2),
    },
    Refusal {
        name: "a co-signer twice",
        expected: Chain(ChainError::CosignerRepeated),
        attempt: |world| signed(world, |batch| batch.cosigners[1] = batch.cosigners[0], 2),
    },
    Refusal {
        name: "the same root again",
        expected: Number(ACCOUNT_IN_USE),
        attempt: |world| {
            let group = Group::open(world, 2);
            world.must(group.batch(world), &world.quorum());
            world.send(group.batch(world), &world.quorum())
        },
    },
    Refusal {
        name: "in an epoch that has not begun",
        expected: Number(OWNED_BY_WRONG_PROGRAM),
        attempt: |world| signed(world, |batch| batch.stake_epoch = 1, 3),
    },
    Refusal {
        name: "under another root's address",
        expected: Number(SEEDS),
        attempt: |world| spoilt(world, |_, batch| batch.accounts[4].pubkey = address::batch(&PROGRAM_ID, &[1; 32])),
    },
    Refusal {
        name: "with another's registration",
        expected: Number(SEEDS),
        attempt: |world| {
            spoilt(world, |world, batch| {
                batch.accounts[1].pubkey = address::validator(&PROGRAM_ID, &world.validators[1].address());
            })
        },
    },
    Refusal {
        name: "a stranger handles",
        expected: Number(NOT_INITIALIZED),
        attempt: |world| {
            let stranger = world.wallet(FUNDS);
            let group = Group::open(world, 2);
            let mut batch = group.batch(world);
            batch.cosigners.push(batch.handler);
            batch.handler = stranger.address();
            let mut signers = vec![stranger.key];
            signers.extend(world.quorum());
            world.send(batch, &signers)
        },
    },
    Refusal {
        name: "a handler that did not sign",
        expected: Number(NOT_SIGNER),
        attempt: |world| {
            let mut instruction = Group::open(world, 2).batch(world).instruction(&PROGRAM_ID);
            instruction.accounts[0].is_signer = false;
            world.send(instruction, &world.quorum()[1..])
        },
    },
];

#[test]
fn approvals_stand_behind_a_batch_too() {
    let mut world = World::with_stakes(&[1_000; 3]);
    let group = Group::open(&mut world, 2);
    let mut batch = group.batch(&world);
    let digest = digest(&world, &batch);
    (0..3).for_each(|validator| {
        approve(&mut world, digest, validator).expect("approves");
    });
    batch.cosigners.clear();
    batch.approvals = Some(address::approvals(&PROGRAM_ID, &digest, 0));
    world.must(batch, &world.quorum()[..1]);
    let settle = group.settlement(&world, 1);
    by_anyone(&mut world, settle).expect("settled");
}

/// Nothing is decided or moved by it yet.
#[test]
fn the_root_is_written_down_with_who_signed() {
    let mut world = World::with_stakes(&[1_000, 2_000, 3_000]);
    let group = Group::open(&mut world, 3);
    let mut batch = group.batch(&world);
    // five of six thousand: the second validator handles, and its own fee owner is noted
    batch.handler = world.validators[1].address();
    batch.cosigners = vec![world.validators[2].address()];
    let meta = world.must(batch.clone(), &world.quorum()[1..]);
    let wanted = Batch {
        root: group.root(),
        count: 3,
        settled: 0,
        stake_epoch: 0,
        signers: 0b110,
        signed_stake: 5_000,
        handler: batch.handler,
        fee_owner: world.fee_owners[1].address(),
        expiry_ms: batch.expiry_ms,
        payer: batch.handler,
    };
    assert_eq!(Batch::decode(&world.data(&address::batch(&PROGRAM_ID, &group.root()))), Ok(wanted));
    let announced = event::Batched::decode(&event_of(&meta.logs)).expect("the event");
    assert_eq!((announced.handler, announced.signed_stake, announced.total_stake), (batch.handler, 5_000, 6_000));
    assert_eq!(world.epoch(0).audits, [0; 3], "counted as each reply is settled");
    assert!(group.deals.iter().all(|deal| world.escrow(deal).status == EscrowStatus::Open));
}

#[test]
fn refusals() {
    check(REFUSALS);
}

#[test]
fn quorum_refusals() {
    check(QUORUM_REFUSALS);
}
