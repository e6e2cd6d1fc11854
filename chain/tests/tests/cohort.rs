//! `settle_cohort`, and how its release pays each shard.

use crate::approvals::digest;
use crate::release::enrol;
use litesvm::types::TransactionResult;
use ogong_chain_interface::account::{EscrowStatus, Role, Shard, Work};
use ogong_chain_interface::instruction::{Release, Served, SettleCohort};
use ogong_chain_interface::{Address, ChainError, PROGRAM_ID, address};
use ogong_chain_tests::Expected::Chain;
use ogong_chain_tests::world::FUNDS;
use ogong_chain_tests::{Deal, Refusal, World, check};

/// The admin's and the router's wallet run the two halves of the model; the provider's share of the ordinary reply is 425.
fn shards(world: &World) -> Vec<Shard> {
    let shard = |payout, amount| Shard { operator: Address::default(), payout, amount };
    vec![shard(world.admin.address(), 300), shard(world.router.address(), 125)]
}

fn settlement(world: &World, deal: &Deal, shards: Vec<Shard>) -> SettleCohort {
    SettleCohort { settle: world.settlement(deal), payer: world.validators[0].address(), shards }
}

/// What `settle_cohort` will compute.
pub fn digest_of(world: &World, deal: &Deal, cohort: &SettleCohort) -> [u8; 32] {
    let shards = cohort.shards.iter().flat_map(|shard| [(shard.payout, shard.amount), (shard.operator, 0)]);
    let others = [
        (world.router.address(), 25),
        (world.fee_owners[0].address(), 25),
        (address::config(&PROGRAM_ID), 25),
        (world.owner.address(), 999_500),
    ];
    digest(deal, &cohort.settle.verdict, shards.chain(others).collect())
}

fn settle(world: &mut World, spoil: fn(&mut Vec<Shard>)) -> TransactionResult {
    let deal = world.open();
    let mut shards = shards(world);
    spoil(&mut shards);
    world.send(settlement(world, &deal, shards), &world.quorum())
}

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
        name: "one atom too much",
        expected: Chain(ChainError::CohortNotConserved),
        attempt: |world| settle(world, |shards| shards[0].amount += 1),
    },
    Refusal {
        name: "one atom too little",
        expected: Chain(ChainError::CohortNotConserved),
        attempt: |world| settle(world, |shards| shards[1].amount -= 1),
    },
    Refusal {
        name: "a sum that wraps to the right one",
        expected: Chain(ChainError::CohortNotConserved),
        attempt: |world| settle(world, |shards| (shards[0].amount, shards[1].amount) = (u64::MAX, 426)),
    },
    Refusal {
        name: "of one",
        expected: Chain(ChainError::CohortSizeWrong),
        attempt: |world| {
            settle(world, |shards| {
                shards.pop();
                shards[0].amount = 425;
            })
        },
    },
    Refusal {
        name: "of nine",
        expected: Chain(ChainError::CohortSizeWrong),
        attempt: |world| settle(world, |shards| *shards = vec![Shard { amount: 0, ..shards[0] }; 9]),
    },
    Refusal {
        name: "two of three signers",
        expected: Chain(ChainError::QuorumNotReached),
        attempt: |world| {
            let deal = world.open();
            let mut settle = settlement(world, &deal, shards(world));
            settle.settle.cosigners.truncate(1);
            world.send(settle, &world.quorum()[..2])
        },
    },
    Refusal {
        name: "twice",
        expected: Chain(ChainError::EscrowNotOpen),
        attempt: |world| {
            let deal = world.open();
            world.must(settlement(world, &deal, shards(world)), &world.quorum());
            world.send(settlement(world, &deal, shards(world)), &world.quorum())
        },
    },
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
