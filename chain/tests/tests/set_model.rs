//! `set_model`.

use litesvm::types::TransactionResult;
use ogong_chain_interface::account::Model;
use ogong_chain_interface::instruction::SetModel;
use ogong_chain_interface::{Address, ChainError, PROGRAM_ID, address};
use ogong_chain_tests::Expected::{Chain, Number};
use ogong_chain_tests::{Refusal, World, check};

/// Anchor's: the account is not the one the model id derives.
const SEEDS: u32 = 2006;
/// Anchor's: the key did not sign.
const NOT_SIGNER: u32 = 3010;

const ID: &str = "ogong/verified/huggingface/smollm2-135m-instruct";

fn entry(world: &World, model_id: &str) -> SetModel {
    SetModel {
        admin: world.admin.address(),
        model_id: model_id.into(),
        model_root: [4; 32],
        maker: Address::new_from_array([5; 32]),
    }
}

fn enter(world: &mut World, model_id: &str) -> TransactionResult {
    world.send(entry(world, model_id), &[world.admin.key.insecure_clone()])
}

pub const REFUSALS: &[Refusal] = &[
    Refusal {
        name: "not the admin",
        expected: Chain(ChainError::AdminWrong),
        attempt: |world| {
            let entry = SetModel { admin: world.owner.address(), ..entry(world, ID) };
            world.send(entry, &[world.owner.key.insecure_clone()])
        },
    },
    Refusal {
        name: "another model's account",
        expected: Number(SEEDS),
        attempt: |world| {
            let mut instruction = entry(world, ID).instruction(&PROGRAM_ID);
            instruction.accounts[2].pubkey = address::model(&PROGRAM_ID, "ogong/tee/a/b");
            world.send(instruction, &[world.admin.key.insecure_clone()])
        },
    },
    Refusal {
        name: "without the admin's signature",
        expected: Number(NOT_SIGNER),
        attempt: |world| {
            let mut instruction = entry(world, ID).instruction(&PROGRAM_ID);
            instruction.accounts[0].is_signer = false;
            world.send(instruction, &[world.owner.key.insecure_clone()])
        },
    },
    bad_id("no parts", |world| enter(world, "")),
    bad_id("another network", |world| enter(world, "gongo/verified/a/b")),
    bad_id("another tier", |world| enter(world, "ogong/trusted/a/b")),
    bad_id("no model", |world| enter(world, "ogong/verified/a")),
    bad_id("one part more", |world| enter(world, "ogong/verified/a/b/c")),
    bad_id("empty maker", |world| enter(world, "ogong/verified//b")),
    bad_id("empty model", |world| enter(world, "ogong/verified/a/")),
    bad_id("leading dot", |world| enter(world, "ogong/verified/a/.b")),
    bad_id("upper case", |world| enter(world, "ogong/verified/a/B")),
    bad_id("a space", |world| enter(world, "ogong/verified/a/b c")),
    bad_id("model of 65 bytes", |world| enter(world, &format!("ogong/verified/a/{}", "b".repeat(65)))),
];

const fn bad_id(name: &'static str, attempt: fn(&mut World) -> TransactionResult) -> Refusal {
    Refusal { name, expected: Chain(ChainError::ModelIdInvalid), attempt }
}

#[test]
fn enters_and_replaces() {
    let mut world = World::new();
    let longest = format!("ogong/verified/{}/{}", "m".repeat(64), "n-._".repeat(16));
    for model_id in [ID, "ogong/tee/a/b", &longest] {
        let at = address::model(&PROGRAM_ID, model_id);
        for model_root in [[4; 32], [6; 32]] {
            let entry = SetModel { model_root, ..entry(&world, model_id) };
            world.must(entry, &[world.admin.key.insecure_clone()]);
            let model = Model {
                model_root,
                maker: Address::new_from_array([5; 32]),
                royalty_bps: 0,
                model_id: model_id.into(),
            };
            assert_eq!(Model::decode(&world.data(&at)), Ok(model));
        }
        assert_eq!(world.data(&at)[..8], Model::discriminator());
    }
}

#[test]
fn refusals() {
    check(REFUSALS);
}
