//! `withdraw_operator`: what has cooled down leaves the stake vault.

use crate::register_operator::{enrol, operator};
use crate::stake_operator::{moved, spoilt, stolen};
use ogong_chain_interface::account::Role;
use ogong_chain_interface::instruction::Movement;
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

/// A provider whose whole stake of 100 has cooled down.
fn cooled(world: &mut World) {
    enrol(world, Role::Provider, |_| {}).expect("registered");
    moved(world, Role::Provider, Movement::Unstake(100)).expect("cools");
    world.next_epoch();
    world.next_epoch();
}

pub const REFUSALS: &[Refusal] = &[
    Refusal {
        name: "withdraw what is staked",
        expected: Chain(ChainError::NothingToWithdraw),
        attempt: |world| {
            enrol(world, Role::Provider, |_| {}).expect("registered");
            moved(world, Role::Provider, Movement::Withdraw)
        },
    },
    Refusal {
        name: "withdraw an epoch early",
        expected: Chain(ChainError::CooldownNotOver),
        attempt: |world| {
            enrol(world, Role::Router, |_| {}).expect("registered");
            moved(world, Role::Router, Movement::Unstake(100)).expect("cools");
            world.next_epoch();
            moved(world, Role::Router, Movement::Withdraw)
        },
    },
    Refusal {
        name: "withdraw twice",
        expected: Chain(ChainError::NothingToWithdraw),
        attempt: |world| {
            cooled(world);
            moved(world, Role::Provider, Movement::Withdraw).expect("the first");
            moved(world, Role::Provider, Movement::Withdraw)
        },
    },
    Refusal {
        name: "another's",
        expected: Number(SEEDS),
        attempt: |world| {
            cooled(world);
            stolen(world, Movement::Withdraw)
        },
    },
    Refusal {
        name: "to another's token account",
        expected: Number(TOKEN_OWNER),
        attempt: |world| {
            cooled(world);
            spoilt(world, Movement::Withdraw, |world, withdraw| withdraw.accounts[3].pubkey = world.owner.token)
        },
    },
    Refusal {
        name: "out of the escrows' vault",
        expected: Number(SEEDS),
        attempt: |world| {
            cooled(world);
            spoilt(world, Movement::Withdraw, |_, withdraw| withdraw.accounts[4].pubkey = address::vault(&PROGRAM_ID))
        },
    },
    Refusal {
        name: "without a signature",
        expected: Number(NOT_SIGNER),
        attempt: |world| {
            cooled(world);
            spoilt(world, Movement::Withdraw, |_, withdraw| withdraw.accounts[0].is_signer = false)
        },
    },
];

/// Of two roles of one wallet, only what cooled in the one.
#[test]
fn what_has_cooled_comes_back_and_what_is_staked_stays() {
    let mut world = World::new();
    for role in [Role::Router, Role::Verifier] {
        enrol(&mut world, role, |enrolment| enrolment.stake = 150).expect("registered");
        moved(&mut world, role, Movement::Unstake(50)).expect("cools");
    }
    world.next_epoch();
    world.next_epoch();
    moved(&mut world, Role::Router, Movement::Withdraw).expect("cooled down");
    let bonds = [Role::Router, Role::Verifier].map(|role| operator(&world, role).bond);
    assert_eq!(bonds.map(|bond| (bond.stake, bond.cooling)), [(100, 0), (100, 50)]);
    assert_eq!(world.balance(&world.provider.token), FUNDS - 300 + 50);
    assert_eq!(world.balance(&address::stake_vault(&PROGRAM_ID)), 250);
    world.assert_conserved();
}

#[test]
fn refusals() {
    check(REFUSALS);
}
