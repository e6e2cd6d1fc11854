//! `release` of a reply that a cohort served: how each shard is paid. What is decided about it is in `settle_cohort`.

use crate::release_work::enrol;
use crate::settle_cohort::{digest_of, settlement, shards};
use litesvm::types::TransactionResult;
use ogong_chain_interface::account::{EscrowStatus, Role, Shard, Work};
use ogong_chain_interface::instruction::{Release, Served};
use ogong_chain_interface::{Address, ChainError, PROGRAM_ID, address};
use ogong_chain_tests::Expected::Chain;
use ogong_chain_tests::world::FUNDS;
use ogong_chain_tests::{Deal, Refusal, World, check};

/// A cohort settled; its release with something wrong.
fn released(world: &mut World, spoil: fn(&World, &mut Release)) -> TransactionResult {
    let deal = world.open();
    world.must(settlement(world, &deal, shards(world)), &world.quorum());
    let mut release = payment(world, &deal, &shards(world));
    spoil(world, &mut release);
    world.send(release, &[world.owner.key.insecure_clone()])
}

fn payment(world: &World, deal: &Deal, shards: &[Shard]) -> Release {
    let tokens = [world.admin.token, world.router.token];
    Release { provider: Served::Cohort(shards.iter().copied().zip(tokens).collect()), ..world.payment(deal) }
}

pub const REFUSALS: &[Refusal] = &[
    Refusal {
        name: "shards in another order",
        expected: Chain(ChainError::ProviderPayeeWrong),
        attempt: |world| {
            released(world, |_, release| {
                if let Served::Cohort(shards) = &mut release.provider {
                    shards.reverse();
                }
            })
        },
    },
    Refusal {
        name: "a shard left out",
        expected: Chain(ChainError::ProviderPayeeWrong),
        attempt: |world| {
            released(world, |_, release| {
                if let Served::Cohort(shards) = &mut release.provider {
                    shards.pop();
                }
            })
        },
    },
    Refusal {
        name: "all to one provider",
        expected: Chain(ChainError::CohortWrong),
        attempt: |world| {
            released(world, |world, release| {
                release.provider = Served::Provider { token: world.provider.token, operator: None };
            })
        },
    },
    Refusal {
        name: "another reply's cohort",
        expected: Chain(ChainError::CohortWrong),
        attempt: |world| {
            let deal = world.open();
            let other = world.open_order(crate::settle::another(world));
            let mut swapped = shards(world);
            (swapped[0].amount, swapped[1].amount) = (125, 300);
            world.must(settlement(world, &deal, shards(world)), &world.quorum());
            world.must(settlement(world, &other, swapped), &world.quorum());
            let mut instruction = payment(world, &deal, &shards(world)).instruction(&PROGRAM_ID);
            instruction.accounts[12].pubkey = address::cohort(&PROGRAM_ID, &other.reply_id);
            world.send(instruction, &[world.owner.key.insecure_clone()])
        },
    },
    Refusal {
        name: "a registered shard's work left out",
        expected: Chain(ChainError::WorkMissing),
        attempt: |world| {
            enrol(world, Role::Provider, true);
            let deal = world.open();
            let mut shards = shards(world);
            shards[1].operator = world.provider.address();
            world.must(settlement(world, &deal, shards.clone()), &world.quorum());
            shards[1].operator = Address::default();
            let release = payment(world, &deal, &shards);
            world.send(release, &[world.owner.key.insecure_clone()])
        },
    },
];

#[test]
fn each_shard_is_paid_for_its_slice() {
    let mut world = World::with_stakes(&[1_000; 3]);
    let deal = world.open();
    let settle = settlement(&world, &deal, shards(&world));
    world.must(settle.clone(), &world.quorum());
    assert_eq!(world.escrow(&deal).decision.digest, digest_of(&world, &deal, &settle));
    world.must(payment(&world, &deal, &shards(&world)), &[world.owner.key.insecure_clone()]);
    assert_eq!(world.escrow(&deal).status, EscrowStatus::Settled);
    assert_eq!(world.balance(&world.admin.token), FUNDS + 300);
    assert_eq!(world.balance(&world.router.token), FUNDS + 125 + 25);
    assert_eq!(world.balance(&world.provider.token), FUNDS, "it served nothing");
}

/// A registered shard's work is its part of the fee.
#[test]
fn shards_count_as_work_by_their_amounts() {
    let mut world = World::with_stakes(&[1_000; 3]);
    enrol(&mut world, Role::Provider, true);
    let deal = world.open();
    let mut shards = shards(&world);
    shards[0].operator = world.provider.address();
    world.must(settlement(&world, &deal, shards.clone()), &world.quorum());
    world.must(payment(&world, &deal, &shards), &[world.owner.key.insecure_clone()]);
    let at = address::work(&PROGRAM_ID, 0, Role::Provider, &world.provider.address());
    let work = Work::decode(&world.data(&at)).expect("a work account");
    // 300 of 425: 352 of the fee of 500, and 52 of the 75 that others got
    assert_eq!((work.count, work.fees, work.outside_fees), (1, 352, 52));
    assert_eq!(world.epoch(0).totals.fees, 352);
}

#[test]
fn refusals() {
    check(REFUSALS);
}
