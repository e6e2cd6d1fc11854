//! `close_approvals`: the rent of approvals that nobody needs any more.

use crate::approvals::settled_by;
use crate::approve::approve;
use litesvm::types::TransactionResult;
use ogong_chain_interface::instruction::CloseApprovals;
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

/// Closes those of epoch 0 for a validator's good; the admin sends it.
pub fn close(world: &mut World, digest: [u8; 32], payer: usize) -> TransactionResult {
    let payer = world.validators[payer].address();
    let close = CloseApprovals { digest, stake_epoch: 0, payer };
    world.send(close, &[world.admin.key.insecure_clone()])
}

pub const REFUSALS: &[Refusal] = &[
    Refusal {
        name: "closed while they can be used",
        expected: Chain(ChainError::ApprovalsInUse),
        attempt: |world| {
            approve(world, [1; 32], 0).expect("approves");
            close(world, [1; 32], 0)
        },
    },
    Refusal {
        name: "closed in the last second of the grace",
        expected: Chain(ChainError::ApprovalsInUse),
        attempt: |world| {
            approve(world, [1; 32], 0).expect("approves");
            world.next_epoch();
            world.set_time(START_S + 3_600 + 900);
            close(world, [1; 32], 0)
        },
    },
    Refusal {
        name: "closed for another's good",
        expected: Number(HAS_ONE),
        attempt: |world| {
            let (.., digest, result) = settled_by(world, 3);
            result.expect("settled");
            close(world, digest, 1)
        },
    },
    Refusal {
        name: "closed twice",
        expected: Number(NOT_INITIALIZED),
        attempt: |world| {
            let (.., digest, result) = settled_by(world, 3);
            result.expect("settled");
            close(world, digest, 0).expect("the first");
            close(world, digest, 0)
        },
    },
    Refusal {
        name: "an escrow for the approvals",
        expected: Number(DISCRIMINATOR),
        attempt: |world| {
            let (deal, _, digest, result) = settled_by(world, 3);
            result.expect("settled");
            let payer = world.validators[0].address();
            let mut instruction = CloseApprovals { digest, stake_epoch: 0, payer }.instruction(&PROGRAM_ID);
            instruction.accounts[1].pubkey = address::escrow(&PROGRAM_ID, &deal.reply_id);
            world.send(instruction, &[world.admin.key.insecure_clone()])
        },
    },
];

#[test]
fn stale_approvals_are_closed_by_anyone() {
    let mut world = World::with_stakes(&[1_000; 3]);
    approve(&mut world, [1; 32], 0).expect("approves");
    world.next_epoch();
    world.next_epoch();
    close(&mut world, [1; 32], 0).expect("closed");
}

/// A second after the grace they count for nothing, though nothing was decided by them; the rent is all that moves.
#[test]
fn the_rent_goes_back_to_who_paid_it() {
    let mut world = World::with_stakes(&[1_000; 3]);
    for validator in [1, 0] {
        approve(&mut world, [1; 32], validator).expect("approves");
    }
    let at = address::approvals(&PROGRAM_ID, &[1; 32], 0);
    let rent = world.svm.get_balance(&at).expect("rent");
    world.next_epoch();
    world.set_time(START_S + 3_600 + 901);
    let payer = world.validators[1].address();
    let before = world.svm.get_balance(&payer).expect("a balance");
    close(&mut world, [1; 32], 1).expect("closed");
    assert_eq!(world.svm.get_balance(&payer), Some(before + rent));
    assert!(world.svm.get_account(&at).is_none_or(|account| account.lamports == 0));
    world.assert_conserved();
}

#[test]
fn refusals() {
    check(REFUSALS);
}
