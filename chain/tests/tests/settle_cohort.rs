//! `settle_cohort`: the shards of a reply, and what each is paid. How is in `release_cohort`.

use crate::approvals::digest;
use litesvm::types::TransactionResult;
use ogong_chain_interface::account::{Cohort, EscrowStatus, Shard};
use ogong_chain_interface::event::Settled;
use ogong_chain_interface::instruction::{Settle, SettleCohort, Verdict};
use ogong_chain_interface::{Address, ChainError, Instruction, PROGRAM_ID, address};
use ogong_chain_tests::Expected::{Chain, Number};
use ogong_chain_tests::world::FUNDS;
use ogong_chain_tests::{Behind, Deal, Gated, Refusal, World, check, quorum};

/// Anchor's: the account is not the one its seeds derive.
const SEEDS: u32 = 2006;
/// Anchor's: the key did not sign.
const NOT_SIGNER: u32 = 3010;

/// The admin's and the router's wallet run the two halves of the model; the provider's share of the ordinary reply is 425.
pub fn shards(world: &World) -> Vec<Shard> {
    let shard = |payout, amount| Shard { operator: Address::default(), payout, amount };
    vec![shard(world.admin.address(), 300), shard(world.router.address(), 125)]
}

pub fn settlement(world: &World, deal: &Deal, shards: Vec<Shard>) -> SettleCohort {
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

/// A cohort's settle that only its quorum is missing of.
struct Ready {
    deal: Deal,
    cohort: SettleCohort,
}

impl Ready {
    fn behind(&self, behind: Behind) -> SettleCohort {
        let Behind { handler, cosigners, approvals, stake_epoch } = behind;
        let verdict = Verdict { stake_epoch, ..self.cohort.settle.verdict.clone() };
        let settle = Settle { handler, cosigners, approvals, verdict, ..self.cohort.settle.clone() };
        SettleCohort { settle, ..self.cohort.clone() }
    }
}

impl Gated for Ready {
    fn prepare(world: &mut World) -> Self {
        world.next_epoch();
        world.next_epoch();
        let deal = world.open();
        let cohort = settlement(world, &deal, shards(world));
        Self { deal, cohort }
    }

    fn instructions(&self, behind: Behind) -> Vec<Instruction> {
        vec![self.behind(behind).instruction(&PROGRAM_ID)]
    }

    fn digest(&self, world: &World, stake_epoch: u64) -> [u8; 32] {
        digest_of(world, &self.deal, &self.behind(Behind { stake_epoch, ..quorum::everybody(world) }))
    }
}

pub const QUORUM_REFUSALS: &[Refusal] = &quorum::refusals::<Ready>();

/// The ordinary cohort's, signed by all, with something wrong in its verdict.
fn judged(world: &mut World, spoil: fn(&mut Verdict)) -> TransactionResult {
    let deal = world.open();
    let mut settle = settlement(world, &deal, shards(world));
    spoil(&mut settle.settle.verdict);
    world.send(settle, &world.quorum())
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
        name: "after a settle for one provider",
        expected: Chain(ChainError::EscrowNotOpen),
        attempt: |world| {
            let deal = world.open();
            world.must(world.settlement(&deal), &world.quorum());
            world.send(settlement(world, &deal, shards(world)), &world.quorum())
        },
    },
    Refusal {
        name: "a reject",
        expected: Chain(ChainError::OutcomeNotPayable),
        attempt: |world| judged(world, |verdict| verdict.outcome = 3),
    },
    Refusal {
        name: "a record of another request",
        expected: Chain(ChainError::RequestHashWrong),
        attempt: |world| judged(world, |verdict| verdict.req_hash[31] ^= 1),
    },
    Refusal {
        name: "expiry a millisecond after the deadline",
        expected: Chain(ChainError::ExpiryAfterDeadline),
        attempt: |world| judged(world, |verdict| verdict.expiry_ms += 1),
    },
    Refusal {
        name: "one more token counted than billed",
        expected: Chain(ChainError::CountedOverBilled),
        attempt: |world| judged(world, |verdict| verdict.n_counted = 51),
    },
    Refusal {
        name: "under another reply's address",
        expected: Number(SEEDS),
        attempt: |world| {
            let deal = world.open();
            let mut instruction = settlement(world, &deal, shards(world)).instruction(&PROGRAM_ID);
            instruction.accounts[7].pubkey = address::cohort(&PROGRAM_ID, &[1; 32]);
            world.send(instruction, &world.quorum())
        },
    },
    Refusal {
        name: "at the cost of one that did not sign",
        expected: Number(NOT_SIGNER),
        attempt: |world| {
            let deal = world.open();
            let payer = world.router.address();
            let settle = SettleCohort { payer, ..settlement(world, &deal, shards(world)) };
            let mut instruction = settle.instruction(&PROGRAM_ID);
            instruction.accounts[6].is_signer = false;
            world.send(instruction, &world.quorum())
        },
    },
];

/// Nothing moves yet: the shards stand in an account of their own, and the digest names each.
#[test]
fn the_shards_are_written_down_and_agreed_to() {
    let mut world = World::with_stakes(&[1_000; 3]);
    let deal = world.open();
    // a third one, for nothing
    let mut shards = shards(&world);
    shards.push(Shard { operator: Address::default(), payout: world.provider.address(), amount: 0 });
    let settle = settlement(&world, &deal, shards.clone());
    let meta = world.must(settle.clone(), &world.quorum());
    let cohort = Cohort::decode(&world.data(&address::cohort(&PROGRAM_ID, &deal.reply_id)));
    assert_eq!(cohort, Ok(Cohort { reply_id: deal.reply_id, shards }));
    let escrow = world.escrow(&deal);
    assert_eq!((escrow.status, escrow.fee, escrow.decision.cohort), (EscrowStatus::Decided, 500, true));
    let announced = Settled::decode(&crate::settle::event(&meta.logs)).expect("the event");
    assert_eq!(announced.digest, digest_of(&world, &deal, &settle));
    assert_eq!((announced.reply_id, announced.amounts), (deal.reply_id, [425, 25, 25, 25, 999_500]));
    assert_eq!(world.epoch(0).audits, [1; 3]);
    assert_eq!(world.balance(&world.owner.token), FUNDS - 1_000_000);
}

#[test]
fn refusals() {
    check(REFUSALS);
}

#[test]
fn quorum_refusals() {
    check(QUORUM_REFUSALS);
}
