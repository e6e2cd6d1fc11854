//! `update_validator`.

use ogong_chain_interface::account::Validator;
use ogong_chain_interface::instruction::UpdateValidator;
use ogong_chain_interface::{ChainError, PROGRAM_ID, address};
use ogong_chain_tests::Expected::{Chain, Number};
use ogong_chain_tests::{Refusal, World, check};

/// Anchor's: the account is not the one the signer's key derives.
const SEEDS: u32 = 2006;
/// Anchor's: there is no such account.
const NOT_INITIALIZED: u32 = 3012;
/// Anchor's: the key did not sign.
const NOT_SIGNER: u32 = 3010;

fn update(world: &World, endpoint: &str) -> UpdateValidator {
    UpdateValidator { authority: world.validators[0].address(), consensus_id: [9; 32], endpoint: endpoint.into() }
}

pub const REFUSALS: &[Refusal] = &[
    Refusal {
        name: "no endpoint",
        expected: Chain(ChainError::EndpointInvalid),
        attempt: |world| world.send(update(world, ""), &world.quorum()[..1]),
    },
    Refusal {
        name: "endpoint one byte too long",
        expected: Chain(ChainError::EndpointInvalid),
        attempt: |world| world.send(update(world, &"x".repeat(65)), &world.quorum()[..1]),
    },
    Refusal {
        name: "another's registration",
        expected: Number(SEEDS),
        attempt: |world| {
            let mut instruction = update(world, "there:1").instruction(&PROGRAM_ID);
            instruction.accounts[0].pubkey = world.validators[1].address();
            world.send(instruction, &world.quorum()[1..2])
        },
    },
    Refusal {
        name: "without the validator's signature",
        expected: Number(NOT_SIGNER),
        attempt: |world| {
            let mut instruction = update(world, "there:1").instruction(&PROGRAM_ID);
            instruction.accounts[0].is_signer = false;
            world.send(instruction, &[world.owner.key.insecure_clone()])
        },
    },
    Refusal {
        name: "not registered",
        expected: Number(NOT_INITIALIZED),
        attempt: |world| {
            let update = UpdateValidator { authority: world.owner.address(), ..update(world, "there:1") };
            world.send(update, &[world.owner.key.insecure_clone()])
        },
    },
];

#[test]
fn moves_endpoint_and_certificate_and_nothing_else() {
    let mut world = World::with_stakes(&[1_000, 2_000]);
    let at = address::validator(&PROGRAM_ID, &world.validators[0].address());
    let before = Validator::decode(&world.data(&at)).expect("a validator");
    // longer, then shorter than the first
    for endpoint in ["a-longer-name.example.org:4545", "b:1"] {
        world.must(update(&world, endpoint), &world.quorum()[..1]);
        let after = Validator::decode(&world.data(&at)).expect("a validator");
        assert_eq!(after, Validator { consensus_id: [9; 32], endpoint: endpoint.into(), ..before.clone() });
    }
}

#[test]
fn refusals() {
    check(REFUSALS);
}
