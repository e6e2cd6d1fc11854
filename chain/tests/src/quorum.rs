//! Instructions that take a quorum, and the ways in which a quorum can be missing: each is tried on each.

use crate::refusal::Expected::Chain;
use crate::{Refusal, World};
use litesvm::types::TransactionResult;
use ogong_chain_interface::instruction::Approve;
use ogong_chain_interface::{Address, ChainError, Instruction, PROGRAM_ID, address};
use solana_keypair::Keypair;

/// Who stands behind an instruction.
#[derive(Clone, Debug)]
pub struct Behind {
    pub handler: Address,
    pub cosigners: Vec<Address>,
    pub approvals: Option<Address>,
    pub stake_epoch: u64,
}

/// An instruction that a quorum is needed for.
pub trait Gated: Sized {
    /// Sets the scene: with a quorum it would go through.
    fn prepare(world: &mut World) -> Self;
    /// The instruction, behind what must stand in front of it.
    fn instructions(&self, behind: Behind) -> Vec<Instruction>;
    /// What the quorum agrees to.
    fn digest(&self, world: &World, stake_epoch: u64) -> [u8; 32];
}

/// The validators that sign, the first one handling, in the current epoch.
pub fn everybody(world: &World) -> Behind {
    Behind {
        handler: world.validators[0].address(),
        cosigners: world.cosigners(),
        approvals: None,
        stake_epoch: world.config().stake_epoch,
    }
}

/// Has the first `count` validators approve of a digest, and says where.
pub fn approve(world: &mut World, digest: [u8; 32], count: usize) -> Address {
    let epoch = world.config().stake_epoch;
    for place in 0..count {
        let validator = world.validators[place].address();
        let key = world.validators[place].key.insecure_clone();
        world.must(Approve { validator, digest, stake_epoch: epoch }, &[key]);
    }
    address::approvals(&PROGRAM_ID, &digest, epoch)
}

fn attempt<G: Gated>(world: &mut World, change: impl FnOnce(&World, &mut Behind), signing: usize) -> TransactionResult {
    let gated = G::prepare(world);
    let mut behind = everybody(world);
    change(world, &mut behind);
    let signers: Vec<Keypair> = world.quorum().into_iter().take(signing).collect();
    world.send_raw(&gated.instructions(behind), &signers)
}

fn alone<G: Gated>(world: &mut World) -> TransactionResult {
    attempt::<G>(world, |_, behind| behind.cosigners.clear(), 1)
}

fn two_of_three<G: Gated>(world: &mut World) -> TransactionResult {
    attempt::<G>(world, |_, behind| behind.cosigners.truncate(1), 2)
}

fn twice<G: Gated>(world: &mut World) -> TransactionResult {
    attempt::<G>(world, |_, behind| behind.cosigners[1] = behind.cosigners[0], 2)
}

fn handler_again<G: Gated>(world: &mut World) -> TransactionResult {
    attempt::<G>(world, |_, behind| behind.cosigners[1] = behind.handler, 2)
}

fn wrong_epoch<G: Gated>(world: &mut World) -> TransactionResult {
    attempt::<G>(
        world,
        |world, behind| {
            // an epoch that is there, and too old to be named
            assert!(world.config().stake_epoch >= 2, "the scene is set in a later epoch");
            behind.stake_epoch = world.config().stake_epoch - 2;
        },
        3,
    )
}

fn stranger<G: Gated>(world: &mut World) -> TransactionResult {
    let gated = G::prepare(world);
    let (stranger, mut behind) = (world.wallet(0), everybody(world));
    behind.cosigners.push(stranger.address());
    let mut signers = world.quorum();
    signers.push(stranger.key);
    world.send_raw(&gated.instructions(behind), &signers)
}

fn unsigned<G: Gated>(world: &mut World) -> TransactionResult {
    let gated = G::prepare(world);
    let mut instructions = gated.instructions(everybody(world));
    let last = instructions.last_mut().expect("an instruction");
    last.accounts.last_mut().expect("a co-signer").is_signer = false;
    world.send_raw(&instructions, &world.quorum()[..2])
}

fn too_few_approvals<G: Gated>(world: &mut World) -> TransactionResult {
    let gated = G::prepare(world);
    let digest = gated.digest(world, world.config().stake_epoch);
    let approvals = approve(world, digest, 2);
    approved(world, &gated, approvals)
}

fn approvals_of_another<G: Gated>(world: &mut World) -> TransactionResult {
    let gated = G::prepare(world);
    let approvals = approve(world, [9; 32], 3);
    approved(world, &gated, approvals)
}

/// Sends what approvals were collected for.
pub fn approved<G: Gated>(world: &mut World, gated: &G, approvals: Address) -> TransactionResult {
    let behind = Behind { cosigners: Vec::new(), approvals: Some(approvals), ..everybody(world) };
    let signers = [world.validators[0].key.insecure_clone()];
    world.send_raw(&gated.instructions(behind), &signers)
}

/// Every way, for one instruction.
pub const fn refusals<G: Gated>() -> [Refusal; 9] {
    [
        Refusal { name: "the handler alone", expected: Chain(ChainError::QuorumNotReached), attempt: alone::<G> },
        Refusal { name: "two of three", expected: Chain(ChainError::QuorumNotReached), attempt: two_of_three::<G> },
        Refusal { name: "a co-signer twice", expected: Chain(ChainError::CosignerRepeated), attempt: twice::<G> },
        Refusal {
            name: "the handler again",
            expected: Chain(ChainError::CosignerRepeated),
            attempt: handler_again::<G>,
        },
        Refusal {
            name: "a stranger beside a quorum",
            expected: Chain(ChainError::CosignerUnregistered),
            attempt: stranger::<G>,
        },
        Refusal {
            name: "a co-signer that did not sign",
            expected: Chain(ChainError::CosignerUnsigned),
            attempt: unsigned::<G>,
        },
        Refusal { name: "an old epoch", expected: Chain(ChainError::StakeEpochWrong), attempt: wrong_epoch::<G> },
        Refusal {
            name: "two approvals of three",
            expected: Chain(ChainError::QuorumNotReached),
            attempt: too_few_approvals::<G>,
        },
        Refusal {
            name: "approvals of something else",
            expected: Chain(ChainError::ApprovalsWrong),
            attempt: approvals_of_another::<G>,
        },
    ]
}
