//! `accuse_verifier`: a verifier's word on a planted audit against the honeypot's opening.

use crate::settle::event;
use litesvm::types::TransactionResult;
use ogong_chain_interface::account::{Case, Role};
use ogong_chain_interface::event::Accused;
use ogong_chain_interface::evidence::{Honeypot, Word};
use ogong_chain_interface::instruction::{AccuseVerifier, PlantHoneypot};
use ogong_chain_interface::{ChainError, Instruction, PROGRAM_ID, address};
use ogong_chain_tests::Expected::{Chain, Number};
use ogong_chain_tests::{Known, PLACE, Refusal, World, check, trial};

/// Anchor's: the account is not the one the seeds derive.
const SEEDS: u32 = 2006;
/// Anchor's: there is no such account.
const NOT_INITIALIZED: u32 = 3012;

const JOB: [u8; 32] = [0x61; 32];

/// A planted bad answer: the right word is reject.
const BAD: Honeypot = Honeypot { job: JOB, expected: 3, salt: [0x62; 32] };
/// A planted good answer.
const GOOD: Honeypot = Honeypot { expected: 1, ..BAD };

fn word(world: &World, outcome: u8) -> Word {
    Word { job: JOB, report_hash: [0x63; 32], outcome, signed_ms: world.now_ms() + 1 }
}

fn plant(world: &mut World, honeypot: &Honeypot) {
    let planting = PlantHoneypot {
        planter: world.validators[0].address(),
        commitment: honeypot.commitment(),
        stake_epoch: world.config().stake_epoch,
    };
    world.must(planting, &[world.validators[0].key.insecure_clone()]);
}

fn evidence(culprit: &Known, words: &[Word]) -> [u8; 32] {
    let messages: Vec<Vec<u8>> = words.iter().map(|word| word.message(&PLACE)).collect();
    culprit.node.evidence(&messages)
}

fn accusation(world: &World, culprit: &Known, honeypot: Honeypot, words: &[Word]) -> Vec<Instruction> {
    let evidence = culprit.node.verified(words.iter().map(|word| word.message(&PLACE)));
    let accuse = AccuseVerifier {
        accuser: world.owner.address(),
        authority: culprit.wallet.address(),
        node_key: culprit.node_key,
        honeypot,
        evidence: self::evidence(culprit, words),
    };
    vec![evidence, accuse.instruction(&PROGRAM_ID)]
}

fn accuse(world: &mut World, culprit: &Known, honeypot: Honeypot, words: &[Word]) -> TransactionResult {
    let instructions = accusation(world, culprit, honeypot, words);
    world.send_raw(&instructions, &[world.owner.key.insecure_clone()])
}

/// The accusation of a verifier that passed a bad honeypot.
pub fn scene(world: &mut World) -> trial::Scene {
    let culprit = world.known_operator(93, Role::Verifier, 500);
    plant(world, &BAD);
    let instructions = accusation(world, &culprit, BAD, &[word(world, 1)]);
    trial::Scene { instructions, signers: vec![world.owner.key.insecure_clone()] }
}

/// Plants, asks, and accuses.
fn planted(world: &mut World, honeypot: Honeypot, words: impl FnOnce(&World) -> Vec<Word>) -> TransactionResult {
    let culprit = world.known_operator(93, Role::Verifier, 500);
    plant(world, &honeypot);
    let words = words(world);
    accuse(world, &culprit, honeypot, &words)
}

/// Opens the case of a verifier that passed a bad honeypot; with its job and evidence.
pub fn accused(world: &mut World) -> (Known, [u8; 32], [u8; 32]) {
    accused_of(world, 93, JOB, 500)
}

/// The same on a job of one's choice.
pub fn accused_of(world: &mut World, seed: u8, job: [u8; 32], bond: u64) -> (Known, [u8; 32], [u8; 32]) {
    let culprit = world.known_operator(seed, Role::Verifier, bond);
    let bad = Honeypot { job, ..BAD };
    plant(world, &bad);
    let word = Word { job, ..word(world, 1) };
    accuse(world, &culprit, bad, &[word]).expect("a case");
    let evidence = evidence(&culprit, &[word]);
    (culprit, job, evidence)
}

pub const REFUSALS: &[Refusal] = &[
    Refusal {
        name: "the right word on a bad answer",
        expected: Chain(ChainError::EvidenceInnocent),
        attempt: |world| planted(world, BAD, |world| vec![word(world, 3)]),
    },
    Refusal {
        name: "the right word on a good answer",
        expected: Chain(ChainError::EvidenceInnocent),
        attempt: |world| planted(world, GOOD, |world| vec![word(world, 1)]),
    },
    Refusal {
        name: "an honeypot that expects no word",
        expected: Chain(ChainError::EvidenceInnocent),
        attempt: |world| planted(world, Honeypot { expected: 4, ..BAD }, |world| vec![word(world, 1)]),
    },
    Refusal {
        name: "a word on another job",
        expected: Chain(ChainError::EvidenceInnocent),
        attempt: |world| planted(world, BAD, |world| vec![Word { job: [1; 32], ..word(world, 1) }]),
    },
    Refusal {
        name: "two words",
        expected: Chain(ChainError::EvidenceInnocent),
        attempt: |world| planted(world, BAD, |world| vec![word(world, 1), word(world, 3)]),
    },
    Refusal {
        name: "a honeypot of the word's own moment",
        expected: Chain(ChainError::HoneypotTooLate),
        attempt: |world| planted(world, BAD, |world| vec![Word { signed_ms: world.now_ms(), ..word(world, 1) }]),
    },
    Refusal {
        name: "a honeypot that was never planted",
        expected: Number(NOT_INITIALIZED),
        attempt: |world| {
            let culprit = world.known_operator(93, Role::Verifier, 500);
            let word = word(world, 1);
            accuse(world, &culprit, BAD, &[word])
        },
    },
    Refusal {
        name: "an opening with another salt",
        expected: Number(SEEDS),
        attempt: |world| {
            let culprit = world.known_operator(93, Role::Verifier, 500);
            plant(world, &BAD);
            let evidence = culprit.node.verified([word(world, 1).message(&PLACE)]);
            let accuse = AccuseVerifier {
                accuser: world.owner.address(),
                authority: culprit.wallet.address(),
                node_key: culprit.node_key,
                honeypot: Honeypot { salt: [0; 32], ..BAD },
                evidence: self::evidence(&culprit, &[word(world, 1)]),
            };
            let mut instruction = accuse.instruction(&PROGRAM_ID);
            instruction.accounts[4].pubkey = address::honeypot(&PROGRAM_ID, &BAD.commitment());
            world.send_raw(&[evidence, instruction], &[world.owner.key.insecure_clone()])
        },
    },
    Refusal {
        name: "a router's registration",
        expected: Chain(ChainError::RoleWrong),
        attempt: |world| of_role(world, Role::Router),
    },
    Refusal {
        name: "a provider's registration",
        expected: Chain(ChainError::ProviderStakeNotSlashable),
        attempt: |world| of_role(world, Role::Provider),
    },
    Refusal {
        name: "a word of a node that is not this verifier",
        expected: Chain(ChainError::EvidenceKeyWrong),
        attempt: |world| {
            let (culprit, other) = (world.known_operator(93, Role::Verifier, 500), ogong_chain_tests::Node::of(94));
            plant(world, &BAD);
            let culprit = Known { node: other, ..culprit };
            let word = word(world, 1);
            accuse(world, &culprit, BAD, &[word])
        },
    },
];

/// The same evidence against a registration of another role.
fn of_role(world: &mut World, role: Role) -> TransactionResult {
    let culprit = world.known_operator(93, role, 500);
    plant(world, &BAD);
    let evidence = culprit.node.verified([word(world, 1).message(&PLACE)]);
    let accuse = AccuseVerifier {
        accuser: world.owner.address(),
        authority: culprit.wallet.address(),
        node_key: culprit.node_key,
        honeypot: BAD,
        evidence: self::evidence(&culprit, &[word(world, 1)]),
    };
    let mut instruction = accuse.instruction(&PROGRAM_ID);
    let registration = address::operator(&PROGRAM_ID, role, &culprit.wallet.address());
    instruction.accounts[2].pubkey = registration;
    instruction.accounts[5].pubkey = address::case(&PROGRAM_ID, &registration, &JOB, &accuse.evidence);
    world.send_raw(&[evidence, instruction], &[world.owner.key.insecure_clone()])
}

#[test]
fn a_wrong_word_on_a_planted_audit_opens_a_case() {
    for (honeypot, outcome) in [(BAD, 1), (GOOD, 3)] {
        let mut world = World::with_stakes(&[1_000; 3]);
        let meta = planted(&mut world, honeypot, |world| vec![word(world, outcome)]).expect("a case");
        let event = Accused::decode(&event(&meta.logs)).expect("an event");
        assert_eq!((event.kind, event.subject), (2, JOB));
        let case = Case::decode(&world.data(&address::case(&PROGRAM_ID, &event.culprit, &JOB, &event.evidence)))
            .expect("a case");
        assert_eq!((case.kind, case.slashed_ms, case.evidence), (2, 0, event.evidence));
        world.assert_conserved();
    }
}

#[test]
fn one_flipped_byte_is_no_evidence() {
    let mut world = World::with_stakes(&[1_000; 3]);
    let culprit = world.known_operator(93, Role::Verifier, 500);
    plant(&mut world, &BAD);
    let evidence = culprit.node.verified([word(&world, 1).message(&PLACE)]);
    let accuse = AccuseVerifier {
        accuser: world.owner.address(),
        authority: culprit.wallet.address(),
        node_key: culprit.node_key,
        honeypot: BAD,
        evidence: self::evidence(&culprit, &[word(&world, 1)]),
    }
    .instruction(&PROGRAM_ID);
    let payer = [world.owner.key.insecure_clone()];
    // but for the padding byte of the precompile
    for at in (0..evidence.data.len()).filter(|at| *at != 1) {
        let mut flipped = evidence.clone();
        flipped.data[at] ^= 1;
        assert!(world.send_raw(&[flipped, accuse.clone()], &payer).is_err(), "byte {at} of the evidence");
    }
    // and of the opening, behind the discriminator
    for at in 8..accuse.data.len() {
        let mut flipped = accuse.clone();
        flipped.data[at] ^= 1;
        assert!(world.send_raw(&[evidence.clone(), flipped], &payer).is_err(), "byte {at} of the opening");
    }
    assert!(world.send_raw(&[evidence, accuse], &payer).is_ok(), "whole it is one");
}

#[test]
fn refusals() {
    check(REFUSALS);
}
