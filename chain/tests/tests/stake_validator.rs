//! `stake_validator`: more stake, or stake again.

use litesvm::types::TransactionResult;
use ogong_chain_interface::account::{Bond, BondStatus, Validator};
use ogong_chain_interface::instruction::{MoveValidatorStake, Movement};
use ogong_chain_interface::{ChainError, Instruction, PROGRAM_ID, VALIDATORS_MAX, address};
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

/// Of the first validator.
pub fn instruction(world: &World, movement: Movement) -> MoveValidatorStake {
    let validator = &world.validators[0];
    let (authority, authority_token) = (validator.address(), validator.token);
    MoveValidatorStake { authority, authority_token, epoch: world.config().stake_epoch, movement }
}

pub fn moved(world: &mut World, movement: Movement) -> TransactionResult {
    world.send(instruction(world, movement), &world.quorum()[..1])
}

pub fn bond(world: &World) -> Bond {
    let at = address::validator(&PROGRAM_ID, &world.validators[0].address());
    Validator::decode(&world.data(&at)).expect("a validator").bond
}

/// Writes into the first validator's bond behind the program's back.
pub fn tamper_bond(world: &mut World, change: fn(&mut [u8])) {
    let at = address::validator(&PROGRAM_ID, &world.validators[0].address());
    // discriminator 8, version and bump, five keys
    world.tamper(&at, |data| change(&mut data[8 + 2 + 5 * 32..]));
}

/// Status 3 in the registration's bond.
pub fn eject(world: &mut World) {
    tamper_bond(world, |bond| bond[0] = 3);
}

/// The first validator's, with something wrong in its accounts; somebody else pays.
pub fn spoilt(world: &mut World, by: Movement, spoil: fn(&World, &mut Instruction)) -> TransactionResult {
    let mut instruction = instruction(world, by).instruction(&PROGRAM_ID);
    spoil(world, &mut instruction);
    let signs = instruction.accounts[0].is_signer.then(|| world.validators[0].key.insecure_clone());
    let signers: Vec<_> = std::iter::once(world.owner.key.insecure_clone()).chain(signs).collect();
    world.send(instruction, &signers)
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
        name: "come back where all places are taken",
        expected: Chain(ChainError::ValidatorSetFull),
        attempt: |world| {
            moved(world, Movement::Unstake(1_000)).expect("leaves");
            // epoch 0 keeps the leaver's place; the next one does not
            world.next_epoch();
            while world.validator_set().members.len() < VALIDATORS_MAX {
                world.register(100);
            }
            moved(world, Movement::Stake(1_000))
        },
    },
    Refusal {
        name: "total stake past 64 bits",
        expected: Chain(ChainError::AmountOverflow),
        attempt: |world| {
            // SPL Token's supply is a u64, so only a tampered set comes near
            let set = address::validator_set(&PROGRAM_ID);
            world.tamper(&set, |data| data[18..26].fill(0xff));
            let result = moved(world, Movement::Stake(1));
            world.tamper(&set, |data| data[18..26].copy_from_slice(&3_000u64.to_le_bytes()));
            result
        },
    },
    Refusal {
        name: "behind another's registration",
        expected: Number(SEEDS),
        attempt: |world| {
            spoilt(world, Movement::Stake(100), |world, stake| {
                stake.accounts[4].pubkey = address::validator(&PROGRAM_ID, &world.validators[1].address());
            })
        },
    },
    Refusal {
        name: "another's tokens",
        expected: Number(TOKEN_OWNER),
        attempt: |world| {
            spoilt(world, Movement::Stake(100), |world, stake| stake.accounts[5].pubkey = world.validators[1].token)
        },
    },
    Refusal {
        name: "into the escrows' vault",
        expected: Number(SEEDS),
        attempt: |world| {
            spoilt(world, Movement::Stake(100), |_, stake| stake.accounts[6].pubkey = address::vault(&PROGRAM_ID))
        },
    },
    Refusal {
        name: "counted in the epoch before",
        expected: Number(SEEDS),
        attempt: |world| {
            world.next_epoch();
            spoilt(world, Movement::Stake(100), |_, stake| stake.accounts[3].pubkey = address::epoch(&PROGRAM_ID, 0))
        },
    },
    Refusal {
        name: "without the validator's signature",
        expected: Number(NOT_SIGNER),
        attempt: |world| spoilt(world, Movement::Stake(100), |_, stake| stake.accounts[0].is_signer = false),
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

#[test]
fn refusals() {
    check(REFUSALS);
}
