//! What each instruction costs, with the validator set full, which is when reading it costs most. The ceilings leave about half
//! again as much room as the last known figures.

use crate::settle::another;
use ogong_chain_interface::VALIDATORS_MAX;
use ogong_chain_interface::account::Role;
use ogong_chain_interface::instruction::{
    FundDeposit, MoveOperatorStake, MoveValidatorStake, Movement, OpenEscrowFromDeposit, SetModel, UpdateOperator,
    UpdateValidator, WithdrawDeposit,
};
use ogong_chain_tests::World;
use ogong_chain_tests::world::START_S;

/// Instruction, ceiling, last known figure.
const CEILINGS: &[(&str, u64, u64)] = &[
    ("Initialize", 98_000, 65_084),
    ("AdvanceEpoch", 83_000, 54_959),
    ("RegisterValidator", 56_000, 36_944),
    ("UpdateValidator", 8_000, 4_740),
    ("StakeValidator", 45_000, 29_591),
    ("UnstakeValidator", 43_000, 28_011),
    ("RegisterOperator", 27_000, 17_634),
    ("UpdateOperator", 8_000, 4_675),
    ("StakeOperator", 24_000, 15_376),
    ("OpenWork", 30_000, 19_870),
    ("SetModel", 19_000, 12_412),
    ("FundDeposit", 36_000, 23_841),
    ("WithdrawDeposit", 24_000, 15_785),
    ("OpenEscrow", 42_000, 27_501),
    ("OpenEscrowFromDeposit", 47_000, 30_850),
    ("Settle", 29_000, 19_075),
    ("Release", 59_000, 39_200),
    ("RefundReject", 38_000, 25_197),
    ("RefundExpired", 28_000, 18_357),
];

#[test]
fn compute_units_stay_under_their_ceilings() {
    let mut stakes = [100; VALIDATORS_MAX];
    stakes[..5].fill(1_000_000);
    let mut world = World::with_stakes(&stakes);
    roles(&mut world);
    deals(&mut world);
    let mut over = Vec::new();
    for (name, ceiling, last) in CEILINGS {
        let used = world.compute[*name];
        println!("{name}: {used} compute units of {ceiling}, {last} before");
        if used > *ceiling {
            over.push((name, used));
        }
    }
    assert!(over.is_empty(), "over the ceiling: {over:?}");
}

fn roles(world: &mut World) {
    let admin = world.admin.key.insecure_clone();
    let maker = world.admin.address();
    let entry = SetModel { admin: maker, model_id: "ogong/verified/a/b".into(), model_root: [1; 32], maker };
    world.must(entry, &[admin]);
    let first = world.quorum().remove(0);
    let (authority, authority_token) = (world.validators[0].address(), world.validators[0].token);
    let update = UpdateValidator { authority, consensus_id: [1; 32], endpoint: "a:1".into() };
    world.must(update, &[first.insecure_clone()]);
    for movement in [Movement::Stake(5), Movement::Unstake(5)] {
        let moved = MoveValidatorStake { authority, authority_token, epoch: 0, movement };
        world.must(moved, &[first.insecure_clone()]);
    }
    crate::release::enrol(world, Role::Provider, true);
    crate::release::enrol(world, Role::Router, true);
    let (authority, authority_token) = (world.provider.address(), world.provider.token);
    let (key, node_id) = (world.provider.key.insecure_clone(), world.order().provider);
    let role = Role::Provider;
    let update = UpdateOperator { authority, role, node_id, payout: authority, models: vec![[5; 32]; 8] };
    world.must(update, &[key.insecure_clone()]);
    world.must(MoveOperatorStake { authority, authority_token, role, movement: Movement::Stake(5) }, &[key]);
}

fn deals(world: &mut World) {
    let deal = crate::release::registered_deal(world);
    let mut settle = world.settlement(&deal);
    settle.cosigners.truncate(4);
    world.must(settle, &world.quorum()[..5]);
    world.pay(&deal);
    let deal = world.open_order(another(world));
    let mut reject = world.rejection(&deal);
    reject.cosigners.truncate(4);
    world.must(reject, &world.quorum()[..5]);
    let (owner, owner_token, delegate) = (world.owner.address(), world.owner.token, world.router.address());
    let key = world.owner.key.insecure_clone();
    world.must(FundDeposit { owner, owner_token, delegate, amount: 1_500_000 }, &[key.insecure_clone()]);
    let mut order = world.order();
    order.nonce = [0x9a; 32];
    let opening = OpenEscrowFromDeposit { delegate, owner, order: order.bytes(), terms: world.terms() };
    world.must(opening, &[world.router.key.insecure_clone()]);
    world.must(WithdrawDeposit { owner, owner_token, delegate, amount: 5 }, &[key]);
    let mut order = world.order();
    order.nonce = [0x9b; 32];
    let deal = world.open_order(order);
    world.set_time(START_S + 901);
    world.must(world.expiry(&deal), &[world.router.key.insecure_clone()]);
    world.set_time(START_S);
    world.next_epoch();
}
