//! `unstake_operator`: stake begins to cool down.

use crate::register_operator::{enrol, operator};
use crate::stake_operator::{moved, spoilt, stolen, tamper_bond};
use ogong_chain_interface::ChainError;
use ogong_chain_interface::account::{Bond, BondStatus, Role};
use ogong_chain_interface::instruction::Movement;
use ogong_chain_tests::Expected::{Chain, Number};
use ogong_chain_tests::world::FUNDS;
use ogong_chain_tests::{Refusal, World, check};

/// Anchor's: the account is not the one its seeds derive.
const SEEDS: u32 = 2006;
/// Anchor's: the key did not sign.
const NOT_SIGNER: u32 = 3010;

pub const REFUSALS: &[Refusal] = &[
    Refusal {
        name: "nothing",
        expected: Chain(ChainError::AmountZero),
        attempt: |world| {
            enrol(world, Role::Provider, |_| {}).expect("registered");
            moved(world, Role::Provider, Movement::Unstake(0))
        },
    },
    Refusal {
        name: "a bond left under the minimum",
        expected: Chain(ChainError::StakeTooLow),
        attempt: |world| {
            enrol(world, Role::Verifier, |_| {}).expect("registered");
            moved(world, Role::Verifier, Movement::Unstake(1))
        },
    },
    Refusal {
        name: "unstake one atom too many",
        expected: Chain(ChainError::UnstakeOverStake),
        attempt: |world| {
            enrol(world, Role::Provider, |_| {}).expect("registered");
            moved(world, Role::Provider, Movement::Unstake(101))
        },
    },
    Refusal {
        name: "twice the same stake",
        expected: Chain(ChainError::UnstakeOverStake),
        attempt: |world| {
            enrol(world, Role::Provider, |_| {}).expect("registered");
            moved(world, Role::Provider, Movement::Unstake(100)).expect("the first");
            moved(world, Role::Provider, Movement::Unstake(100))
        },
    },
    Refusal {
        name: "what cools past 64 bits",
        expected: Chain(ChainError::AmountOverflow),
        attempt: |world| {
            // there are fewer tokens than that, so only a tampered bond comes near
            enrol(world, Role::Provider, |_| {}).expect("registered");
            tamper_bond(world, |bond| bond[9..17].fill(0xff));
            let result = moved(world, Role::Provider, Movement::Unstake(1));
            tamper_bond(world, |bond| bond[9..17].fill(0));
            result
        },
    },
    Refusal {
        name: "move another's stake",
        expected: Number(SEEDS),
        attempt: |world| {
            enrol(world, Role::Provider, |_| {}).expect("registered");
            stolen(world, Movement::Unstake(100))
        },
    },
    Refusal {
        name: "without a signature",
        expected: Number(NOT_SIGNER),
        attempt: |world| {
            enrol(world, Role::Provider, |_| {}).expect("registered");
            spoilt(world, Movement::Unstake(100), |_, unstake| unstake.accounts[0].is_signer = false)
        },
    },
];

/// A provider may keep an atom, having no minimum; one with a bond keeps the minimum or nothing. No token moves yet.
#[test]
fn cools_down_to_the_minimum_or_to_nothing() {
    for (role, amount, left, status) in [
        (Role::Provider, 149, 1, BondStatus::Active),
        (Role::Router, 50, 100, BondStatus::Active),
        (Role::Router, 150, 0, BondStatus::Leaving),
    ] {
        let mut world = World::new();
        enrol(&mut world, role, |enrolment| enrolment.stake = 150).expect("registered");
        world.next_epoch();
        moved(&mut world, role, Movement::Unstake(amount)).expect("cools");
        let wanted = Bond { status, stake: left, cooling: amount, unlock_epoch: 3 };
        assert_eq!(operator(&world, role).bond, wanted);
        assert_eq!(world.balance(&world.provider.token), FUNDS - 150);
        world.assert_conserved();
    }
}

#[test]
fn refusals() {
    check(REFUSALS);
}
