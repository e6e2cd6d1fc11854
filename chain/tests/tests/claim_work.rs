//! `claim_work`: what providers, routers and verifiers earned, minted to their payout.

use crate::approve_emission::{Worked, approval, emission, worked};
use crate::curve::curve::{between, by_role};
use crate::settle::event;
use litesvm::types::TransactionResult;
use ogong_chain_interface::account::Role;
use ogong_chain_interface::event::Claimed;
use ogong_chain_interface::instruction::ClaimWork;
use ogong_chain_interface::{ChainError, Instruction, PROGRAM_ID, address};
use ogong_chain_tests::Expected::{Chain, Number};
use ogong_chain_tests::world::EPOCH_MS;
use ogong_chain_tests::{Known, Refusal, World, check, everybody};

/// Anchor's: the account is not the config's.
const HAS_ONE: u32 = 2001;
/// Anchor's: the account is not the one the seeds derive.
const SEEDS: u32 = 2006;
/// Anchor's: a token account of another mint.
const TOKEN_MINT: u32 = 2014;
/// Anchor's: there is no such account.
const NOT_INITIALIZED: u32 = 3012;

pub fn claim(world: &World, epoch: u64, role: Role, earner: &Known) -> ClaimWork {
    ClaimWork { epoch, role, authority: earner.wallet.address(), payer: world.admin.address(), to: earner.wallet.token }
}

/// An approved epoch with work.
fn earned(world: &mut World, fee: u64) -> Worked {
    let worked = worked(world, fee);
    world.must(approval(worked.epoch, everybody(world)), &world.quorum());
    worked
}

fn spoilt(world: &mut World, spoil: impl FnOnce(&mut World, &Worked, &mut Instruction)) -> TransactionResult {
    let worked = earned(world, 1_000_000);
    let mut instruction = claim(world, worked.epoch, Role::Provider, &worked.provider).instruction(&PROGRAM_ID);
    spoil(world, &worked, &mut instruction);
    world.send(instruction, &[world.owner.key.insecure_clone()])
}

pub const REFUSALS: &[Refusal] = &[
    Refusal {
        name: "to somebody else",
        expected: Chain(ChainError::ClaimPayeeWrong),
        attempt: |world| spoilt(world, |world, _, instruction| instruction.accounts[7].pubkey = world.owner.token),
    },
    Refusal {
        name: "more than was approved",
        expected: Chain(ChainError::EmissionExceeded),
        attempt: |world| {
            spoilt(world, |world, worked, _| {
                // as if all had been minted already: behind 8 + 1 + 1 + 8 + 40 bytes stands how much
                let emission = address::emission(&PROGRAM_ID, worked.epoch);
                world.tamper(&emission, |data| data[58..66].copy_from_slice(&5_000_000u64.to_le_bytes()));
            })
        },
    },
    Refusal {
        name: "more than the curve has released",
        expected: Chain(ChainError::EmissionExceeded),
        attempt: |world| spoilt(world, |world, _, _| emitted_before(world, 4_000_000_000_000_000_000)),
    },
    Refusal {
        name: "past 64 bits",
        expected: Chain(ChainError::EmissionExceeded),
        attempt: |world| spoilt(world, |world, _, _| emitted_before(world, u64::MAX)),
    },
    Refusal {
        name: "past the cap",
        expected: Chain(ChainError::CapExceeded),
        attempt: |world| {
            let worked = earned(world, 1_000_000);
            let (mint, claim) = (world.mint, claim(world, worked.epoch, Role::Provider, &worked.provider));
            let before = world.minted();
            world.tamper(&mint, |data| data[36..44].copy_from_slice(&5_000_000_000_000_000_000u64.to_le_bytes()));
            let result = world.send(claim, &[world.owner.key.insecure_clone()]);
            world.tamper(&mint, |data| data[36..44].copy_from_slice(&before.to_le_bytes()));
            result
        },
    },
    Refusal {
        name: "twice",
        expected: Number(NOT_INITIALIZED),
        attempt: |world| {
            let worked = earned(world, 1_000_000);
            let claim = claim(world, worked.epoch, Role::Provider, &worked.provider);
            world.must(claim.clone(), &[world.owner.key.insecure_clone()]);
            world.send(claim, &[world.owner.key.insecure_clone()])
        },
    },
    Refusal {
        name: "before the approval",
        expected: Number(NOT_INITIALIZED),
        attempt: |world| {
            let worked = worked(world, 1_000_000);
            let claim = claim(world, worked.epoch, Role::Provider, &worked.provider);
            world.send(claim, &[world.owner.key.insecure_clone()])
        },
    },
    Refusal {
        name: "from another epoch's emission",
        expected: Number(SEEDS),
        attempt: |world| {
            world.launch();
            world.next_epoch();
            world.close_epoch();
            world.must(approval(0, everybody(world)), &world.quorum());
            let provider = world.known_operator(101, Role::Provider, 0);
            world.open_work(Role::Provider, provider.wallet.address());
            let mut instruction = claim(world, 1, Role::Provider, &provider).instruction(&PROGRAM_ID);
            instruction.accounts[3].pubkey = address::emission(&PROGRAM_ID, 0);
            world.send(instruction, &[world.owner.key.insecure_clone()])
        },
    },
    Refusal {
        name: "another mint",
        expected: Number(HAS_ONE),
        attempt: |world| {
            spoilt(world, |world, _, instruction| {
                let other = world.provider.address();
                let mint = world.svm.get_account(&world.mint).expect("the mint");
                world.svm.set_account(other, mint).expect("a copy of the mint");
                instruction.accounts[2].pubkey = other;
            })
        },
    },
    Refusal {
        name: "another supply account",
        expected: Number(SEEDS),
        attempt: |world| {
            spoilt(world, |world, _, instruction| {
                let other = world.provider.address();
                let supply = world.svm.get_account(&address::supply(&PROGRAM_ID)).expect("the supply");
                world.svm.set_account(other, supply).expect("a copy of the supply");
                instruction.accounts[1].pubkey = other;
            })
        },
    },
    Refusal {
        name: "rent to somebody else",
        expected: Number(HAS_ONE),
        attempt: |world| spoilt(world, |world, _, instruction| instruction.accounts[6].pubkey = world.owner.address()),
    },
    Refusal {
        name: "into a token account of another mint",
        expected: Number(TOKEN_MINT),
        attempt: |world| {
            let worked = earned(world, 1_000_000);
            let token = worked.provider.wallet.token;
            world.tamper(&token, |data| data[0] ^= 1);
            let claim = claim(world, worked.epoch, Role::Provider, &worked.provider);
            let result = world.send(claim, &[world.owner.key.insecure_clone()]);
            world.tamper(&token, |data| data[0] ^= 1);
            result
        },
    },
];

/// As if so much had been emitted before: behind 8 + 1 + 1 + 8 + 8 bytes.
fn emitted_before(world: &mut World, atoms: u64) {
    world.tamper(&address::supply(&PROGRAM_ID), |data| data[26..34].copy_from_slice(&atoms.to_le_bytes()));
}

/// With small fees a provider is minted its part of what its trades cost it, 59 of 84 parts of 15% of the fee; the other parts
/// are the routers', validators' and verifiers'.
#[test]
fn a_provider_earns_no_more_than_left_its_purses() {
    let mut world = World::with_stakes(&[1_000; 3]);
    let worked = earned(&mut world, 1_000_000);
    let before = world.balance(&worked.provider.wallet.token);
    let meta = world.must(claim(&world, 0, Role::Provider, &worked.provider), &[world.owner.key.insecure_clone()]);
    assert_eq!(world.balance(&worked.provider.wallet.token) - before, 105_357);
    let wanted = Claimed { epoch: 0, role: 1, earner: worked.provider.wallet.address(), amount: 105_357 };
    assert_eq!(Claimed::decode(&event(&meta.logs)), Ok(wanted));
    assert_eq!(world.supply().emitted, 105_357);
    assert_eq!(emission(&world, 0).minted, 105_357);
    let work = address::work(&PROGRAM_ID, 0, Role::Provider, &worked.provider.wallet.address());
    assert!(world.svm.get_account(&work).is_none_or(|account| account.data.is_empty()), "the counters are closed");
}

/// With large fees the curve is the bound.
#[test]
fn the_curve_bounds_large_fees() {
    let mut world = World::with_stakes(&[1_000; 3]);
    let worked = earned(&mut world, 4_000_000_000_000_000);
    let [providers, routers, ..] = by_role(between(0, EPOCH_MS / 1_000), 0);
    for (role, earner, amount) in
        [(Role::Provider, &worked.provider, providers), (Role::Router, &worked.router, routers)]
    {
        let before = world.balance(&earner.wallet.token);
        world.must(claim(&world, 0, role, earner), &[world.owner.key.insecure_clone()]);
        assert_eq!(world.balance(&earner.wallet.token) - before, amount, "{role:?}");
    }
    assert_eq!(world.supply().emitted, providers + routers);
}

/// Whoever orders from itself through its own router pays validator and reserve, and is minted less than that.
#[test]
fn washing_trades_mints_no_more_than_it_costs() {
    let mut world = World::with_stakes(&[1_000; 3]);
    world.launch();
    let fee = 1_000_000;
    let provider = world.known_operator(101, Role::Provider, 0);
    world.open_work(Role::Provider, provider.wallet.address());
    // the router is a wallet of the provider's own
    let mut order = world.order();
    order.provider = provider.node.node_id;
    order.price_prompt = fee * 10;
    order.max_fee = fee;
    let mut opening = world.opening(&order);
    opening.terms.provider_payout = provider.wallet.address();
    opening.terms.provider_operator = Some(provider.wallet.address());
    opening.terms.router_payout = provider.wallet.address();
    let deal = ogong_chain_tests::Deal { reply_id: opening.reply_id(), order };
    world.must(opening, &[world.owner.key.insecure_clone()]);
    world.must(world.settlement(&deal), &world.quorum());
    let mut release = world.payment(&deal);
    release.provider = ogong_chain_interface::instruction::Served::Provider {
        token: provider.wallet.token,
        operator: Some(provider.wallet.address()),
    };
    release.router_token = provider.wallet.token;
    world.must(release, &world.quorum()[..1]);
    let got_back = world.balance(&provider.wallet.token);
    assert_eq!(got_back, 900_000, "85% as provider, 5% as router");
    world.next_epoch();
    world.close_epoch();
    world.must(approval(0, everybody(&world)), &world.quorum());
    world.must(claim(&world, 0, Role::Provider, &provider), &[world.owner.key.insecure_clone()]);
    assert_eq!(world.balance(&provider.wallet.token), 970_238, "less than it paid");
}

#[test]
fn refusals() {
    check(REFUSALS);
}
