//! `approve`: a validator agrees to a digest.

use litesvm::types::TransactionResult;
use ogong_chain_interface::account::Approvals;
use ogong_chain_interface::instruction::{Approve, MoveValidatorStake, Movement};
use ogong_chain_interface::{ChainError, PROGRAM_ID, address};
use ogong_chain_tests::Expected::{Chain, Number};
use ogong_chain_tests::world::{FUNDS, START_S};
use ogong_chain_tests::{Refusal, World, check};

/// Anchor's: the account is not the one its seeds derive.
const SEEDS: u32 = 2006;
/// Anchor's: the account is not the program's, as one that is not there is not.
const OWNED_BY_WRONG_PROGRAM: u32 = 3007;
/// Anchor's: the key did not sign.
const NOT_SIGNER: u32 = 3010;

pub fn approve(world: &mut World, digest: [u8; 32], validator: usize) -> TransactionResult {
    let stake_epoch = world.config().stake_epoch;
    let approve = Approve { validator: world.validators[validator].address(), digest, stake_epoch };
    world.send(approve, &[world.validators[validator].key.insecure_clone()])
}

/// The first validator's, in an epoch.
fn approval(world: &World, stake_epoch: u64) -> Approve {
    Approve { validator: world.validators[0].address(), digest: [1; 32], stake_epoch }
}

pub const REFUSALS: &[Refusal] = &[
    Refusal {
        name: "by a stranger",
        expected: Chain(ChainError::CosignerUnregistered),
        attempt: |world| {
            let stranger = world.wallet(FUNDS);
            let approve = Approve { validator: stranger.address(), digest: [1; 32], stake_epoch: 0 };
            world.send(approve, &[stranger.key])
        },
    },
    Refusal {
        name: "by one that has left",
        expected: Chain(ChainError::CosignerUnregistered),
        attempt: |world| {
            let (authority, authority_token) = (world.validators[0].address(), world.validators[0].token);
            let movement = Movement::Unstake(1_000);
            let leave = MoveValidatorStake { authority, authority_token, epoch: 0, movement };
            world.must(leave, &world.quorum()[..1]);
            approve(world, [1; 32], 0)
        },
    },
    Refusal {
        name: "by one that came later",
        expected: Chain(ChainError::CosignerUnregistered),
        attempt: |world| {
            world.next_epoch();
            world.register(1_000);
            approve(world, [1; 32], 3)
        },
    },
    Refusal {
        name: "twice",
        expected: Chain(ChainError::CosignerRepeated),
        attempt: |world| {
            approve(world, [1; 32], 0).expect("the first");
            approve(world, [1; 32], 0)
        },
    },
    Refusal {
        name: "in an epoch that has not begun",
        expected: Number(OWNED_BY_WRONG_PROGRAM),
        attempt: |world| world.send(approval(world, 1), &world.quorum()[..1]),
    },
    Refusal {
        name: "in an epoch that is over",
        expected: Chain(ChainError::StakeEpochWrong),
        attempt: |world| {
            world.next_epoch();
            world.set_time(START_S + 3_600 + 901);
            world.send(approval(world, 0), &world.quorum()[..1])
        },
    },
    Refusal {
        name: "under another digest's address",
        expected: Number(SEEDS),
        attempt: |world| {
            let mut instruction = approval(world, 0).instruction(&PROGRAM_ID);
            instruction.accounts[3].pubkey = address::approvals(&PROGRAM_ID, &[2; 32], 0);
            world.send(instruction, &world.quorum()[..1])
        },
    },
    Refusal {
        name: "without the validator's signature",
        expected: Number(NOT_SIGNER),
        attempt: |world| {
            let mut instruction = approval(world, 0).instruction(&PROGRAM_ID);
            instruction.accounts[0].is_signer = false;
            world.send(instruction, &[world.owner.key.insecure_clone()])
        },
    },
];

/// Whoever comes first pays the rent; the others add their bits, in the order of the epoch and not of their coming.
#[test]
fn each_validator_adds_its_bit() {
    let mut world = World::with_stakes(&[1_000; 3]);
    let at = address::approvals(&PROGRAM_ID, &[1; 32], 0);
    for (validator, signers) in [(2, 0b100), (0, 0b101)] {
        approve(&mut world, [1; 32], validator).expect("approves");
        let payer = world.validators[2].address();
        let wanted = Approvals { digest: [1; 32], epoch: 0, payer, signers, used: false };
        assert_eq!(Approvals::decode(&world.data(&at)), Ok(wanted));
        world.assert_conserved();
    }
}

/// In the last second of the grace an approval of the epoch before still counts.
#[test]
fn the_last_epoch_may_be_named_within_its_grace() {
    let mut world = World::with_stakes(&[1_000; 3]);
    world.next_epoch();
    world.set_time(START_S + 3_600 + 900);
    world.must(approval(&world, 0), &world.quorum()[..1]);
    let approvals = Approvals::decode(&world.data(&address::approvals(&PROGRAM_ID, &[1; 32], 0)));
    assert_eq!(approvals.expect("approvals").epoch, 0);
}

#[test]
fn refusals() {
    check(REFUSALS);
}
