//! `plant_honeypot`: validators commit to planted audits.

use ogong_chain_interface::account;
use ogong_chain_interface::error::ACCOUNT_IN_USE;
use ogong_chain_interface::instruction::PlantHoneypot;
use ogong_chain_interface::{ChainError, PROGRAM_ID, address};
use ogong_chain_tests::Expected::{Chain, Number};
use ogong_chain_tests::{Refusal, World, check};

/// Anchor's: the account is not the one the seeds derive.
const SEEDS: u32 = 2006;
/// Anchor's: the key did not sign.
const NOT_SIGNER: u32 = 3010;

const COMMITMENT: [u8; 32] = [0x33; 32];

pub const REFUSALS: &[Refusal] = &[
    Refusal {
        name: "by a stranger",
        expected: Chain(ChainError::CosignerUnregistered),
        attempt: |world| {
            let planting = PlantHoneypot { planter: world.owner.address(), ..planting(world) };
            world.send(planting, &[world.owner.key.insecure_clone()])
        },
    },
    Refusal {
        name: "twice",
        expected: Number(ACCOUNT_IN_USE),
        attempt: |world| {
            world.must(planting(world), &[world.validators[0].key.insecure_clone()]);
            world.send(planting(world), &[world.validators[0].key.insecure_clone()])
        },
    },
    Refusal {
        name: "as another commitment",
        expected: Number(SEEDS),
        attempt: |world| {
            let mut instruction = planting(world).instruction(&PROGRAM_ID);
            instruction.accounts[3].pubkey = address::honeypot(&PROGRAM_ID, &[0x34; 32]);
            world.send(instruction, &[world.validators[0].key.insecure_clone()])
        },
    },
    Refusal {
        name: "in an epoch that is over",
        expected: Number(SEEDS),
        attempt: |world| {
            world.next_epoch();
            let planting = PlantHoneypot { stake_epoch: 0, ..planting(world) };
            world.send(planting, &[world.validators[0].key.insecure_clone()])
        },
    },
    Refusal {
        name: "unsigned",
        expected: Number(NOT_SIGNER),
        attempt: |world| {
            let mut instruction = planting(world).instruction(&PROGRAM_ID);
            instruction.accounts[0].is_signer = false;
            world.send(instruction, &[world.owner.key.insecure_clone()])
        },
    },
];

fn planting(world: &World) -> PlantHoneypot {
    PlantHoneypot {
        planter: world.validators[0].address(),
        commitment: COMMITMENT,
        stake_epoch: world.config().stake_epoch,
    }
}

#[test]
fn says_who_and_when() {
    let mut world = World::with_stakes(&[1_000; 3]);
    world.must(planting(&world), &[world.validators[0].key.insecure_clone()]);
    let place = address::honeypot(&PROGRAM_ID, &COMMITMENT);
    let planted = account::Honeypot::decode(&world.data(&place)).expect("a honeypot");
    let wanted = account::Honeypot {
        commitment: COMMITMENT,
        planter: world.validators[0].address(),
        planted_ms: world.now_ms(),
    };
    assert_eq!(planted, wanted);
}

#[test]
fn refusals() {
    check(REFUSALS);
}
