//! `settle_batch`, `settle_batched`, `close_batch`, and what a reply costs in a batch.

use crate::approvals::{approve, settle_digest};
use litesvm::types::TransactionResult;
use ogong_chain_interface::account::{Batch, EscrowStatus};
use ogong_chain_interface::error::ACCOUNT_IN_USE;
use ogong_chain_interface::instruction::{CloseBatch, SettleBatch, SettleBatched};
use ogong_chain_interface::{ChainError, PROGRAM_ID, address, event, merkle};
use ogong_chain_tests::Expected::{Chain, Number};
use ogong_chain_tests::world::{FUNDS, NETWORK, START_S};
use ogong_chain_tests::{Deal, Refusal, World, check};

/// Anchor's: the account is not the one its seeds derive.
const SEEDS: u32 = 2006;
/// Anchor's: the payer is not the one noted.
const HAS_ONE: u32 = 2001;
/// Lamports that a signature costs.
const SIGNATURE_LAMPORTS: u64 = 5_000;

/// Open escrows and the tree over what is decided about them.
struct Group {
    deals: Vec<Deal>,
    leaves: Vec<[u8; 32]>,
}

impl Group {
    fn open(world: &mut World, count: u16) -> Self {
        let mut group = Self { deals: Vec::new(), leaves: Vec::new() };
        for number in 0..count {
            let mut order = world.order();
            order.nonce[..2].copy_from_slice(&number.to_le_bytes());
            let opening = world.opening(&order);
            let deal = Deal { reply_id: opening.reply_id(), order };
            world.send(opening, &[world.owner.key.insecure_clone()]).expect("opened");
            let settle = world.settlement(&deal);
            group.leaves.push(settle_digest(world, &deal, &settle));
            group.deals.push(deal);
        }
        group
    }

    fn root(&self) -> [u8; 32] {
        merkle::root(&self.leaves)
    }

    /// The batch, signed by all validators.
    fn batch(&self, world: &World) -> SettleBatch {
        SettleBatch {
            handler: world.validators[0].address(),
            cosigners: world.validators[1..].iter().map(|validator| validator.address()).collect(),
            approvals: None,
            root: self.root(),
            count: u32::try_from(self.leaves.len()).expect("a count"),
            stake_epoch: 0,
            expiry_ms: self.deals[0].order.deadline_ms,
        }
    }

    fn settlement(&self, world: &World, index: usize) -> SettleBatched {
        SettleBatched {
            root: self.root(),
            reply_id: self.deals[index].reply_id,
            verdict: world.verdict(&self.deals[index]),
            index: u32::try_from(index).expect("an index"),
            proof: merkle::proof(&self.leaves, index).expect("a leaf"),
        }
    }
}

fn by_anyone(world: &mut World, settle: SettleBatched) -> TransactionResult {
    world.send(settle, &[world.admin.key.insecure_clone()])
}

/// The first of three batched replies settled with something wrong.
fn batched(world: &mut World, spoil: fn(&mut SettleBatched)) -> TransactionResult {
    let group = Group::open(world, 3);
    world.must(group.batch(world), &world.quorum());
    let mut settle = group.settlement(world, 0);
    spoil(&mut settle);
    by_anyone(world, settle)
}

fn signed(world: &mut World, spoil: fn(&mut SettleBatch), signers: usize) -> TransactionResult {
    let group = Group::open(world, 3);
    let mut batch = group.batch(world);
    spoil(&mut batch);
    world.send(batch, &world.quorum()[..signers])
}

fn close(world: &mut World, group: &Group, payer: usize) -> TransactionResult {
    let close = CloseBatch { root: group.root(), payer: world.validators[payer].address() };
    world.send(close, &[world.admin.key.insecure_clone()])
}

pub const REFUSALS: &[Refusal] = &[
    Refusal {
        name: "of nothing",
        expected: Chain(ChainError::BatchEmpty),
        attempt: |world| signed(world, |batch| batch.count = 0, 3),
    },
    Refusal {
        name: "expired",
        expected: Chain(ChainError::SettleExpired),
        attempt: |world| signed(world, |batch| batch.expiry_ms = 1, 3),
    },
    Refusal {
        name: "two of three",
        expected: Chain(ChainError::QuorumNotReached),
        attempt: |world| signed(world, |batch| batch.cosigners.truncate(1), 2),
    },
    Refusal {
        name: "a co-signer twice",
        expected: Chain(ChainError::CosignerRepeated),
        attempt: |world| signed(world, |batch| batch.cosigners[1] = batch.cosigners[0], 2),
    },
    Refusal {
        name: "the same root again",
        expected: Number(ACCOUNT_IN_USE),
        attempt: |world| {
            let group = Group::open(world, 2);
            world.must(group.batch(world), &world.quorum());
            world.send(group.batch(world), &world.quorum())
        },
    },
    Refusal {
        name: "another amount than the leaf's",
        expected: Chain(ChainError::BatchProofWrong),
        attempt: |world| batched(world, |settle| settle.verdict.n_prompt = 99),
    },
    Refusal {
        name: "another place",
        expected: Chain(ChainError::BatchProofWrong),
        attempt: |world| batched(world, |settle| settle.index = 1),
    },
    Refusal {
        name: "a place outside the tree",
        expected: Chain(ChainError::BatchProofWrong),
        attempt: |world| batched(world, |settle| settle.index = 3),
    },
    Refusal {
        name: "one flipped bit in the proof",
        expected: Chain(ChainError::BatchProofWrong),
        attempt: |world| batched(world, |settle| settle.proof[1][31] ^= 1),
    },
    Refusal {
        name: "a proof too short",
        expected: Chain(ChainError::BatchProofWrong),
        attempt: |world| batched(world, |settle| settle.proof.truncate(1)),
    },
    Refusal {
        name: "a proof too long",
        expected: Chain(ChainError::BatchProofWrong),
        attempt: |world| batched(world, |settle| settle.proof.push([0; 32])),
    },
    Refusal {
        name: "an inner node as a leaf",
        expected: Chain(ChainError::BatchProofWrong),
        attempt: |world| {
            batched(world, |settle| {
                settle.proof.remove(0);
            })
        },
    },
    Refusal {
        name: "a reject in it",
        expected: Chain(ChainError::OutcomeNotPayable),
        attempt: |world| batched(world, |settle| settle.verdict.outcome = 3),
    },
    Refusal {
        name: "of another request",
        expected: Chain(ChainError::RequestHashWrong),
        attempt: |world| batched(world, |settle| settle.verdict.req_hash[0] ^= 1),
    },
    Refusal {
        name: "another epoch than the batch's",
        expected: Chain(ChainError::StakeEpochWrong),
        attempt: |world| {
            let group = Group::open(world, 2);
            world.must(group.batch(world), &world.quorum());
            let mut settle = group.settlement(world, 0);
            settle.verdict.stake_epoch = 1;
            let mut instruction = settle.instruction(&PROGRAM_ID);
            instruction.accounts[1].pubkey = address::epoch(&PROGRAM_ID, 0);
            world.send(instruction, &[world.admin.key.insecure_clone()])
        },
    },
    Refusal {
        name: "twice",
        expected: Chain(ChainError::EscrowNotOpen),
        attempt: |world| {
            let group = Group::open(world, 2);
            world.must(group.batch(world), &world.quorum());
            let settle = group.settlement(world, 0);
            by_anyone(world, settle.clone()).expect("the first");
            by_anyone(world, settle)
        },
    },
    Refusal {
        name: "after the expiry",
        expected: Chain(ChainError::SettleExpired),
        attempt: |world| {
            let group = Group::open(world, 2);
            world.must(group.batch(world), &world.quorum());
            world.set_time(START_S + 901);
            let settle = group.settlement(world, 0);
            by_anyone(world, settle)
        },
    },
    Refusal {
        name: "another reply's escrow",
        expected: Number(SEEDS),
        attempt: |world| {
            let group = Group::open(world, 2);
            world.must(group.batch(world), &world.quorum());
            let mut instruction = group.settlement(world, 0).instruction(&PROGRAM_ID);
            let other = address::escrow(&PROGRAM_ID, &group.deals[1].reply_id);
            world.tamper(&other, |data| data[11] ^= 1);
            instruction.accounts[3].pubkey = other;
            let result = world.send(instruction, &[world.admin.key.insecure_clone()]);
            world.tamper(&other, |data| data[11] ^= 1);
            result
        },
    },
    Refusal {
        name: "closed too early",
        expected: Chain(ChainError::BatchInUse),
        attempt: |world| {
            let group = Group::open(world, 2);
            world.must(group.batch(world), &world.quorum());
            let settle = group.settlement(world, 1);
            by_anyone(world, settle).expect("one of two");
            close(world, &group, 0)
        },
    },
    Refusal {
        name: "closed for another's good",
        expected: Number(HAS_ONE),
        attempt: |world| {
            let group = Group::open(world, 1);
            world.must(group.batch(world), &world.quorum());
            let settle = group.settlement(world, 0);
            by_anyone(world, settle).expect("all of it");
            close(world, &group, 1)
        },
    },
];

#[test]
fn each_reply_of_a_batch_is_settled_and_paid() {
    let mut world = World::with_stakes(&[1_000; 3]);
    let group = Group::open(&mut world, 7);
    let meta = world.must(group.batch(&world), &world.quorum());
    let batch = event::Batch {
        network: NETWORK,
        program: PROGRAM_ID,
        root: group.root(),
        count: 7,
        fee_owner: world.fee_owners[0].address(),
        stake_epoch: 0,
        expiry_ms: group.deals[0].order.deadline_ms,
    };
    let announced = event::Batched::decode(&crate::settle::event(&meta.logs)).expect("the event");
    assert_eq!((announced.digest, announced.count, announced.signed_stake), (batch.digest(), 7, 3_000));
    for index in [6, 0, 3, 1, 5, 2, 4] {
        let settle = group.settlement(&world, index);
        by_anyone(&mut world, settle).expect("settled");
        world.pay(&group.deals[index]);
    }
    let account = Batch::decode(&world.data(&address::batch(&PROGRAM_ID, &group.root()))).expect("a batch");
    assert_eq!((account.settled, account.signers), (7, 0b111));
    assert_eq!(world.balance(&world.provider.token), FUNDS + 7 * 425);
    assert_eq!((world.epoch(0).audits, world.epoch(0).totals.audits), (vec![7; 3], 21));
    close(&mut world, &group, 0).expect("done with");
    world.assert_conserved();
}

/// Whatever is left of an expired batch goes back to the consumers.
#[test]
fn an_expired_batch_leaves_the_rest_to_the_owners() {
    let mut world = World::with_stakes(&[1_000; 3]);
    let group = Group::open(&mut world, 2);
    world.must(group.batch(&world), &world.quorum());
    world.set_time(START_S + 901);
    world.must(world.expiry(&group.deals[0]), &[world.admin.key.insecure_clone()]);
    assert_eq!(world.escrow(&group.deals[0]).status, EscrowStatus::Refunded);
    close(&mut world, &group, 0).expect("expired");
}

#[test]
fn approvals_stand_behind_a_batch_too() {
    let mut world = World::with_stakes(&[1_000; 3]);
    let group = Group::open(&mut world, 2);
    let mut batch = group.batch(&world);
    let digest = event::Batch {
        network: NETWORK,
        program: PROGRAM_ID,
        root: batch.root,
        count: batch.count,
        fee_owner: world.fee_owners[0].address(),
        stake_epoch: 0,
        expiry_ms: batch.expiry_ms,
    }
    .digest();
    (0..3).for_each(|validator| {
        approve(&mut world, digest, validator).expect("approves");
    });
    batch.cosigners.clear();
    batch.approvals = Some(address::approvals(&PROGRAM_ID, &digest, 0));
    world.must(batch, &world.quorum()[..1]);
    let settle = group.settlement(&world, 1);
    by_anyone(&mut world, settle).expect("settled");
}

/// The table of chain/README.md: every reply of a batch settled and released, by transactions that anyone sends, with five
/// validators' signatures behind all of them; then the batch is closed, and its rent comes back.
#[test]
fn a_reply_costs_less_in_a_batch() {
    let mut each = Vec::new();
    for count in [1u16, 10, 100, 1_000] {
        let mut world = World::with_stakes(&[1_000; 5]);
        let owner = (world.owner.address(), world.owner.token);
        world.fund(&owner.0, &owner.1, 2_000 * FUNDS);
        let group = Group::open(&mut world, count);
        let (handler, payer) = (world.validators[0].address(), world.admin.key.insecure_clone());
        let lamports = |world: &World| -> u64 {
            let wallets = [handler, world.admin.address()];
            wallets.map(|wallet| world.svm.get_balance(&wallet).expect("lamports")).iter().sum()
        };
        let before = lamports(&world);
        let quorum = world.must(group.batch(&world), &world.quorum()).compute_units_consumed;
        let (mut units, mut most, mut size) = (0, 0, 0);
        for index in 0..usize::from(count) {
            // settled and paid in one transaction
            let settle = group.settlement(&world, index).instruction(&PROGRAM_ID);
            let pay = world.payment_of(&group.deals[index], &world.fee_owners[0]).instruction(&PROGRAM_ID);
            let both = [settle, pay];
            size = size.max(world.size(&both, std::slice::from_ref(&payer)));
            let meta = world.send_raw(&both, std::slice::from_ref(&payer)).expect("settled and paid");
            units += meta.compute_units_consumed;
            most = most.max(meta.compute_units_consumed);
        }
        assert!(size <= 1_232, "{count}: {size} bytes");
        let closed = close(&mut world, &group, 0).expect("settled to the last reply");
        let spent = before - lamports(&world);
        let count = u64::from(count);
        assert_eq!(spent, SIGNATURE_LAMPORTS * (5 + count + 1), "the quorum's, one a reply, one to close; no rent");
        assert_eq!(world.balance(&world.provider.token), FUNDS + count * 425);
        world.assert_conserved();
        println!(
            "batch of {count}: {} CU a reply, {most} at most ({} quorum and close), {} lamports, {size} bytes",
            (units + quorum + closed.compute_units_consumed) / count,
            (quorum + closed.compute_units_consumed) / count,
            spent / count,
        );
        each.push(spent / count);
    }
    assert!(each.is_sorted_by(|more, less| more > less), "{each:?}");
}

#[test]
fn refusals() {
    check(REFUSALS);
}
