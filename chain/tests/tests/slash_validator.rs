//! `slash_validator`: a quorum takes the bond of a validator that voted both ways.

use crate::accuse_validator::{REPLY, accused, evidence};
use crate::settle::event;
use ogong_chain_interface::account::{BondStatus, Case};
use ogong_chain_interface::event::Slashed;
use ogong_chain_interface::evidence::slash_digest;
use ogong_chain_interface::instruction::{MoveValidatorStake, Movement, SlashValidator};
use ogong_chain_interface::{ChainError, Instruction, PROGRAM_ID, address};
use ogong_chain_tests::Expected::{Chain, Number};
use ogong_chain_tests::quorum::{self, approve, approved};
use ogong_chain_tests::{Behind, Gated, Known, PLACE, Refusal, World, check, everybody};

/// Anchor's: the account is not the one the seeds derive.
const SEEDS: u32 = 2006;

/// A case against a fourth validator, of 100.
pub struct Slash(Known);

impl Slash {
    fn case(&self, world: &World) -> Case {
        let culprit = address::validator(&PROGRAM_ID, &self.0.wallet.address());
        Case::decode(&world.data(&address::case(&PROGRAM_ID, &culprit, &REPLY, &evidence(&self.0)))).expect("a case")
    }

    fn builder(&self, behind: Behind) -> SlashValidator {
        SlashValidator {
            handler: behind.handler,
            cosigners: behind.cosigners,
            approvals: behind.approvals,
            authority: self.0.wallet.address(),
            subject: REPLY,
            evidence: evidence(&self.0),
            stake_epoch: behind.stake_epoch,
        }
    }
}

impl Gated for Slash {
    fn prepare(world: &mut World) -> Self {
        let slash = Self(accused(world, 91, 100));
        world.next_epoch();
        world.next_epoch();
        slash
    }

    fn instructions(&self, behind: Behind) -> Vec<Instruction> {
        vec![self.builder(behind).instruction(&PROGRAM_ID)]
    }

    fn digest(&self, world: &World, stake_epoch: u64) -> [u8; 32] {
        slash_digest(&PLACE, &self.case(world), stake_epoch)
    }
}

pub const QUORUM_REFUSALS: &[Refusal] = &quorum::refusals::<Slash>();

pub const REFUSALS: &[Refusal] = &[
    Refusal {
        name: "twice",
        expected: Chain(ChainError::CaseClosed),
        attempt: |world| {
            let slash = Slash::prepare(world);
            world.must(slash.builder(everybody(world)), &world.quorum());
            world.send(slash.builder(everybody(world)), &world.quorum())
        },
    },
    Refusal {
        name: "the epoch before, within its grace",
        expected: Chain(ChainError::StakeEpochWrong),
        attempt: |world| {
            let slash = Slash::prepare(world);
            let behind = Behind { stake_epoch: 1, ..everybody(world) };
            world.send(slash.builder(behind), &world.quorum())
        },
    },
    Refusal {
        name: "another validator for the case",
        expected: Number(SEEDS),
        attempt: |world| {
            let slash = Slash::prepare(world);
            let mut instruction = slash.builder(everybody(world)).instruction(&PROGRAM_ID);
            let innocent = world.validators[1].address();
            instruction.accounts[4].pubkey = address::validator(&PROGRAM_ID, &innocent);
            world.send(instruction, &world.quorum())
        },
    },
    Refusal {
        name: "into the accuser's account instead of the reserve",
        expected: Number(SEEDS),
        attempt: |world| {
            let slash = Slash::prepare(world);
            let mut instruction = slash.builder(everybody(world)).instruction(&PROGRAM_ID);
            instruction.accounts[7].pubkey = world.owner.token;
            world.send(instruction, &world.quorum())
        },
    },
    Refusal {
        name: "out of the escrows' vault",
        expected: Number(SEEDS),
        attempt: |world| {
            let slash = Slash::prepare(world);
            let mut instruction = slash.builder(everybody(world)).instruction(&PROGRAM_ID);
            instruction.accounts[6].pubkey = address::vault(&PROGRAM_ID);
            world.send(instruction, &world.quorum())
        },
    },
    Refusal {
        name: "staking again after it",
        expected: Chain(ChainError::OperatorEjected),
        attempt: |world| {
            let slash = Slash::prepare(world);
            world.must(slash.builder(everybody(world)), &world.quorum());
            let wallet = &slash.0.wallet;
            let (authority, token, key) = (wallet.address(), wallet.token, wallet.key.insecure_clone());
            world.fund(&authority, &token, 1_000);
            let again = MoveValidatorStake {
                authority,
                authority_token: token,
                epoch: world.config().stake_epoch,
                movement: Movement::Stake(500),
            };
            world.send(again, &[key])
        },
    },
];

#[test]
fn the_whole_bond_goes_to_the_reserve() {
    let mut world = World::with_stakes(&[1_000; 3]);
    let slash = Slash(accused(&mut world, 91, 600));
    let accuser_before = world.balance(&world.owner.token);
    // a part of it is on its way out, and is taken too
    let wallet = &slash.0.wallet;
    let leaving = MoveValidatorStake {
        authority: wallet.address(),
        authority_token: wallet.token,
        epoch: 0,
        movement: Movement::Unstake(400),
    };
    world.must(leaving, &[wallet.key.insecure_clone()]);
    world.next_epoch();
    let meta = world.must(slash.builder(everybody(&world)), &world.quorum());
    let authority = slash.0.wallet.address();
    assert_eq!(world.balance(&world.reserve()), 600);
    assert_eq!(world.balance(&world.owner.token), accuser_before, "the accuser gets nothing");
    let bond = world.validator(&authority).bond;
    assert_eq!((bond.status, bond.stake, bond.cooling), (BondStatus::Ejected, 0, 0));
    assert!(world.validator_set().stake_of(&authority).is_none(), "it is out of the set");
    let epoch = world.epoch(1);
    assert_eq!((epoch.set.stake_of(&authority), epoch.set.total_stake), (None, 3_000), "and has no vote left");
    let case = slash.case(&world);
    assert_eq!((case.slashed, case.slashed_ms), (600, world.now_ms()));
    let culprit = address::validator(&PROGRAM_ID, &authority);
    assert_eq!(Slashed::decode(&event(&meta.logs)), Ok(Slashed { kind: 1, culprit, subject: REPLY, amount: 600 }));
    // nothing is left to withdraw
    world.next_epoch();
    world.next_epoch();
    let withdraw =
        MoveValidatorStake { authority, authority_token: slash.0.wallet.token, epoch: 3, movement: Movement::Withdraw };
    let result = world.send(withdraw, &[slash.0.wallet.key.insecure_clone()]);
    assert_eq!(ogong_chain_tests::refusal::number(&result), Some(ChainError::NothingToWithdraw.number()));
}

#[test]
fn approvals_do_as_well() {
    let mut world = World::with_stakes(&[1_000; 3]);
    let slash = Slash::prepare(&mut world);
    let digest = slash.digest(&world, 2);
    let approvals = approve(&mut world, digest, 3);
    approved(&mut world, &slash, approvals).expect("slashed");
    assert_eq!(world.balance(&world.reserve()), 100);
    world.assert_conserved();
}

/// The culprit's own stake stands in the total: with just under a third of it, the others are enough, with a third they are
/// not.
#[test]
fn just_over_and_just_under_two_thirds() {
    for (culprit_stake, enough) in [(1_499, true), (1_500, false)] {
        let mut world = World::with_stakes(&[1_000; 3]);
        let slash = Slash(accused(&mut world, 91, culprit_stake));
        let result = world.send(slash.builder(everybody(&world)), &world.quorum());
        assert_eq!(result.is_ok(), enough, "{culprit_stake}: {result:?}");
        world.assert_conserved();
    }
}

#[test]
fn refusals() {
    check(REFUSALS);
}

#[test]
fn quorum_refusals() {
    check(QUORUM_REFUSALS);
}
