//! `claim_audits`: what validators earned, minted to their fee owners.

use crate::approve_emission::{Worked, approval, emission, worked};
use crate::settle::event;
use litesvm::types::TransactionResult;
use ogong_chain_interface::event::Claimed;
use ogong_chain_interface::instruction::ClaimAudits;
use ogong_chain_interface::{ChainError, Instruction, PROGRAM_ID, address};
use ogong_chain_tests::Expected::{Chain, Number};
use ogong_chain_tests::{Refusal, World, check, everybody};

/// Anchor's: the account is not the config's.
const HAS_ONE: u32 = 2001;
/// Anchor's: the account is not the one the seeds derive.
const SEEDS: u32 = 2006;
/// Anchor's: there is no such account.
const NOT_INITIALIZED: u32 = 3012;

pub fn claim(world: &World, epoch: u64, place: usize) -> ClaimAudits {
    ClaimAudits { epoch, authority: world.validators[place].address(), to: world.fee_owners[place].token }
}

fn earned(world: &mut World) -> Worked {
    let worked = worked(world, 1_000_000);
    world.must(approval(worked.epoch, everybody(world)), &world.quorum());
    worked
}

fn spoilt(world: &mut World, spoil: impl FnOnce(&mut World, &mut Instruction)) -> TransactionResult {
    earned(world);
    let mut instruction = claim(world, 0, 0).instruction(&PROGRAM_ID);
    spoil(world, &mut instruction);
    world.send(instruction, &[world.owner.key.insecure_clone()])
}

pub const REFUSALS: &[Refusal] = &[
    Refusal {
        name: "twice",
        expected: Chain(ChainError::EmissionClaimed),
        attempt: |world| {
            earned(world);
            world.must(claim(world, 0, 0), &[world.owner.key.insecure_clone()]);
            world.send(claim(world, 0, 0), &[world.owner.key.insecure_clone()])
        },
    },
    Refusal {
        name: "to the validator instead of its fee owner",
        expected: Chain(ChainError::ClaimPayeeWrong),
        attempt: |world| spoilt(world, |world, instruction| instruction.accounts[6].pubkey = world.validators[0].token),
    },
    Refusal {
        name: "a validator that came later",
        expected: Chain(ChainError::CosignerUnregistered),
        attempt: |world| {
            earned(world);
            world.register(1_000);
            world.send(claim(world, 0, 3), &[world.owner.key.insecure_clone()])
        },
    },
    Refusal {
        name: "before the approval",
        expected: Number(NOT_INITIALIZED),
        attempt: |world| {
            worked(world, 1_000_000);
            world.send(claim(world, 0, 0), &[world.owner.key.insecure_clone()])
        },
    },
    Refusal {
        name: "by another epoch's audits",
        expected: Number(SEEDS),
        attempt: |world| {
            spoilt(world, |_, instruction| instruction.accounts[4].pubkey = address::epoch(&PROGRAM_ID, 1))
        },
    },
    Refusal {
        name: "another mint",
        expected: Number(HAS_ONE),
        attempt: |world| {
            spoilt(world, |world, instruction| {
                let other = world.provider.address();
                let mint = world.svm.get_account(&world.mint).expect("the mint");
                world.svm.set_account(other, mint).expect("a copy of the mint");
                instruction.accounts[2].pubkey = other;
            })
        },
    },
];

#[test]
fn each_validator_once_and_by_its_audits() {
    let mut world = World::with_stakes(&[1_000, 2_000, 3_000]);
    earned(&mut world);
    let [_, _, validators, ..] = emission(&world, 0).amounts;
    assert!(validators > 0);
    for place in 0..3 {
        let before = world.balance(&world.fee_owners[place].token);
        let meta = world.must(claim(&world, 0, place), &[world.owner.key.insecure_clone()]);
        // one audit of three each, whatever the stake
        let amount = validators / 3;
        assert_eq!(world.balance(&world.fee_owners[place].token) - before, amount);
        let wanted = Claimed { epoch: 0, role: 0, earner: world.validators[place].address(), amount };
        assert_eq!(Claimed::decode(&event(&meta.logs)), Ok(wanted));
    }
    let emission = emission(&world, 0);
    assert_eq!((emission.members_claimed, emission.minted), (0b111, validators / 3 * 3));
    assert_eq!(world.supply().emitted, validators / 3 * 3);
}

#[test]
fn refusals() {
    check(REFUSALS);
}
