//! `open_work`: an operator's counters in the current epoch.

use crate::register_operator::{enrol, signed};
use ogong_chain_interface::account::{Role, Work};
use ogong_chain_interface::error::ACCOUNT_IN_USE;
use ogong_chain_interface::instruction::OpenWork;
use ogong_chain_interface::{PROGRAM_ID, address};
use ogong_chain_tests::Expected::Number;
use ogong_chain_tests::{Refusal, World, check};

/// Anchor's: the account is not the one its seeds derive.
const SEEDS: u32 = 2006;
/// Anchor's: the key did not sign.
const NOT_SIGNER: u32 = 3010;
/// Anchor's: there is no such account.
const NOT_INITIALIZED: u32 = 3012;

/// The ordinary provider opens its own.
fn opening(world: &World, epoch: u64) -> OpenWork {
    let (payer, operator) = (world.provider.address(), world.provider.address());
    OpenWork { payer, epoch, role: Role::Provider, operator }
}

pub const REFUSALS: &[Refusal] = &[
    Refusal {
        name: "work of nobody",
        expected: Number(NOT_INITIALIZED),
        attempt: |world| {
            let open = opening(world, 0);
            signed(world, open.instruction(&PROGRAM_ID))
        },
    },
    Refusal {
        name: "work opened twice",
        expected: Number(ACCOUNT_IN_USE),
        attempt: |world| {
            enrol(world, Role::Provider, |_| {}).expect("registered");
            let open = opening(world, 0).instruction(&PROGRAM_ID);
            signed(world, open.clone()).expect("the first");
            signed(world, open)
        },
    },
    Refusal {
        name: "work of an epoch to come",
        expected: Number(SEEDS),
        attempt: |world| {
            enrol(world, Role::Provider, |_| {}).expect("registered");
            let open = opening(world, 1);
            signed(world, open.instruction(&PROGRAM_ID))
        },
    },
    Refusal {
        name: "work of the epoch before",
        expected: Number(SEEDS),
        attempt: |world| {
            enrol(world, Role::Provider, |_| {}).expect("registered");
            world.next_epoch();
            let open = opening(world, 0);
            signed(world, open.instruction(&PROGRAM_ID))
        },
    },
    Refusal {
        name: "under another role's address",
        expected: Number(SEEDS),
        attempt: |world| {
            enrol(world, Role::Provider, |_| {}).expect("registered");
            let mut instruction = opening(world, 0).instruction(&PROGRAM_ID);
            instruction.accounts[3].pubkey = address::work(&PROGRAM_ID, 0, Role::Router, &world.provider.address());
            signed(world, instruction)
        },
    },
    Refusal {
        name: "at the cost of one that did not sign",
        expected: Number(NOT_SIGNER),
        attempt: |world| {
            enrol(world, Role::Provider, |_| {}).expect("registered");
            let mut instruction = opening(world, 0).instruction(&PROGRAM_ID);
            instruction.accounts[0].is_signer = false;
            world.send(instruction, &[world.admin.key.insecure_clone()])
        },
    },
];

#[test]
fn work_begins_empty_with_what_is_registered() {
    let mut world = World::new();
    enrol(&mut world, Role::Provider, |_| {}).expect("registered");
    world.next_epoch();
    let authority = world.provider.address();
    world.open_work(Role::Provider, authority);
    let wanted = Work {
        role: Role::Provider,
        epoch: 1,
        operator: authority,
        node_id: [0x11; 32],
        payout: authority,
        payer: world.admin.address(),
        count: 0,
        fees: 0,
        outside_fees: 0,
        liveness: 0,
        last_round: 0,
    };
    let at = address::work(&PROGRAM_ID, 1, Role::Provider, &authority);
    assert_eq!(Work::decode(&world.data(&at)), Ok(wanted));
}

#[test]
fn refusals() {
    check(REFUSALS);
}
