//! `advance_epoch`, and what stake counts when.

use crate::settle::event;
use litesvm::types::TransactionResult;
use ogong_chain_interface::error::ACCOUNT_IN_USE;
use ogong_chain_interface::event::EpochBegan;
use ogong_chain_interface::instruction::{AdvanceEpoch, MoveValidatorStake, Movement};
use ogong_chain_interface::{ChainError, PROGRAM_ID, address};
use ogong_chain_tests::Expected::{Chain, Number};
use ogong_chain_tests::world::{EPOCH_MS, FUNDS, START_S};
use ogong_chain_tests::{Refusal, World, check};

/// Anchor's: the account is not the one its seeds derive.
const SEEDS: u32 = 2006;
/// Anchor's: the key did not sign.
const NOT_SIGNER: u32 = 3010;

fn advance(world: &mut World) -> TransactionResult {
    let advance = AdvanceEpoch { payer: world.admin.address(), epoch: world.config().stake_epoch };
    world.send(advance, &[world.admin.key.insecure_clone()])
}

pub const REFUSALS: &[Refusal] = &[
    Refusal { name: "at once", expected: Chain(ChainError::EpochNotOver), attempt: advance },
    Refusal {
        name: "a second early",
        expected: Chain(ChainError::EpochNotOver),
        attempt: |world| {
            world.set_time(START_S + 3_599);
            advance(world)
        },
    },
    Refusal {
        name: "twice",
        expected: Chain(ChainError::EpochNotOver),
        attempt: |world| {
            world.set_time(START_S + 3_600);
            advance(world).expect("the first");
            advance(world)
        },
    },
    Refusal {
        name: "an epoch skipped",
        expected: Number(SEEDS),
        attempt: |world| {
            world.set_time(START_S + 3_600);
            let mut instruction = AdvanceEpoch { payer: world.admin.address(), epoch: 0 }.instruction(&PROGRAM_ID);
            instruction.accounts[4].pubkey = address::epoch(&PROGRAM_ID, 2);
            world.send(instruction, &[world.admin.key.insecure_clone()])
        },
    },
    Refusal {
        name: "the current one again",
        expected: Number(ACCOUNT_IN_USE),
        attempt: |world| {
            // the config is wound back behind the program's back
            world.next_epoch();
            let config = address::config(&PROGRAM_ID);
            world.tamper(&config, |data| data[180..188].fill(0));
            world.set_time(START_S + 9_000);
            let result = advance(world);
            world.tamper(&config, |data| data[180] = 1);
            result
        },
    },
    Refusal {
        name: "an epoch before closed in place of the current one",
        expected: Number(SEEDS),
        attempt: |world| {
            world.next_epoch();
            world.set_time(START_S + 7_200);
            let mut instruction = AdvanceEpoch { payer: world.admin.address(), epoch: 1 }.instruction(&PROGRAM_ID);
            instruction.accounts[3].pubkey = address::epoch(&PROGRAM_ID, 0);
            world.send(instruction, &[world.admin.key.insecure_clone()])
        },
    },
    Refusal {
        name: "at the cost of one that did not sign",
        expected: Number(NOT_SIGNER),
        attempt: |world| {
            world.set_time(START_S + 3_600);
            let mut instruction = AdvanceEpoch { payer: world.admin.address(), epoch: 0 }.instruction(&PROGRAM_ID);
            instruction.accounts[0].is_signer = false;
            world.send(instruction, &[world.router.key.insecure_clone()])
        },
    },
];

#[test]
fn begins_with_the_set_as_it_is_and_says_so() {
    let mut world = World::with_stakes(&[1_000, 2_000]);
    world.set_time(START_S + 3_600);
    let advance = AdvanceEpoch { payer: world.router.address(), epoch: 0 };
    let meta = world.must(advance, &[world.router.key.insecure_clone()]);
    let started_ms = 1_800_000_000_000 + EPOCH_MS;
    let wanted = EpochBegan { epoch: 1, started_ms, total_stake: 3_000 };
    assert_eq!(EpochBegan::decode(&event(&meta.logs)), Ok(wanted));
    assert_eq!((world.config().stake_epoch, world.config().epoch_started_ms), (1, started_ms));
    assert_eq!((world.epoch(0).ended_ms, world.epoch(1).ended_ms), (started_ms, 0));
    assert_eq!(world.epoch(1).set.members, world.validator_set().members);
    assert_eq!(world.epoch(1).audits, [0, 0]);
}

/// Stake moved in an epoch counts from the next one on; in epoch 0 at once.
#[test]
fn stake_moved_in_an_epoch_counts_in_the_next() {
    let mut world = World::with_stakes(&[1_000, 2_000]);
    assert_eq!(world.epoch(0).set.total_stake, 3_000);
    world.next_epoch();
    world.register(5_000);
    let (key, token) = (world.validators[0].key.insecure_clone(), world.validators[0].token);
    for movement in [Movement::Stake(500), Movement::Unstake(300)] {
        let authority = world.validators[0].address();
        world.must(
            MoveValidatorStake { authority, authority_token: token, epoch: 1, movement },
            &[key.insecure_clone()],
        );
    }
    assert_eq!(world.validator_set().total_stake, 8_200);
    assert_eq!(world.epoch(1).set.total_stake, 3_000, "the vote goes on as it began");
    world.next_epoch();
    assert_eq!(world.epoch(2).set.total_stake, 8_200);
    let stakes: Vec<u64> = world.epoch(2).set.members.iter().map(|(_, stake)| *stake).collect();
    assert_eq!(stakes, [1_200, 2_000, 5_000]);
    assert!(world.balance(&token) < FUNDS, "what cools is not back yet");
}

/// Somebody who counts in an epoch signs in it even after leaving; a newcomer does not sign yet.
#[test]
fn a_leaver_still_signs_in_its_epoch() {
    let mut world = World::with_stakes(&[1_000; 3]);
    world.next_epoch();
    let (authority, token) = (world.validators[2].address(), world.validators[2].token);
    let leave = MoveValidatorStake { authority, authority_token: token, epoch: 1, movement: Movement::Unstake(1_000) };
    world.must(leave, &[world.validators[2].key.insecure_clone()]);
    let deal = world.open();
    world.must(world.settlement(&deal), &world.quorum());
    world.register(1_000);
    let mut order = world.order();
    order.nonce = [0x98; 32];
    let deal = world.open_order(order);
    let refused = world.send(world.settlement(&deal), &world.quorum());
    assert_eq!(ogong_chain_tests::refusal::number(&refused), Some(ChainError::CosignerUnregistered.number()));
}

#[test]
fn refusals() {
    check(REFUSALS);
}
