//! `unstake_validator`: stake stops counting, and begins to cool down.

use crate::stake_validator::{bond, instruction, moved, spoilt, tamper_bond};
use ogong_chain_interface::account::{Bond, BondStatus};
use ogong_chain_interface::instruction::Movement;
use ogong_chain_interface::{ChainError, PROGRAM_ID, address};
use ogong_chain_tests::Expected::{Chain, Number};
use ogong_chain_tests::world::FUNDS;
use ogong_chain_tests::{Refusal, World, check};

/// Anchor's: the account is not the one its seeds derive.
const SEEDS: u32 = 2006;
/// Anchor's: the key did not sign.
const NOT_SIGNER: u32 = 3010;

pub const REFUSALS: &[Refusal] = &[
    Refusal {
        name: "unstake nothing",
        expected: Chain(ChainError::AmountZero),
        attempt: |world| moved(world, Movement::Unstake(0)),
    },
    Refusal {
        name: "unstake one atom too many",
        expected: Chain(ChainError::UnstakeOverStake),
        attempt: |world| moved(world, Movement::Unstake(1_001)),
    },
    Refusal {
        name: "leave less than the minimum",
        expected: Chain(ChainError::StakeTooLow),
        attempt: |world| moved(world, Movement::Unstake(901)),
    },
    Refusal {
        name: "what cools past 64 bits",
        expected: Chain(ChainError::AmountOverflow),
        attempt: |world| {
            // there are fewer tokens than that, so only a tampered bond comes near
            tamper_bond(world, |bond| bond[9..17].fill(0xff));
            let result = moved(world, Movement::Unstake(1));
            tamper_bond(world, |bond| bond[9..17].fill(0));
            result
        },
    },
    Refusal {
        name: "another's stake",
        expected: Number(SEEDS),
        attempt: |world| {
            let mut instruction = instruction(world, Movement::Unstake(500)).instruction(&PROGRAM_ID);
            instruction.accounts[4].pubkey = address::validator(&PROGRAM_ID, &world.validators[1].address());
            world.send(instruction, &world.quorum()[..1])
        },
    },
    Refusal {
        name: "counted in the epoch before",
        expected: Number(SEEDS),
        attempt: |world| {
            world.next_epoch();
            spoilt(world, Movement::Unstake(500), |_, unstake| {
                unstake.accounts[3].pubkey = address::epoch(&PROGRAM_ID, 0);
            })
        },
    },
    Refusal {
        name: "without the validator's signature",
        expected: Number(NOT_SIGNER),
        attempt: |world| {
            let mut instruction = instruction(world, Movement::Unstake(500)).instruction(&PROGRAM_ID);
            instruction.accounts[0].is_signer = false;
            world.send(instruction, &[world.owner.key.insecure_clone()])
        },
    },
];

/// A second unstake locks what was cooling already again: nothing leaves earlier than the last of it may.
#[test]
fn a_second_unstake_renews_the_lock() {
    let mut world = World::with_stakes(&[1_000; 3]);
    moved(&mut world, Movement::Unstake(100)).expect("some");
    world.next_epoch();
    moved(&mut world, Movement::Unstake(100)).expect("some more");
    let bond = bond(&world);
    assert_eq!((bond.cooling, bond.unlock_epoch), (200, 3));
}

/// In epoch 0 the vote follows at once, later with the next epoch. No token moves yet.
#[test]
fn what_is_left_counts_and_what_cools_does_not() {
    for (epoch, vote) in [(0, 2_100), (1, 3_000)] {
        let mut world = World::with_stakes(&[1_000; 3]);
        (0..epoch).for_each(|_| world.next_epoch());
        moved(&mut world, Movement::Unstake(900)).expect("down to the minimum");
        let wanted = Bond { status: BondStatus::Active, stake: 100, cooling: 900, unlock_epoch: epoch + 2 };
        assert_eq!(bond(&world), wanted);
        assert_eq!((world.validator_set().total_stake, world.epoch(epoch).set.total_stake), (2_100, vote));
        assert_eq!(world.balance(&world.validators[0].token), FUNDS - 1_000);
        world.assert_conserved();
    }
}

#[test]
fn refusals() {
    check(REFUSALS);
}
