//! Beginnings, registrations, stake, epochs.

use super::{case, scene};
use crate::register_bls_key;
use ogong_chain_interface::account::Role;
use ogong_chain_interface::instruction::*;
use ogong_chain_interface::{EMISSION_CAP_BPS_DEFAULT, PROGRAM_ID, address};
use ogong_chain_tests::trial::Free::{Again, AnyToken, Anyone};
use ogong_chain_tests::trial::{Case, Scene};
use ogong_chain_tests::{Known, World};

pub const CASES: &[Case] = &[
    Case { free: &[Anyone("admin")], ..case("initialize", initialize) },
    Case {
        free: &[AnyToken("team_token"), AnyToken("foundation_token"), AnyToken("liquidity_token")],
        ..case("allocate_launch", allocate_launch)
    },
    Case { situation: "new", free: &[Again], ..case("set_model", |world| set_model(world, "ogong/tee/new/one")) },
    Case {
        situation: "changed",
        free: &[Again],
        ..case("set_model", |world| set_model(world, "ogong/verified/town/a"))
    },
    Case { free: &[Anyone("payer")], ..case("advance_epoch", advance_epoch) },
    case("register_validator", register_validator),
    Case { free: &[Again], ..case("update_validator", update_validator) },
    Case { free: &[Again], ..case("register_bls_key", register_bls_key) },
    Case { free: &[Again], ..case("stake_validator", |world| validator(world, Movement::Stake(50))) },
    Case { free: &[Again], ..case("unstake_validator", |world| validator(world, Movement::Unstake(50))) },
    case("withdraw_validator", withdraw_validator),
    case("register_operator", register_operator),
    Case { free: &[Again], ..case("update_operator", update_operator) },
    Case { free: &[Again], ..case("stake_operator", |world| operator(world, Movement::Stake(50))) },
    Case { free: &[Again], ..case("unstake_operator", |world| operator(world, Movement::Unstake(50))) },
    case("withdraw_operator", withdraw_operator),
    Case { free: &[Anyone("payer")], ..case("open_work", open_work) },
];

fn initialize(world: &mut World) -> Scene {
    *world = World::bare();
    scene(world.initialize(), [world.admin.key.insecure_clone()])
}

fn allocate_launch(world: &mut World) -> Scene {
    *world = World::with_stakes(&super::STAKES);
    let [team_token, foundation_token, liquidity_token] = [0, 1, 2].map(|_| world.wallet(0).token);
    let emission_cap_bps = EMISSION_CAP_BPS_DEFAULT;
    let admin = world.admin.address();
    let launch = AllocateLaunch { admin, team_token, foundation_token, liquidity_token, emission_cap_bps };
    scene(launch, [world.admin.key.insecure_clone()])
}

fn set_model(world: &mut World, model_id: &str) -> Scene {
    let maker = world.router.address();
    let entry = SetModel { admin: world.admin.address(), model_id: model_id.into(), model_root: [9; 32], maker };
    scene(entry, [world.admin.key.insecure_clone()])
}

fn advance_epoch(world: &mut World) -> Scene {
    let over_ms = world.config().epoch_started_ms + world.config().epoch_length_ms;
    world.set_time(i64::try_from(over_ms / 1_000).expect("a time"));
    let advance = AdvanceEpoch { payer: world.router.address(), epoch: world.config().stake_epoch };
    scene(advance, [world.router.key.insecure_clone()])
}

fn register_validator(world: &mut World) -> Scene {
    let (authority, fee_owner) = (world.wallet(5_000), world.wallet(0));
    scene(world.registration(&authority, &fee_owner, 500), [authority.key])
}

fn update_validator(world: &mut World) -> Scene {
    let authority = world.validators[1].address();
    let update = UpdateValidator { authority, consensus_id: [7; 32], endpoint: "b:2".into() };
    scene(update, [world.validators[1].key.insecure_clone()])
}

fn register_bls_key(world: &mut World) -> Scene {
    let registration =
        register_bls_key::registration(&ogong_chain_tests::world::NETWORK, world.validators[1].address(), 77);
    scene(registration, [world.validators[1].key.insecure_clone()])
}

/// Moves the stake of a validator that signs no quorum.
fn validator(world: &mut World, movement: Movement) -> Scene {
    let Known { wallet, .. } = world.known_validator(111, 1_000);
    world.fund(&wallet.address(), &wallet.token, 10_000);
    let (authority, authority_token) = (wallet.address(), wallet.token);
    let epoch = world.config().stake_epoch;
    scene(MoveValidatorStake { authority, authority_token, epoch, movement }, [wallet.key])
}

fn withdraw_validator(world: &mut World) -> Scene {
    let Scene { instructions, signers } = validator(world, Movement::Unstake(200));
    world.must_raw(&instructions, &signers);
    world.next_epoch();
    world.next_epoch();
    let (authority, authority_token) = (instructions[0].accounts[0].pubkey, instructions[0].accounts[5].pubkey);
    let epoch = world.config().stake_epoch;
    scene(MoveValidatorStake { authority, authority_token, epoch, movement: Movement::Withdraw }, signers)
}

fn register_operator(world: &mut World) -> Scene {
    let wallet = world.wallet(5_000);
    let register = RegisterOperator {
        authority: wallet.address(),
        stake_source: wallet.token,
        role: Role::Router,
        node_id: [8; 32],
        payout: world.owner.address(),
        stake: 500,
        models: Vec::new(),
    };
    scene(register, [wallet.key])
}

fn update_operator(world: &mut World) -> Scene {
    let Known { wallet, .. } = world.known_operator(112, Role::Provider, 0);
    let (authority, payout) = (wallet.address(), world.owner.address());
    let role = Role::Provider;
    let update = UpdateOperator { authority, role, node_id: [8; 32], payout, models: vec![[5; 32]; 8] };
    scene(update, [wallet.key])
}

fn operator(world: &mut World, movement: Movement) -> Scene {
    let Known { wallet, .. } = world.known_operator(112, Role::Router, 1_000);
    world.fund(&wallet.address(), &wallet.token, 10_000);
    let (authority, authority_token) = (wallet.address(), wallet.token);
    scene(MoveOperatorStake { authority, authority_token, role: Role::Router, movement }, [wallet.key])
}

fn withdraw_operator(world: &mut World) -> Scene {
    let Scene { instructions, signers } = operator(world, Movement::Unstake(200));
    world.must_raw(&instructions, &signers);
    world.next_epoch();
    world.next_epoch();
    let (authority, authority_token) = (instructions[0].accounts[0].pubkey, instructions[0].accounts[3].pubkey);
    let role = Role::Router;
    assert_eq!(instructions[0].accounts[2].pubkey, address::operator(&PROGRAM_ID, role, &authority));
    scene(MoveOperatorStake { authority, authority_token, role, movement: Movement::Withdraw }, signers)
}

fn open_work(world: &mut World) -> Scene {
    let known = world.known_operator(112, Role::Verifier, 500);
    let (payer, epoch) = (world.router.address(), world.config().stake_epoch);
    let open = OpenWork { payer, epoch, role: Role::Verifier, operator: known.wallet.address() };
    scene(open, [world.router.key.insecure_clone()])
}
