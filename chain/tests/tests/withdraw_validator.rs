//! `withdraw_validator`: what has cooled down leaves the stake vault.

use crate::stake_validator::{bond, eject, instruction, moved, spoilt};
use ogong_chain_interface::account::BondStatus;
use ogong_chain_interface::instruction::{MoveValidatorStake, Movement};
use ogong_chain_interface::{ChainError, PROGRAM_ID, address};
use ogong_chain_tests::Expected::{Chain, Number};
use ogong_chain_tests::world::FUNDS;
use ogong_chain_tests::{Refusal, World, check};

/// Anchor's: the account is not the one its seeds derive.
const SEEDS: u32 = 2006;
/// Anchor's: a token account that is another's.
const TOKEN_OWNER: u32 = 2015;
/// Anchor's: the key did not sign.
const NOT_SIGNER: u32 = 3010;

/// Half of the first validator's stake has cooled down.
fn cooled(world: &mut World) {
    moved(world, Movement::Unstake(500)).expect("cools");
    world.next_epoch();
    world.next_epoch();
}

pub const REFUSALS: &[Refusal] = &[
    Refusal {
        name: "withdraw what is staked",
        expected: Chain(ChainError::NothingToWithdraw),
        attempt: |world| moved(world, Movement::Withdraw),
    },
    Refusal {
        name: "withdraw an epoch early",
        expected: Chain(ChainError::CooldownNotOver),
        attempt: |world| {
            moved(world, Movement::Unstake(500)).expect("cools");
            world.next_epoch();
            moved(world, Movement::Withdraw)
        },
    },
    Refusal {
        name: "withdraw twice",
        expected: Chain(ChainError::NothingToWithdraw),
        attempt: |world| {
            cooled(world);
            moved(world, Movement::Withdraw).expect("the first");
            moved(world, Movement::Withdraw)
        },
    },
    Refusal {
        name: "what another has cooling",
        expected: Number(SEEDS),
        attempt: |world| {
            cooled(world);
            let (authority, authority_token) = (world.validators[1].address(), world.validators[1].token);
            let theft = MoveValidatorStake { authority, authority_token, ..instruction(world, Movement::Withdraw) };
            let mut instruction = theft.instruction(&PROGRAM_ID);
            instruction.accounts[4].pubkey = address::validator(&PROGRAM_ID, &world.validators[0].address());
            world.send(instruction, &world.quorum()[1..2])
        },
    },
    Refusal {
        name: "to another's token account",
        expected: Number(TOKEN_OWNER),
        attempt: |world| {
            cooled(world);
            let withdraw = instruction(world, Movement::Withdraw);
            let withdraw = MoveValidatorStake { authority_token: world.owner.token, ..withdraw };
            world.send(withdraw, &world.quorum()[..1])
        },
    },
    Refusal {
        name: "out of the escrows' vault",
        expected: Number(SEEDS),
        attempt: |world| {
            cooled(world);
            let mut instruction = instruction(world, Movement::Withdraw).instruction(&PROGRAM_ID);
            instruction.accounts[6].pubkey = address::vault(&PROGRAM_ID);
            world.send(instruction, &world.quorum()[..1])
        },
    },
    Refusal {
        name: "without the validator's signature",
        expected: Number(NOT_SIGNER),
        attempt: |world| {
            cooled(world);
            spoilt(world, Movement::Withdraw, |_, withdraw| withdraw.accounts[0].is_signer = false)
        },
    },
];

/// No vote changes by it, and what is staked stays.
#[test]
fn what_has_cooled_comes_back_and_what_is_staked_stays() {
    let mut world = World::with_stakes(&[1_000; 3]);
    cooled(&mut world);
    let before = (world.validator_set(), world.epoch(2));
    moved(&mut world, Movement::Withdraw).expect("cooled down");
    let left = bond(&world);
    assert_eq!((left.status, left.stake, left.cooling), (BondStatus::Active, 500, 0));
    assert_eq!(world.balance(&world.validators[0].token), FUNDS - 500);
    assert_eq!(world.balance(&address::stake_vault(&PROGRAM_ID)), 2_500);
    assert_eq!((world.validator_set(), world.epoch(2)), before);
    world.assert_conserved();
}

#[test]
fn one_that_was_ejected_takes_out_what_is_left() {
    let mut world = World::with_stakes(&[1_000; 3]);
    eject(&mut world);
    moved(&mut world, Movement::Unstake(1_000)).expect("cools");
    assert_eq!(bond(&world).status, BondStatus::Ejected);
    world.next_epoch();
    world.next_epoch();
    moved(&mut world, Movement::Withdraw).expect("cooled down");
    assert_eq!(world.balance(&world.validators[0].token), FUNDS);
}

#[test]
fn refusals() {
    check(REFUSALS);
}
