//! `update_operator`: another node, payout or list of models, and nothing else.

use crate::register_operator::{enrol, operator, signed};
use ogong_chain_interface::account::{Operator, Role};
use ogong_chain_interface::instruction::UpdateOperator;
use ogong_chain_interface::{ChainError, PROGRAM_ID};
use ogong_chain_tests::Expected::{Chain, Number};
use ogong_chain_tests::{Refusal, World, check};

/// Anchor's: the account is not the one its seeds derive.
const SEEDS: u32 = 2006;
/// Anchor's: the key did not sign.
const NOT_SIGNER: u32 = 3010;
/// Anchor's: there is no such account.
const NOT_INITIALIZED: u32 = 3012;

/// Of the ordinary provider's wallet.
pub fn update(world: &World, role: Role, models: usize) -> UpdateOperator {
    let (authority, payout) = (world.provider.address(), world.router.address());
    UpdateOperator { authority, role, node_id: [0x12; 32], payout, models: vec![[5; 32]; models] }
}

pub const REFUSALS: &[Refusal] = &[
    Refusal {
        name: "update to nine models",
        expected: Chain(ChainError::ModelsInvalid),
        attempt: |world| {
            enrol(world, Role::Provider, |_| {}).expect("registered");
            let update = update(world, Role::Provider, 9).instruction(&PROGRAM_ID);
            signed(world, update)
        },
    },
    Refusal {
        name: "a model for a router",
        expected: Chain(ChainError::ModelsInvalid),
        attempt: |world| {
            enrol(world, Role::Router, |_| {}).expect("registered");
            let update = update(world, Role::Router, 1).instruction(&PROGRAM_ID);
            signed(world, update)
        },
    },
    Refusal {
        name: "update of another's",
        expected: Number(SEEDS),
        attempt: |world| {
            enrol(world, Role::Provider, |_| {}).expect("registered");
            let mut instruction = update(world, Role::Provider, 0).instruction(&PROGRAM_ID);
            instruction.accounts[0].pubkey = world.router.address();
            world.send(instruction, &[world.router.key.insecure_clone()])
        },
    },
    Refusal {
        name: "without a signature",
        expected: Number(NOT_SIGNER),
        attempt: |world| {
            enrol(world, Role::Provider, |_| {}).expect("registered");
            let mut instruction = update(world, Role::Provider, 0).instruction(&PROGRAM_ID);
            instruction.accounts[0].is_signer = false;
            world.send(instruction, &[world.owner.key.insecure_clone()])
        },
    },
    Refusal {
        name: "not registered in that role",
        expected: Number(NOT_INITIALIZED),
        attempt: |world| {
            enrol(world, Role::Router, |_| {}).expect("registered");
            let update = update(world, Role::Provider, 0).instruction(&PROGRAM_ID);
            signed(world, update)
        },
    },
];

/// The bond and the other roles of the same wallet stay as they are.
#[test]
fn moves_node_payout_and_models_and_nothing_else() {
    let mut world = World::new();
    for role in [Role::Provider, Role::Router] {
        enrol(&mut world, role, |_| {}).expect("registered");
    }
    let before = [Role::Provider, Role::Router].map(|role| operator(&world, role));
    // as many models as there may be, then none again
    for models in [8, 0] {
        let change = update(&world, Role::Provider, models).instruction(&PROGRAM_ID);
        signed(&mut world, change).expect("updated");
        let payout = world.router.address();
        let wanted = Operator { node_id: [0x12; 32], payout, models: vec![[5; 32]; models], ..before[0].clone() };
        assert_eq!([Role::Provider, Role::Router].map(|role| operator(&world, role)), [wanted, before[1].clone()]);
        world.assert_conserved();
    }
}

#[test]
fn refusals() {
    check(REFUSALS);
}
