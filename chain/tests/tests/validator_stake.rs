//! `stake_validator`, `unstake_validator`, `withdraw_validator`.

use litesvm::types::TransactionResult;
use ogong_chain_interface::account::{BondStatus, Validator};
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
/// SPL Token's.
const INSUFFICIENT_FUNDS: u32 = 1;

fn instruction(world: &World, movement: Movement) -> MoveValidatorStake {
    let validator = &world.validators[0];
    let (authority, authority_token) = (validator.address(), validator.token);
    MoveValidatorStake { authority, authority_token, epoch: world.config().stake_epoch, movement }
}

/// Of the first validator.
fn moved(world: &mut World, movement: Movement) -> TransactionResult {
    world.send(instruction(world, movement), &world.quorum()[..1])
}

fn bond(world: &World) -> ogong_chain_interface::account::Bond {
    let at = address::validator(&PROGRAM_ID, &world.validators[0].address());
    Validator::decode(&world.data(&at)).expect("a validator").bond
}

/// Status 3 in the registration's bond.
fn eject(world: &mut World) {
    let at = address::validator(&PROGRAM_ID, &world.validators[0].address());
    // discriminator 8, version and bump, five keys
    world.tamper(&at, |data| data[8 + 2 + 5 * 32] = 3);
}

pub const REFUSALS: &[Refusal] = &[
    Refusal {
        name: "stake nothing",
        expected: Chain(ChainError::AmountZero),
        attempt: |world| moved(world, Movement::Stake(0)),
    },
    Refusal {
        name: "stake more than it has",
        expected: Number(INSUFFICIENT_FUNDS),
        attempt: |world| moved(world, Movement::Stake(FUNDS)),
    },
    Refusal {
        name: "stake past 64 bits",
        expected: Chain(ChainError::AmountOverflow),
        attempt: |world| moved(world, Movement::Stake(u64::MAX)),
    },
    Refusal {
        name: "stake of one that was ejected",
        expected: Chain(ChainError::OperatorEjected),
        attempt: |world| {
            eject(world);
            moved(world, Movement::Stake(1))
        },
    },
    Refusal {
        name: "come back with less than the minimum",
        expected: Chain(ChainError::StakeTooLow),
        attempt: |world| {
            moved(world, Movement::Unstake(1_000)).expect("leaves");
            moved(world, Movement::Stake(99))
        },
    },
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
            moved(world, Movement::Unstake(500)).expect("cools");
            world.next_epoch();
            world.next_epoch();
            moved(world, Movement::Withdraw).expect("the first");
            moved(world, Movement::Withdraw)
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
        name: "to another's token account",
        expected: Number(TOKEN_OWNER),
        attempt: |world| {
            moved(world, Movement::Unstake(500)).expect("cools");
            world.next_epoch();
            world.next_epoch();
            let withdraw = instruction(world, Movement::Withdraw);
            let withdraw = MoveValidatorStake { authority_token: world.owner.token, ..withdraw };
            world.send(withdraw, &world.quorum()[..1])
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
    Refusal {
        name: "out of the escrows' vault",
        expected: Number(SEEDS),
        attempt: |world| {
            moved(world, Movement::Unstake(500)).expect("cools");
            world.next_epoch();
            world.next_epoch();
            let mut instruction = instruction(world, Movement::Withdraw).instruction(&PROGRAM_ID);
            instruction.accounts[6].pubkey = address::vault(&PROGRAM_ID);
            world.send(instruction, &world.quorum()[..1])
        },
    },
];

#[test]
fn stake_cools_for_its_epochs_and_comes_back_whole() {
    let mut world = World::with_stakes(&[1_000; 3]);
    moved(&mut world, Movement::Stake(250)).expect("more");
    assert_eq!((bond(&world).stake, world.epoch(0).set.total_stake), (1_250, 3_250));
    moved(&mut world, Movement::Unstake(1_250)).expect("all of it");
    let cooling = bond(&world);
    assert_eq!((cooling.status, cooling.stake, cooling.cooling), (BondStatus::Leaving, 0, 1_250));
    assert_eq!(cooling.unlock_epoch, 2);
    assert_eq!((world.validator_set().members.len(), world.epoch(0).set.total_stake), (2, 2_000));
    world.assert_conserved();
    world.next_epoch();
    world.next_epoch();
    moved(&mut world, Movement::Withdraw).expect("cooled down");
    assert_eq!(world.balance(&world.validators[0].token), FUNDS);
    moved(&mut world, Movement::Stake(100)).expect("back again");
    assert_eq!((bond(&world).status, world.validator_set().members.len()), (BondStatus::Active, 3));
    world.assert_conserved();
}

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
