//! `settle` and `refund_reject`: who must sign. Each case is tried on both.

use litesvm::types::TransactionResult;
use ogong_chain_interface::account::EscrowStatus;
use ogong_chain_interface::instruction::{RefundReject, Release, Settle, Verdict};
use ogong_chain_interface::{Address, ChainError, Instruction, PROGRAM_ID};
use ogong_chain_tests::Expected::{Chain, Number};
use ogong_chain_tests::world::{FUNDS, START_S};
use ogong_chain_tests::{Deal, Refusal, World, check};
use solana_keypair::Keypair;

/// Anchor's: there is no such account.
const NOT_INITIALIZED: u32 = 3012;
/// Anchor's: the account is not the program's, as one that is not there is not.
const OWNED_BY_WRONG_PROGRAM: u32 = 3007;
/// Anchor's: the key did not sign.
const NOT_SIGNER: u32 = 3010;
/// Anchor's: the account is not the one the handler's key derives.
const SEEDS: u32 = 2006;

/// Both instructions of a quorum, for the same escrow.
#[derive(Clone, Copy)]
enum Kind {
    Settle,
    Reject,
}

fn instruction(world: &World, kind: Kind, deal: &Deal, handler: Address, cosigners: &[Address]) -> Instruction {
    let cosigners = cosigners.to_vec();
    match kind {
        Kind::Settle => Settle { handler, cosigners, ..world.settlement(deal) }.instruction(&PROGRAM_ID),
        Kind::Reject => RefundReject { handler, cosigners, ..world.rejection(deal) }.instruction(&PROGRAM_ID),
    }
}

/// A settle or reject with `cosigners` beside the first validator, signed by all of `signers`.
fn signed(world: &mut World, kind: Kind, cosigners: &[Address], signers: &[Keypair]) -> TransactionResult {
    let deal = world.open();
    let handler = world.validators[0].address();
    let instruction = instruction(world, kind, &deal, handler, cosigners);
    world.send(instruction, signers)
}

fn too_few(world: &mut World, kind: Kind) -> TransactionResult {
    let (cosigners, signers) = ([world.validators[1].address()], world.quorum());
    signed(world, kind, &cosigners, &signers[..2])
}

fn alone(world: &mut World, kind: Kind) -> TransactionResult {
    signed(world, kind, &[], &world.quorum()[..1])
}

fn exactly_two_thirds(world: &mut World, kind: Kind) -> TransactionResult {
    *world = World::with_stakes(&[2_000_000, 1_000_000]);
    alone(world, kind)
}

fn cosigner_twice(world: &mut World, kind: Kind) -> TransactionResult {
    let (key, signers) = (world.validators[1].address(), world.quorum());
    signed(world, kind, &[key, key], &signers[..2])
}

fn handler_as_cosigner(world: &mut World, kind: Kind) -> TransactionResult {
    let keys = [world.validators[1].address(), world.validators[0].address()];
    let signers = world.quorum();
    signed(world, kind, &keys, &signers[..2])
}

fn stranger_beside_a_quorum(world: &mut World, kind: Kind) -> TransactionResult {
    let stranger = world.wallet(FUNDS);
    let mut cosigners: Vec<Address> = world.validators[1..].iter().map(|v| v.address()).collect();
    cosigners.push(stranger.address());
    let mut signers = world.quorum();
    signers.push(stranger.key);
    signed(world, kind, &cosigners, &signers)
}

fn unsigned_cosigner(world: &mut World, kind: Kind) -> TransactionResult {
    let deal = world.open();
    let keys: Vec<Address> = world.validators.iter().map(|v| v.address()).collect();
    let mut instruction = instruction(world, kind, &deal, keys[0], &keys[1..]);
    instruction.accounts.last_mut().expect("a co-signer").is_signer = false;
    world.send(instruction, &world.quorum()[..2])
}

fn unsigned_handler(world: &mut World, kind: Kind) -> TransactionResult {
    let deal = world.open();
    let keys: Vec<Address> = world.validators.iter().map(|v| v.address()).collect();
    let mut instruction = instruction(world, kind, &deal, keys[0], &keys[1..]);
    instruction.accounts[0].is_signer = false;
    world.send(instruction, &world.quorum()[1..])
}

fn epoch_to_come(world: &mut World, kind: Kind) -> TransactionResult {
    let deal = world.open();
    let instruction = match kind {
        Kind::Settle => {
            let verdict = Verdict { stake_epoch: 1, ..world.verdict(&deal) };
            Settle { verdict, ..world.settlement(&deal) }.instruction(&PROGRAM_ID)
        }
        Kind::Reject => {
            let reject = world.rejection(&deal);
            let verdict = Verdict { stake_epoch: 1, ..reject.verdict.clone() };
            RefundReject { verdict, ..reject }.instruction(&PROGRAM_ID)
        }
    };
    world.send(instruction, &world.quorum())
}

/// The epoch turned while signatures were collected, and too long ago.
fn stale_epoch(world: &mut World, kind: Kind) -> TransactionResult {
    let deal = long_order(world);
    world.next_epoch();
    world.set_time(START_S + 3_600 + 901);
    in_epoch(world, kind, &deal, 0)
}

fn older_epoch(world: &mut World, kind: Kind) -> TransactionResult {
    let deal = long_order(world);
    world.next_epoch();
    world.next_epoch();
    in_epoch(world, kind, &deal, 0)
}

/// An escrow that outlives some epochs.
fn long_order(world: &mut World) -> Deal {
    let mut order = world.order();
    order.deadline_ms += 100_000_000;
    world.open_order(order)
}

fn in_epoch(world: &mut World, kind: Kind, deal: &Deal, stake_epoch: u64) -> TransactionResult {
    let (settle, reject) = (world.settlement(deal), world.rejection(deal));
    let instruction = match kind {
        Kind::Settle => {
            let verdict = Verdict { stake_epoch, ..settle.verdict.clone() };
            Settle { verdict, ..settle }.instruction(&PROGRAM_ID)
        }
        Kind::Reject => {
            let verdict = Verdict { stake_epoch, ..reject.verdict.clone() };
            RefundReject { verdict, ..reject }.instruction(&PROGRAM_ID)
        }
    };
    world.send(instruction, &world.quorum())
}

/// In the last second of the grace a quorum of the epoch before still counts, by that epoch's stake.
#[test]
fn the_last_epoch_counts_within_its_grace() {
    for kind in [Kind::Settle, Kind::Reject] {
        let mut world = World::with_stakes(&[1_000; 3]);
        let deal = long_order(&mut world);
        world.next_epoch();
        world.set_time(START_S + 3_600 + 900);
        in_epoch(&mut world, kind, &deal, 0).expect("within the grace");
        assert_eq!((world.epoch(0).audits, world.epoch(1).audits), (vec![1; 3], vec![0; 3]), "counted where it signed");
    }
}

fn stake_past_64_bits(world: &mut World, kind: Kind) -> TransactionResult {
    let deal = world.open();
    let epoch = ogong_chain_interface::address::epoch(&PROGRAM_ID, 0);
    // every stake: 8 + 160 of the head, then 48 bytes a member, stake behind the key
    let stake = |i: usize| 168 + 48 * i + 32..168 + 48 * i + 40;
    world.tamper(&epoch, |data| (0..3).for_each(|i| data[stake(i)].fill(0xff)));
    let keys: Vec<Address> = world.validators.iter().map(|v| v.address()).collect();
    let instruction = instruction(world, kind, &deal, keys[0], &keys[1..]);
    world.send(instruction, &world.quorum())
}

/// The case twice: on settle, on refund_reject.
macro_rules! both {
    ($($name:literal $expected:expr, $attempt:ident;)*) => {
        &[$(
            Refusal { name: concat!("settle: ", $name), expected: $expected, attempt: |w| $attempt(w, Kind::Settle) },
            Refusal { name: concat!("reject: ", $name), expected: $expected, attempt: |w| $attempt(w, Kind::Reject) },
        )*
        Refusal { name: "settle: a stranger handles", expected: Number(NOT_INITIALIZED), attempt: stranger_settles },
        Refusal {
            name: "reject: a stranger handles",
            expected: Chain(ChainError::CosignerUnregistered),
            attempt: stranger_rejects,
        },
        Refusal { name: "settle: with another's registration", expected: Number(SEEDS), attempt: borrowed_registration },
        ]
    };
}

pub const REFUSALS: &[Refusal] = both! {
    "two of three equals" Chain(ChainError::QuorumNotReached), too_few;
    "the handler alone" Chain(ChainError::QuorumNotReached), alone;
    "exactly two thirds" Chain(ChainError::QuorumNotReached), exactly_two_thirds;
    "a co-signer named twice" Chain(ChainError::CosignerRepeated), cosigner_twice;
    "the handler named again" Chain(ChainError::CosignerRepeated), handler_as_cosigner;
    "a stranger beside a quorum" Chain(ChainError::CosignerUnregistered), stranger_beside_a_quorum;
    "a co-signer that did not sign" Chain(ChainError::CosignerUnsigned), unsigned_cosigner;
    "a handler that did not sign" Number(NOT_SIGNER), unsigned_handler;
    "an epoch that has not begun" Number(OWNED_BY_WRONG_PROGRAM), epoch_to_come;
    "an epoch whose grace is over" Chain(ChainError::StakeEpochWrong), stale_epoch;
    "the epoch before the last" Chain(ChainError::StakeEpochWrong), older_epoch;
    "stake past 64 bits" Chain(ChainError::AmountOverflow), stake_past_64_bits;
};

fn by_a_stranger(world: &mut World, kind: Kind) -> TransactionResult {
    let stranger = world.wallet(FUNDS);
    let deal = world.open();
    let cosigners: Vec<Address> = world.validators.iter().map(|v| v.address()).collect();
    let instruction = instruction(world, kind, &deal, stranger.address(), &cosigners);
    let mut signers = vec![stranger.key];
    signers.extend(world.quorum());
    world.send(instruction, &signers)
}

fn stranger_settles(world: &mut World) -> TransactionResult {
    by_a_stranger(world, Kind::Settle)
}

fn stranger_rejects(world: &mut World) -> TransactionResult {
    by_a_stranger(world, Kind::Reject)
}

/// The handler takes another validator's registration, and with it its fee owner.
fn borrowed_registration(world: &mut World) -> TransactionResult {
    let deal = world.open();
    let mut instruction = world.settlement(&deal).instruction(&PROGRAM_ID);
    let other = world.validators[1].address();
    instruction.accounts[1].pubkey = ogong_chain_interface::address::validator(&PROGRAM_ID, &other);
    world.send(instruction, &world.quorum())
}

/// Stakes, how many of them sign, and whether that is a quorum.
#[test]
fn more_than_two_thirds_and_nothing_less() {
    let cases: [(&[u64], usize, bool); 8] = [
        (&[100], 1, true),
        (&[1_000; 3], 3, true),
        (&[1_000; 4], 2, false),
        (&[1_000; 4], 3, true),
        (&[2_000_001, 1_000_000], 1, true),
        (&[1_999_999, 1_000_000], 1, false),
        (&[1_000_000, 1_000_000, 1_000_001], 2, false),
        (&[100, 100, 100_000], 2, false),
    ];
    for kind in [Kind::Settle, Kind::Reject] {
        for (stakes, signing, quorum) in cases {
            let mut world = World::with_stakes(stakes);
            let deal = world.open();
            let keys: Vec<Address> = world.validators.iter().map(|v| v.address()).collect();
            let instruction = instruction(&world, kind, &deal, keys[0], &keys[1..signing]);
            let result = world.send(instruction, &world.quorum()[..signing]);
            assert_eq!(result.is_ok(), quorum, "{signing} of {stakes:?}: {result:?}");
            assert_eq!(world.escrow(&deal).status != EscrowStatus::Open, quorum);
            let signed: u64 = stakes[..signing].iter().sum();
            assert_eq!(world.epoch(0).set.is_quorum(signed), quorum, "the interface counts alike");
            world.assert_conserved();
        }
    }
}

/// Any validator may handle, whatever its place in the set, and its own fee owner is paid.
#[test]
fn the_last_validator_handles() {
    let mut world = World::with_stakes(&[1_000; 3]);
    let deal = world.open();
    let keys: Vec<Address> = world.validators.iter().map(|v| v.address()).collect();
    let settle = Settle { handler: keys[2], cosigners: vec![keys[0], keys[1]], ..world.settlement(&deal) };
    world.must(settle, &world.quorum());
    let release = Release { validator_token: world.fee_owners[2].token, ..world.payment(&deal) };
    world.must(release, &[world.admin.key.insecure_clone()]);
    assert_eq!(world.balance(&world.fee_owners[2].token), 25);
}

#[test]
fn refusals() {
    check(REFUSALS);
}
