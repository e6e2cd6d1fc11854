//! A transaction that succeeds for each instruction of the program, in a town where there are at least two accounts of each
//! type: what the trials, the edges and the compute units are taken from.

mod emission;
mod escrow;
mod evidence;
mod people;
mod settle;

use crate::accuse_validator;
use crate::approve_emission::approval;
use ogong_chain_interface::account::{Role, Shard};
use ogong_chain_interface::instruction::{
    Approve, FundDeposit, PlantHoneypot, Release, Served, SetModel, SettleBatch, SettleCohort,
};
use ogong_chain_interface::{Address, Instruction};
use ogong_chain_tests::trial::{Case, Scene};
use ogong_chain_tests::world::Sendable;
use ogong_chain_tests::{Deal, Known, World, everybody};
use solana_keypair::Keypair;
use std::sync::{Mutex, OnceLock};

/// Every case. `every_instruction` looks whether the IDL has an instruction that is not here.
pub const CASES: &[&[Case]] = &[people::CASES, escrow::CASES, settle::CASES, evidence::CASES, emission::CASES];

/// Stakes of the ordinary town: all three must sign.
pub const STAKES: [u64; 3] = [1_000; 3];
/// What is added to the deadlines of the town's orders: longer than any scene.
const FAR_MS: u64 = 10_000_000_000;
/// Atoms of an ordinary reply.
const FEE: u64 = 1_000_000;

/// All cases of an instruction.
pub fn of(instruction: &str) -> impl Iterator<Item = &'static Case> {
    CASES.iter().copied().flatten().filter(move |case| case.instruction == instruction)
}

/// The ordinary town, made once.
pub fn town() -> World {
    static TOWN: OnceLock<Mutex<World>> = OnceLock::new();
    let town = TOWN.get_or_init(|| Mutex::new(settled_by(&STAKES, STAKES.len())));
    town.lock().expect("a town").clone()
}

/// A town of some stakes, where the first `signing` validators are a quorum.
pub fn settled_by(stakes: &[u64], signing: usize) -> World {
    let mut world = World::with_stakes(stakes);
    world.signing = signing;
    world.launch();
    let (owner, token) = (world.owner.address(), world.owner.token);
    world.fund(&owner, &token, 1_000 * FEE * 1_000);
    catalogue(&mut world);
    let first = operators(&mut world, 201);
    let second = operators(&mut world, 203);
    let verifiers = [205, 206].map(|seed| world.known_operator(seed, Role::Verifier, 500));
    let deal = open(&mut world, 201, Some(&first), FAR_MS);
    pay(&mut world, &deal, &first);
    world.next_epoch();
    world.next_epoch();
    world.close_epoch();
    for epoch in [0, 1] {
        let approve = approval(epoch, everybody(&world));
        world.must(approve, &world.quorum());
    }
    for (role, known) in [(Role::Provider, &second[0]), (Role::Router, &second[1]), (Role::Verifier, &verifiers[0])] {
        world.open_work(role, known.wallet.address());
    }
    moneys(&mut world);
    decisions(&mut world);
    for seed in [91, 92] {
        accuse_validator::accused(&mut world, seed, 100);
    }
    world
}

fn catalogue(world: &mut World) {
    let (admin, key) = (world.admin.address(), world.admin.key.insecure_clone());
    for model_id in ["ogong/verified/town/a", "ogong/verified/town/b"] {
        let entry = SetModel { admin, model_id: model_id.into(), model_root: [1; 32], maker: admin };
        world.must(entry, &[key.insecure_clone()]);
    }
}

/// Deposits of two owners.
fn moneys(world: &mut World) {
    for owner in [world.provider.clone(), world.router.clone()] {
        let delegate = world.admin.address();
        let fund = FundDeposit { owner: owner.address(), owner_token: owner.token, delegate, amount: FEE };
        world.must(fund, &[owner.key]);
    }
}

/// Approvals, batches, cohorts, honeypots, and an escrow in each state.
fn decisions(world: &mut World) {
    let behind = everybody(world);
    let (handler, stake_epoch) = (behind.handler, behind.stake_epoch);
    for number in [1u8, 2] {
        let key = world.validators[0].key.insecure_clone();
        world.must(Approve { validator: handler, digest: [number; 32], stake_epoch }, &[key.insecure_clone()]);
        world.must(PlantHoneypot { planter: handler, commitment: [number; 32], stake_epoch }, &[key]);
        let batch = SettleBatch {
            handler,
            cosigners: behind.cosigners.clone(),
            approvals: None,
            root: [number; 32],
            count: 9,
            stake_epoch,
            expiry_ms: world.now_ms() + FAR_MS,
        };
        world.must(batch, &world.quorum());
        let deal = open(world, 210 + number, None, FAR_MS);
        let cohort = cohort(world, &deal, [Address::default(); 2]);
        world.must(cohort, &world.quorum());
    }
    open(world, 220, None, FAR_MS);
    let decided = open(world, 221, None, FAR_MS);
    world.must(world.settlement(&decided), &world.quorum());
    let refunded = open(world, 222, None, FAR_MS);
    world.must(world.rejection(&refunded), &world.quorum());
}

/// A registered provider and router, with counters in the current epoch.
fn operators(world: &mut World, seed: u8) -> [Known; 2] {
    let operators =
        [(seed, Role::Provider), (seed + 1, Role::Router)].map(|(seed, role)| world.known_operator(seed, role, 500));
    counters(world, &operators);
    operators
}

fn counters(world: &mut World, [provider, router]: &[Known; 2]) {
    world.open_work(Role::Provider, provider.wallet.address());
    world.open_work(Role::Router, router.wallet.address());
}

/// An escrow that costs what `FEE` says, of a request of its own, open for so much longer than usual.
fn open(world: &mut World, nonce: u8, operators: Option<&[Known; 2]>, longer_ms: u64) -> Deal {
    let mut order = world.order();
    (order.nonce, order.req_hash) = ([nonce; 32], [nonce; 32]);
    order.deadline_ms += longer_ms;
    let mut terms = world.terms();
    if let Some([provider, router]) = operators {
        (order.provider, order.router) = (provider.node.node_id, router.node.node_id);
        (terms.provider_payout, terms.router_payout) = (provider.wallet.address(), router.wallet.address());
        (terms.provider_operator, terms.router_operator) = (Some(terms.provider_payout), Some(terms.router_payout));
    }
    let mut opening = world.opening(&order);
    opening.terms = terms;
    let reply_id = opening.reply_id();
    world.must(opening, &[world.owner.key.insecure_clone()]);
    Deal { order, reply_id }
}

/// The release of a decided escrow of registered operators.
fn release(world: &World, deal: &Deal, [provider, router]: &[Known; 2]) -> Release {
    let (token, operator) = (provider.wallet.token, Some(provider.wallet.address()));
    Release { provider: Served::Provider { token, operator }, router_token: router.wallet.token, ..world.payment(deal) }
}

/// Settles and releases.
fn pay(world: &mut World, deal: &Deal, operators: &[Known; 2]) {
    world.must(world.settlement(deal), &world.quorum());
    world.must(release(world, deal, operators), &[world.admin.key.insecure_clone()]);
}

/// A settle whose provider's share the admin's and the provider's wallets divide, as shards of these operators.
fn cohort(world: &World, deal: &Deal, operators: [Address; 2]) -> SettleCohort {
    let [first, second] = operators;
    let shards = vec![
        Shard { operator: first, payout: world.admin.address(), amount: 300 },
        Shard { operator: second, payout: world.provider.address(), amount: 125 },
    ];
    SettleCohort { settle: world.settlement(deal), payer: world.validators[0].address(), shards }
}

/// One instruction and who signs it.
fn scene(instruction: impl Sendable, signers: impl IntoIterator<Item = Keypair>) -> Scene {
    scene_of(vec![instruction.build()], signers)
}

fn scene_of(instructions: Vec<Instruction>, signers: impl IntoIterator<Item = Keypair>) -> Scene {
    Scene { instructions, signers: signers.into_iter().collect() }
}

/// The ordinary case: nothing is free, no quorum.
const fn case(instruction: &'static str, scene: fn(&mut World) -> Scene) -> Case {
    Case { instruction, situation: "", quorum: false, free: &[], scene }
}
