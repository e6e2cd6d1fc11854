//! `stake_operator`: more tokens behind a registration.

use crate::register_operator::{enrol, operator, signed};
use crate::update_operator::update;
use litesvm::types::TransactionResult;
use ogong_chain_interface::account::{BondStatus, Role};
use ogong_chain_interface::instruction::{MoveOperatorStake, Movement};
use ogong_chain_interface::{ChainError, Instruction, PROGRAM_ID, address};
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
/// Where an operator's bond begins, with its status: behind discriminator, version, bump, role and three keys.
const BOND: usize = 8 + 3 + 3 * 32;

/// Of the ordinary provider's wallet.
pub fn movement(world: &World, role: Role, movement: Movement) -> MoveOperatorStake {
    let (authority, authority_token) = (world.provider.address(), world.provider.token);
    MoveOperatorStake { authority, authority_token, role, movement }
}

pub fn moved(world: &mut World, role: Role, by: Movement) -> TransactionResult {
    let instruction = movement(world, role, by).instruction(&PROGRAM_ID);
    signed(world, instruction)
}

/// Another wallet moves the stake of the ordinary provider, to its own token account.
pub fn stolen(world: &mut World, by: Movement) -> TransactionResult {
    let (authority, authority_token) = (world.router.address(), world.router.token);
    let thief = MoveOperatorStake { authority, authority_token, role: Role::Provider, movement: by };
    let mut instruction = thief.instruction(&PROGRAM_ID);
    instruction.accounts[2].pubkey = address::operator(&PROGRAM_ID, Role::Provider, &world.provider.address());
    world.send(instruction, &[world.router.key.insecure_clone()])
}

/// The provider's, with something wrong in its accounts; somebody else pays.
pub fn spoilt(world: &mut World, by: Movement, spoil: fn(&World, &mut Instruction)) -> TransactionResult {
    let mut instruction = movement(world, Role::Provider, by).instruction(&PROGRAM_ID);
    spoil(world, &mut instruction);
    let signs = instruction.accounts[0].is_signer.then(|| world.provider.key.insecure_clone());
    let signers: Vec<_> = std::iter::once(world.owner.key.insecure_clone()).chain(signs).collect();
    world.send(instruction, &signers)
}

/// Writes into the bond of the ordinary provider behind the program's back.
pub fn tamper_bond(world: &mut World, change: fn(&mut [u8])) {
    let at = address::operator(&PROGRAM_ID, Role::Provider, &world.provider.address());
    world.tamper(&at, |data| change(&mut data[BOND..]));
}

pub const REFUSALS: &[Refusal] = &[
    Refusal {
        name: "nothing",
        expected: Chain(ChainError::AmountZero),
        attempt: |world| {
            enrol(world, Role::Provider, |_| {}).expect("registered");
            moved(world, Role::Provider, Movement::Stake(0))
        },
    },
    Refusal {
        name: "more than it has",
        expected: Number(INSUFFICIENT_FUNDS),
        attempt: |world| {
            enrol(world, Role::Provider, |_| {}).expect("registered");
            moved(world, Role::Provider, Movement::Stake(FUNDS - 99))
        },
    },
    Refusal {
        name: "past 64 bits",
        expected: Chain(ChainError::AmountOverflow),
        attempt: |world| {
            enrol(world, Role::Provider, |_| {}).expect("registered");
            moved(world, Role::Provider, Movement::Stake(u64::MAX - 99))
        },
    },
    Refusal {
        name: "of one that was ejected",
        expected: Chain(ChainError::OperatorEjected),
        attempt: |world| {
            enrol(world, Role::Provider, |_| {}).expect("registered");
            tamper_bond(world, |bond| bond[0] = 3);
            moved(world, Role::Provider, Movement::Stake(1))
        },
    },
    Refusal {
        name: "a bond taken up again under the minimum",
        expected: Chain(ChainError::StakeTooLow),
        attempt: |world| {
            enrol(world, Role::Verifier, |_| {}).expect("registered");
            moved(world, Role::Verifier, Movement::Unstake(100)).expect("all of it");
            moved(world, Role::Verifier, Movement::Stake(99))
        },
    },
    Refusal {
        name: "behind another's registration",
        expected: Number(SEEDS),
        attempt: |world| {
            enrol(world, Role::Provider, |_| {}).expect("registered");
            stolen(world, Movement::Stake(100))
        },
    },
    Refusal {
        name: "another's tokens",
        expected: Number(TOKEN_OWNER),
        attempt: |world| {
            enrol(world, Role::Provider, |_| {}).expect("registered");
            spoilt(world, Movement::Stake(100), |world, stake| stake.accounts[3].pubkey = world.router.token)
        },
    },
    Refusal {
        name: "into the escrows' vault",
        expected: Number(SEEDS),
        attempt: |world| {
            enrol(world, Role::Provider, |_| {}).expect("registered");
            let vault = |_: &World, stake: &mut Instruction| stake.accounts[4].pubkey = address::vault(&PROGRAM_ID);
            spoilt(world, Movement::Stake(100), vault)
        },
    },
    Refusal {
        name: "without a signature",
        expected: Number(NOT_SIGNER),
        attempt: |world| {
            enrol(world, Role::Provider, |_| {}).expect("registered");
            spoilt(world, Movement::Stake(100), |_, stake| stake.accounts[0].is_signer = false)
        },
    },
];

/// No capital is needed to serve.
#[test]
fn a_provider_serves_without_stake_and_names_its_models() {
    let mut world = World::new();
    enrol(&mut world, Role::Provider, |e| (e.stake, e.models) = (0, vec![[5; 32]; 8])).expect("registered");
    assert_eq!((operator(&world, Role::Provider).bond.stake, operator(&world, Role::Provider).models.len()), (0, 8));
    let change = update(&world, Role::Provider, 1).instruction(&PROGRAM_ID);
    signed(&mut world, change).expect("updated");
    let after = operator(&world, Role::Provider);
    assert_eq!((after.node_id, after.payout, after.models), ([0x12; 32], world.router.address(), vec![[5; 32]]));
    moved(&mut world, Role::Provider, Movement::Stake(7)).expect("some");
    moved(&mut world, Role::Provider, Movement::Unstake(3)).expect("some of it");
    world.next_epoch();
    world.next_epoch();
    moved(&mut world, Role::Provider, Movement::Withdraw).expect("cooled down");
    assert_eq!(operator(&world, Role::Provider).bond.stake, 4);
    world.assert_conserved();
}

/// What cools already goes on cooling: coming back costs new tokens.
#[test]
fn one_that_left_comes_back_with_a_whole_bond() {
    let mut world = World::new();
    enrol(&mut world, Role::Router, |_| {}).expect("registered");
    moved(&mut world, Role::Router, Movement::Unstake(100)).expect("all of it");
    assert_eq!(operator(&world, Role::Router).bond.status, BondStatus::Leaving);
    moved(&mut world, Role::Router, Movement::Stake(100)).expect("the minimum");
    let bond = operator(&world, Role::Router).bond;
    assert_eq!((bond.status, bond.stake, bond.cooling, bond.unlock_epoch), (BondStatus::Active, 100, 100, 2));
    assert_eq!(world.balance(&world.provider.token), FUNDS - 200);
    world.assert_conserved();
}

#[test]
fn refusals() {
    check(REFUSALS);
}
