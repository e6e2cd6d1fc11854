//! `record_liveness`: answers to the beacon's challenges.

use litesvm::types::TransactionResult;
use ogong_chain_interface::account::Role;
use ogong_chain_interface::evidence::LivenessAnswer;
use ogong_chain_interface::instruction::RecordLiveness;
use ogong_chain_interface::{ChainError, Instruction, LIVENESS_DEADLINE_MS, LIVENESS_PPM, PROGRAM_ID, address};
use ogong_chain_tests::Expected::{Chain, Number};
use ogong_chain_tests::quorum::{self, approve, approved};
use ogong_chain_tests::world::NETWORK;
use ogong_chain_tests::{Behind, Gated, Known, Node, PLACE, Refusal, World, check, everybody};

/// Anchor's: the account is not the one the seeds derive.
const SEEDS: u32 = 2006;

/// A provider's answer that would be credited.
pub struct Challenge {
    provider: Known,
    answer: LivenessAnswer,
}

/// An answer to a challenge in the `nth` round of the current epoch, with a beacon that draws the provider.
pub fn answer_of(world: &World, provider: &Known, nth: u64) -> LivenessAnswer {
    let config = world.config();
    let round = (config.epoch_started_ms - config.beacon_genesis_ms).div_ceil(config.beacon_period_ms) + nth;
    let started_ms = config.beacon_genesis_ms + round * config.beacon_period_ms;
    let answer = LivenessAnswer { round, beacon: [0; 32], answered_ms: started_ms + 500 };
    drawn(answer, &provider.node.node_id, true)
}

/// The evidence and the record of an answer.
pub fn record(provider: &Known, answer: LivenessAnswer, behind: Behind) -> Vec<Instruction> {
    let record = RecordLiveness {
        handler: behind.handler,
        cosigners: behind.cosigners,
        approvals: behind.approvals,
        authority: provider.wallet.address(),
        node_key: provider.node_key,
        answer,
        stake_epoch: behind.stake_epoch,
    };
    vec![provider.node.verified([answer.message(&PLACE)]), record.instruction(&PROGRAM_ID)]
}

impl Challenge {
    fn of(world: &World, provider: Known, nth: u64) -> Self {
        let answer = answer_of(world, &provider, nth);
        Self { provider, answer }
    }

    fn record(&self, behind: Behind) -> Vec<Instruction> {
        record(&self.provider, self.answer, behind)
    }

    /// Sends it as everybody's.
    fn send(&self, world: &mut World) -> TransactionResult {
        world.send_raw(&self.record(everybody(world)), &world.quorum())
    }
}

/// The answer with the first beacon value by which the provider is, or is not, challenged.
fn drawn(answer: LivenessAnswer, node_id: &[u8; 32], wanted: bool) -> LivenessAnswer {
    (0u64..)
        .map(|n| {
            let mut beacon = [0; 32];
            beacon[..8].copy_from_slice(&n.to_le_bytes());
            LivenessAnswer { beacon, ..answer }
        })
        .find(|answer| answer.is_drawn(&NETWORK, node_id) == wanted)
        .expect("one in ten thousand is drawn")
}

/// The first round of an epoch that runs, with counters, its answer a while ago.
fn scene(world: &mut World) -> Challenge {
    let provider = world.known_operator(97, Role::Provider, 0);
    world.open_work(Role::Provider, provider.wallet.address());
    let challenge = Challenge::of(world, provider, 1);
    later(world, 60);
    challenge
}

fn later(world: &mut World, seconds: u64) {
    world.set_time(i64::try_from(world.now_ms() / 1_000 + seconds).expect("a time"));
}

impl Gated for Challenge {
    fn prepare(world: &mut World) -> Self {
        let provider = world.known_operator(97, Role::Provider, 0);
        let authority = provider.wallet.address();
        world.open_work(Role::Provider, authority);
        world.next_epoch();
        world.next_epoch();
        world.open_work(Role::Provider, authority);
        let challenge = Challenge::of(world, provider, 1);
        later(world, 60);
        challenge
    }

    fn instructions(&self, behind: Behind) -> Vec<Instruction> {
        self.record(behind)
    }

    fn digest(&self, _: &World, stake_epoch: u64) -> [u8; 32] {
        self.answer.digest(&PLACE, &self.provider.wallet.address(), stake_epoch)
    }
}

pub const QUORUM_REFUSALS: &[Refusal] = &quorum::refusals::<Challenge>();

fn spoilt(world: &mut World, spoil: impl FnOnce(&mut Challenge)) -> TransactionResult {
    let mut challenge = scene(world);
    spoil(&mut challenge);
    challenge.send(world)
}

pub const REFUSALS: &[Refusal] = &[
    Refusal {
        name: "one millisecond late",
        expected: Chain(ChainError::LivenessLate),
        attempt: |world| spoilt(world, |c| c.answer.answered_ms += LIVENESS_DEADLINE_MS - 500 + 1),
    },
    Refusal {
        name: "answered before the round began",
        expected: Chain(ChainError::LivenessLate),
        attempt: |world| spoilt(world, |c| c.answer.answered_ms -= 501),
    },
    Refusal {
        name: "answered in the future",
        expected: Chain(ChainError::LivenessLate),
        attempt: |world| {
            let challenge = scene(world);
            world.set_time(i64::try_from(challenge.answer.answered_ms / 1_000 - 1).expect("a time"));
            challenge.send(world)
        },
    },
    Refusal {
        name: "a round of the epoch before",
        expected: Chain(ChainError::LivenessRoundWrong),
        attempt: |world| {
            world.next_epoch();
            spoilt(world, |c| {
                c.answer.round -= 2;
                c.answer.answered_ms -= 6_000;
                c.answer = drawn(c.answer, &c.provider.node.node_id, true);
            })
        },
    },
    Refusal {
        name: "a round past 64 bits",
        expected: Chain(ChainError::LivenessRoundWrong),
        attempt: |world| spoilt(world, |c| c.answer.round = u64::MAX),
    },
    Refusal {
        name: "a provider that was not drawn",
        expected: Chain(ChainError::LivenessNotDrawn),
        attempt: |world| spoilt(world, |c| c.answer = drawn(c.answer, &c.provider.node.node_id, false)),
    },
    Refusal {
        name: "the same round again",
        expected: Chain(ChainError::LivenessRepeated),
        attempt: |world| {
            let challenge = scene(world);
            challenge.send(world).expect("credited");
            challenge.send(world)
        },
    },
    Refusal {
        name: "a round before the last one",
        expected: Chain(ChainError::LivenessRepeated),
        attempt: |world| {
            let first = scene(world);
            let provider = Known {
                wallet: ogong_chain_tests::Wallet {
                    key: first.provider.wallet.key.insecure_clone(),
                    token: first.provider.wallet.token,
                },
                node: Node::of(97),
                node_key: first.provider.node_key,
            };
            let second = Challenge::of(world, provider, 5);
            second.send(world).expect("credited");
            first.send(world)
        },
    },
    Refusal {
        name: "an answer that somebody else signed",
        expected: Chain(ChainError::EvidenceKeyWrong),
        attempt: |world| {
            let challenge = scene(world);
            let mut instructions = challenge.record(everybody(world));
            instructions[0] = Node::of(98).verified([challenge.answer.message(&PLACE)]);
            world.send_raw(&instructions, &world.quorum())
        },
    },
    Refusal {
        name: "an answer to another challenge",
        expected: Chain(ChainError::EvidenceForeign),
        attempt: |world| {
            let challenge = scene(world);
            let mut instructions = challenge.record(everybody(world));
            let other = LivenessAnswer { answered_ms: challenge.answer.answered_ms + 1, ..challenge.answer };
            instructions[0] = challenge.provider.node.verified([other.message(&PLACE)]);
            world.send_raw(&instructions, &world.quorum())
        },
    },
    Refusal {
        name: "without an answer",
        expected: Chain(ChainError::EvidenceUnsigned),
        attempt: |world| {
            let challenge = scene(world);
            let record = challenge.record(everybody(world)).remove(1);
            world.send_raw(&[record], &world.quorum())
        },
    },
    Refusal {
        name: "another provider's counters",
        expected: Chain(ChainError::WorkWrong),
        attempt: |world| {
            let challenge = scene(world);
            let other = world.known_operator(98, Role::Provider, 0);
            world.open_work(Role::Provider, other.wallet.address());
            let mut instructions = challenge.record(everybody(world));
            let epoch = world.config().stake_epoch;
            instructions[1].accounts[5].pubkey =
                address::work(&PROGRAM_ID, epoch, Role::Provider, &other.wallet.address());
            world.send_raw(&instructions, &world.quorum())
        },
    },
    Refusal {
        name: "a verifier's registration",
        expected: Number(SEEDS),
        attempt: |world| {
            let challenge = scene(world);
            let verifier = world.known_operator(98, Role::Verifier, 500);
            let mut instructions = challenge.record(everybody(world));
            instructions[1].accounts[3].pubkey =
                address::operator(&PROGRAM_ID, Role::Verifier, &verifier.wallet.address());
            world.send_raw(&instructions, &world.quorum())
        },
    },
];

#[test]
fn answers_are_counted() {
    let mut world = World::with_stakes(&[1_000; 3]);
    world.next_epoch();
    let challenge = scene(&mut world);
    let size = world.size(&challenge.record(everybody(&world)), &world.quorum());
    assert!(size <= 1_232, "{size} bytes do not fit a transaction");
    challenge.send(&mut world).expect("credited");
    let authority = challenge.provider.wallet.address();
    let work = world.work(1, Role::Provider, &authority);
    assert_eq!((work.liveness, work.last_round, work.count, work.fees), (1, challenge.answer.round, 0, 0));
    assert_eq!(world.epoch(1).totals.liveness, 1);
    let next = Challenge::of(&world, challenge.provider, 2);
    next.send(&mut world).expect("credited");
    assert_eq!(world.epoch(1).totals.liveness, 2);
    world.assert_conserved();
}

/// To the millisecond: at the round's start, and at the deadline.
#[test]
fn the_whole_deadline_counts() {
    for delay in [0, LIVENESS_DEADLINE_MS] {
        let mut world = World::with_stakes(&[1_000; 3]);
        let result = spoilt(&mut world, |c| c.answer.answered_ms = c.answer.answered_ms - 500 + delay);
        assert!(result.is_ok(), "{delay} ms: {result:?}");
    }
}

/// Answers that came in the last seconds of an epoch are recorded in its grace.
#[test]
fn the_epoch_before_is_recorded_in_its_grace() {
    let mut world = World::with_stakes(&[1_000; 3]);
    let challenge = scene(&mut world);
    world.next_epoch();
    let behind = Behind { stake_epoch: 0, ..everybody(&world) };
    world.send_raw(&challenge.record(behind), &world.quorum()).expect("credited");
    assert_eq!((world.epoch(0).totals.liveness, world.epoch(1).totals.liveness), (1, 0));
}

#[test]
fn approvals_do_as_well() {
    let mut world = World::with_stakes(&[1_000; 3]);
    let challenge = Challenge::prepare(&mut world);
    let digest = challenge.digest(&world, 2);
    let approvals = approve(&mut world, digest, 3);
    approved(&mut world, &challenge, approvals).expect("credited");
    assert_eq!(world.epoch(2).totals.liveness, 1);
}

/// Over many beacon values the share that is drawn is the one that the protocol names.
#[test]
fn the_draw_is_as_rare_as_it_says() {
    let node = Node::of(97);
    let rounds = 300_000u64;
    let hits = (0..rounds)
        .filter(|round| {
            LivenessAnswer { round: *round, beacon: [7; 32], answered_ms: 0 }.is_drawn(&NETWORK, &node.node_id)
        })
        .count();
    let expected = rounds * LIVENESS_PPM / 1_000_000;
    // 30 expected: 5 standard deviations to either side
    assert!((3..=57).contains(&hits), "{hits} of {rounds} were drawn, about {expected} expected");
}

#[test]
fn refusals() {
    check(REFUSALS);
}

#[test]
fn quorum_refusals() {
    check(QUORUM_REFUSALS);
}
