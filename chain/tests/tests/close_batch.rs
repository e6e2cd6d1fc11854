//! `close_batch`: the rent of a batch that is done with.

use crate::batch::Group;
use crate::settle_batched::by_anyone;
use litesvm::types::TransactionResult;
use ogong_chain_interface::account::EscrowStatus;
use ogong_chain_interface::instruction::CloseBatch;
use ogong_chain_interface::{ChainError, PROGRAM_ID, address};
use ogong_chain_tests::Expected::{Chain, Number};
use ogong_chain_tests::world::START_S;
use ogong_chain_tests::{Refusal, World, check};

/// Anchor's: the payer is not the one noted.
const HAS_ONE: u32 = 2001;
/// Anchor's: the account is of another type.
const DISCRIMINATOR: u32 = 3002;
/// Anchor's: there is no such account.
const NOT_INITIALIZED: u32 = 3012;

/// For a validator's good; the admin sends it.
pub fn close(world: &mut World, group: &Group, payer: usize) -> TransactionResult {
    let close = CloseBatch { root: group.root(), payer: world.validators[payer].address() };
    world.send(close, &[world.admin.key.insecure_clone()])
}

pub const REFUSALS: &[Refusal] = &[
    Refusal {
        name: "closed too early",
        expected: Chain(ChainError::BatchInUse),
        attempt: |world| {
            let group = Group::signed(world, 2);
            let settle = group.settlement(world, 1);
            by_anyone(world, settle).expect("one of two");
            close(world, &group, 0)
        },
    },
    Refusal {
        name: "closed in the second of its expiry",
        expected: Chain(ChainError::BatchInUse),
        attempt: |world| {
            let group = Group::signed(world, 2);
            world.set_time(START_S + 900);
            close(world, &group, 0)
        },
    },
    Refusal {
        name: "closed for another's good",
        expected: Number(HAS_ONE),
        attempt: |world| {
            let group = Group::signed(world, 1);
            let settle = group.settlement(world, 0);
            by_anyone(world, settle).expect("all of it");
            close(world, &group, 1)
        },
    },
    Refusal {
        name: "closed twice",
        expected: Number(NOT_INITIALIZED),
        attempt: |world| {
            let group = Group::signed(world, 1);
            let settle = group.settlement(world, 0);
            by_anyone(world, settle).expect("all of it");
            close(world, &group, 0).expect("the first");
            close(world, &group, 0)
        },
    },
    Refusal {
        name: "an escrow for the batch",
        expected: Number(DISCRIMINATOR),
        attempt: |world| {
            let group = Group::signed(world, 1);
            let close = CloseBatch { root: group.root(), payer: world.validators[0].address() };
            let mut instruction = close.instruction(&PROGRAM_ID);
            instruction.accounts[0].pubkey = address::escrow(&PROGRAM_ID, &group.deals[0].reply_id);
            world.send(instruction, &[world.admin.key.insecure_clone()])
        },
    },
];

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

/// What was settled by it is paid all the same.
#[test]
fn the_rent_goes_back_to_the_handler() {
    let mut world = World::with_stakes(&[1_000; 3]);
    let group = Group::signed(&mut world, 2);
    for index in 0..2 {
        let settle = group.settlement(&world, index);
        by_anyone(&mut world, settle).expect("settled");
    }
    let (at, handler) = (address::batch(&PROGRAM_ID, &group.root()), world.validators[0].address());
    let rent = world.svm.get_balance(&at).expect("rent");
    let before = world.svm.get_balance(&handler).expect("a balance");
    close(&mut world, &group, 0).expect("settled to the last reply");
    assert_eq!(world.svm.get_balance(&handler), Some(before + rent));
    assert!(world.svm.get_account(&at).is_none_or(|account| account.lamports == 0));
    group.deals.iter().for_each(|deal| {
        world.pay(deal);
    });
    assert!(group.deals.iter().all(|deal| world.escrow(deal).status == EscrowStatus::Settled));
}

#[test]
fn refusals() {
    check(REFUSALS);
}
