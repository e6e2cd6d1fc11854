//! `accuse_validator`: two votes of one validator on one reply, one that pays and one that refunds. Everything about how
//! evidence is signed and read is tried here; the other two kinds of cases read it with the same code.

use crate::settle::event;
use litesvm::types::TransactionResult;
use ogong_chain_interface::account::Case;
use ogong_chain_interface::error::ACCOUNT_IN_USE;
use ogong_chain_interface::event::Accused;
use ogong_chain_interface::evidence::{Place, Vote};
use ogong_chain_interface::instruction::AccuseValidator;
use ogong_chain_interface::{Address, ChainError, Instruction, PROGRAM_ID, address};
use ogong_chain_tests::Expected::{Chain, Number};
use ogong_chain_tests::refusal::number;
use ogong_chain_tests::{Known, Node, PLACE, Refusal, World, check, trial};

/// Anchor's: the account is not the one the seeds derive.
const SEEDS: u32 = 2006;
/// Anchor's: the account is of another type.
const DISCRIMINATOR: u32 = 3002;
/// Anchor's: the account is another program's.
const FOREIGN_OWNER: u32 = 3007;

/// The precompile's own: there is nothing to verify.
const NO_SIGNATURES: u32 = 4;

pub const REPLY: [u8; 32] = [0x44; 32];

/// A vote on the reply.
pub fn vote(outcome: u8) -> Vote {
    Vote { reply_id: REPLY, outcome, verdict_hash: [outcome; 32], digest: [0x50 + outcome; 32] }
}

fn signed(outcome: u8) -> Vec<u8> {
    vote(outcome).message(&PLACE)
}

/// What an accusation consists of, so that a test can spoil a part.
struct Scene {
    culprit: Known,
    evidence: Instruction,
    accuse: Instruction,
}

impl Scene {
    fn set(world: &mut World, messages: &[Vec<u8>]) -> Self {
        let culprit = world.known_validator(91, 100);
        let evidence = culprit.node.verified(messages.iter().cloned());
        let accuse = accusation(world, &culprit, messages).instruction(&PROGRAM_ID);
        Self { culprit, evidence, accuse }
    }

    fn send(self, world: &mut World) -> TransactionResult {
        let instructions = [self.evidence, self.accuse];
        world.send_raw(&instructions, &[world.owner.key.insecure_clone()])
    }
}

/// Accept and reject.
fn both() -> [Vec<u8>; 2] {
    [signed(1), signed(3)]
}

/// What `accused` shows.
pub fn evidence(culprit: &Known) -> [u8; 32] {
    culprit.node.evidence(&both())
}

/// Anybody accuses: here the consumer.
pub fn accusation(world: &World, culprit: &Known, messages: &[Vec<u8>]) -> AccuseValidator {
    AccuseValidator {
        accuser: world.owner.address(),
        authority: culprit.wallet.address(),
        node_key: culprit.node_key,
        reply_id: REPLY,
        evidence: culprit.node.evidence(messages),
    }
}

/// Opens the case of accept against reject.
pub fn accused(world: &mut World, seed: u8, stake: u64) -> Known {
    let culprit = world.known_validator(seed, stake);
    let evidence = culprit.node.verified([signed(1), signed(3)]);
    let accuse = accusation(world, &culprit, &both()).instruction(&PROGRAM_ID);
    world.send_raw(&[evidence, accuse], &[world.owner.key.insecure_clone()]).expect("a case");
    culprit
}

/// The accusation of a validator that voted both ways.
pub fn scene(world: &mut World) -> trial::Scene {
    let culprit = world.known_validator(94, 100);
    let evidence = culprit.node.verified([signed(1), signed(3)]);
    let accuse = accusation(world, &culprit, &both()).instruction(&PROGRAM_ID);
    trial::Scene { instructions: vec![evidence, accuse], signers: vec![world.owner.key.insecure_clone()] }
}

fn with(world: &mut World, messages: &[Vec<u8>]) -> TransactionResult {
    Scene::set(world, messages).send(world)
}

fn spoilt(world: &mut World, spoil: impl FnOnce(&mut World, &mut Scene)) -> TransactionResult {
    let mut scene = Scene::set(world, &[signed(1), signed(3)]);
    spoil(world, &mut scene);
    scene.send(world)
}

fn offset(scene: &mut Scene, place: usize, value: u16) {
    scene.evidence.data[place..place + 2].copy_from_slice(&value.to_le_bytes());
}

/// Puts the case where it belongs to other evidence.
fn opened_with(scene: &mut Scene, evidence: [u8; 32]) {
    let culprit = address::validator(&PROGRAM_ID, &scene.culprit.wallet.address());
    scene.accuse.accounts[4].pubkey = address::case(&PROGRAM_ID, &culprit, &REPLY, &evidence);
}

const fn innocent(name: &'static str, attempt: fn(&mut World) -> TransactionResult) -> Refusal {
    Refusal { name, expected: Chain(ChainError::EvidenceInnocent), attempt }
}

const fn foreign(name: &'static str, attempt: fn(&mut World) -> TransactionResult) -> Refusal {
    Refusal { name, expected: Chain(ChainError::EvidenceForeign), attempt }
}

pub const REFUSALS: &[Refusal] = &[
    innocent("one vote", |world| with(world, &[signed(1)])),
    Refusal { name: "no vote", expected: Number(NO_SIGNATURES), attempt: |world| with(world, &[]) },
    innocent("the same vote twice", |world| with(world, &[signed(3), signed(3)])),
    innocent("accept and not selected", |world| with(world, &[signed(1), signed(2)])),
    innocent("two accepts with different verdicts", |world| {
        with(world, &[signed(1), Vote { verdict_hash: [9; 32], ..vote(1) }.message(&PLACE)])
    }),
    innocent("inconclusive, which settles nothing", |world| with(world, &[signed(1), signed(4)])),
    innocent("votes on two replies", |world| {
        with(world, &[signed(1), Vote { reply_id: [0x45; 32], ..vote(3) }.message(&PLACE)])
    }),
    innocent("a case about another reply", |world| {
        let culprit = world.known_validator(91, 100);
        let evidence = culprit.node.verified([signed(1), signed(3)]);
        let accuse = AccuseValidator { reply_id: [0x45; 32], ..accusation(world, &culprit, &both()) };
        let instructions = [evidence, accuse.instruction(&PROGRAM_ID)];
        world.send_raw(&instructions, &[world.owner.key.insecure_clone()])
    }),
    foreign("a vote on another network", |world| {
        with(world, &[signed(1), vote(3).message(&Place { network: [1; 32], ..PLACE })])
    }),
    foreign("a vote for another program", |world| {
        with(world, &[signed(1), vote(3).message(&Place { program: Address::default(), ..PLACE })])
    }),
    foreign("a statement under another tag", |world| {
        with(world, &[signed(1), [&26u32.to_le_bytes()[..], b"ogong/v1/settlement/settle", &signed(3)[30..]].concat()])
    }),
    foreign("a statement of another version", |world| {
        let mut message = signed(3);
        message[30] = 2;
        with(world, &[signed(1), message])
    }),
    foreign("no statement at all", |world| with(world, &[signed(1), Vec::new()])),
    Refusal {
        name: "a vote one byte short",
        expected: Chain(ChainError::EvidenceMalformed),
        attempt: |world| {
            let mut message = signed(3);
            message.pop();
            with(world, &[signed(1), message])
        },
    },
    Refusal {
        name: "a vote one byte longer",
        expected: Chain(ChainError::EvidenceMalformed),
        attempt: |world| with(world, &[signed(1), [signed(3), vec![0]].concat()]),
    },
    Refusal {
        name: "another's signatures",
        expected: Chain(ChainError::EvidenceKeyWrong),
        attempt: |world| {
            spoilt(world, |_, scene| {
                scene.evidence = Node::of(92).verified(both());
                opened_with(scene, Node::of(92).evidence(&both()));
            })
        },
    },
    Refusal {
        name: "one of two signatures another's",
        expected: Chain(ChainError::EvidenceKeyWrong),
        attempt: |world| {
            spoilt(world, |_, scene| {
                // a second precompile's worth of data behind the first, with a key of its own
                let other = Node::of(92);
                let one = other.sign(signed(3));
                let start = u16::try_from(scene.evidence.data.len()).expect("short");
                let length = u16::try_from(one.message.len()).expect("short");
                scene.evidence.data.extend_from_slice(&other.ed25519());
                scene.evidence.data.extend_from_slice(&one.signature);
                scene.evidence.data.extend_from_slice(&one.message);
                // the second entry's offsets: signature, key, message
                offset(scene, 16, start + 32);
                offset(scene, 20, start);
                offset(scene, 24, start + 96);
                offset(scene, 26, length);
                let own = scene.culprit.node.ed25519();
                opened_with(scene, sha256(&[&own[..], &signed(1), &other.ed25519(), &signed(3)].concat()));
            })
        },
    },
    Refusal {
        name: "nothing verified in front",
        expected: Chain(ChainError::EvidenceUnsigned),
        attempt: |world| {
            let scene = Scene::set(world, &[signed(1), signed(3)]);
            world.send_raw(&[scene.accuse], &[world.owner.key.insecure_clone()])
        },
    },
    Refusal {
        name: "verified behind instead of in front",
        expected: Chain(ChainError::EvidenceUnsigned),
        attempt: |world| {
            let scene = Scene::set(world, &[signed(1), signed(3)]);
            world.send_raw(&[scene.accuse, scene.evidence], &[world.owner.key.insecure_clone()])
        },
    },
    Refusal {
        name: "something in between",
        expected: Chain(ChainError::EvidenceUnsigned),
        attempt: |world| {
            let scene = Scene::set(world, &[signed(1), signed(3)]);
            let between = world.opening(&world.order()).instruction(&PROGRAM_ID);
            world.send_raw(&[scene.evidence, between, scene.accuse], &[world.owner.key.insecure_clone()])
        },
    },
    Refusal {
        name: "the message in another instruction",
        expected: Chain(ChainError::EvidenceOffsets),
        attempt: |world| points_elsewhere(world, 24, 28),
    },
    Refusal {
        name: "the key in another instruction",
        expected: Chain(ChainError::EvidenceOffsets),
        attempt: |world| points_elsewhere(world, 20, 22),
    },
    Refusal {
        name: "the signature in another instruction",
        expected: Chain(ChainError::EvidenceOffsets),
        attempt: |world| points_elsewhere(world, 16, 18),
    },
    Refusal {
        name: "a key that is not complete",
        expected: Chain(ChainError::NodeKeyUnverified),
        attempt: |world| {
            spoilt(world, |world, scene| {
                let node = &scene.culprit.node;
                let payer = world.admin.address();
                let parts =
                    ogong_chain_interface::instruction::PublishNodeKey::parts(&payer, node.node_id, &node.public);
                world.must(parts[0].clone(), &[world.admin.key.insecure_clone()]);
            })
        },
    },
    Refusal {
        name: "another node's published key",
        expected: Chain(ChainError::NodeKeyUnverified),
        attempt: |world| {
            spoilt(world, |world, scene| {
                let other = Node::of(92);
                scene.accuse.accounts[3].pubkey = world.publish(&other);
                scene.evidence = other.verified(both());
                opened_with(scene, other.evidence(&both()));
            })
        },
    },
    Refusal {
        name: "a key account of another program",
        expected: Number(FOREIGN_OWNER),
        attempt: |world| {
            spoilt(world, |world, scene| {
                let (forged, key) = (world.provider.address(), scene.culprit.node_key);
                let mut account = world.svm.get_account(&key).expect("a key");
                account.owner = Address::default();
                world.svm.set_account(forged, account).expect("a forged key");
                scene.accuse.accounts[3].pubkey = forged;
            })
        },
    },
    Refusal {
        name: "an account of another type as the key",
        expected: Number(DISCRIMINATOR),
        attempt: |world| spoilt(world, |_, scene| scene.accuse.accounts[3].pubkey = address::config(&PROGRAM_ID)),
    },
    Refusal {
        name: "another account as the sysvar",
        expected: Chain(ChainError::EvidenceUnsigned),
        attempt: |world| spoilt(world, |world, scene| scene.accuse.accounts[5].pubkey = world.provider.address()),
    },
    Refusal {
        name: "the case at another's address",
        expected: Number(SEEDS),
        attempt: |world| {
            spoilt(world, |_, scene| {
                scene.accuse.accounts[4].pubkey = address::case(&PROGRAM_ID, &Address::default(), &REPLY, &[0; 32]);
            })
        },
    },
    Refusal {
        name: "twice",
        expected: Number(ACCOUNT_IN_USE),
        attempt: |world| {
            let culprit = accused(world, 91, 100);
            let evidence = culprit.node.verified([signed(1), signed(3)]);
            let again = accusation(world, &culprit, &both()).instruction(&PROGRAM_ID);
            world.send_raw(&[evidence, again], &[world.owner.key.insecure_clone()])
        },
    },
];

/// A field of the second signature names bytes in the accusation, which are the right ones: the precompile is content.
fn points_elsewhere(world: &mut World, field: usize, instruction: usize) -> TransactionResult {
    spoilt(world, |_, scene| {
        let behind = u16::try_from(scene.accuse.data.len()).expect("short");
        scene.accuse.data.extend_from_slice(&scene.evidence.data.clone());
        let there = u16::from_le_bytes([scene.evidence.data[field], scene.evidence.data[field + 1]]);
        offset(scene, field, behind + there);
        // the precompile counts instructions from 0, and the accusation is the second
        offset(scene, instruction, 1);
    })
}

#[test]
fn contradicting_votes_open_a_case() {
    for (first, second) in [(1, 3), (3, 1), (2, 3), (3, 2)] {
        let mut world = World::with_stakes(&[1_000; 3]);
        let scene = Scene::set(&mut world, &[signed(first), signed(second)]);
        let culprit = address::validator(&PROGRAM_ID, &scene.culprit.wallet.address());
        let key = scene.culprit.node.ed25519();
        let size = world.size(&[scene.evidence.clone(), scene.accuse.clone()], &[world.owner.key.insecure_clone()]);
        assert!(size <= 1_232, "{size} bytes do not fit a transaction");
        let meta = scene.send(&mut world).expect("a case");
        let evidence = sha256(&[&key[..], &signed(first), &key, &signed(second)].concat());
        let case = address::case(&PROGRAM_ID, &culprit, &REPLY, &evidence);
        let case = Case::decode(&world.data(&case)).expect("a case");
        let wanted = Case {
            kind: 1,
            culprit,
            subject: REPLY,
            evidence,
            accuser: world.owner.address(),
            opened_ms: world.now_ms(),
            slashed_ms: 0,
            slashed: 0,
        };
        assert_eq!(case, wanted);
        let accused = Accused { kind: 1, culprit, subject: REPLY, evidence };
        assert_eq!(Accused::decode(&event(&meta.logs)), Ok(accused));
        // an accusation alone moves nothing
        assert_eq!(world.balance(&world.reserve()), 0);
        assert_eq!(world.balance(&address::stake_vault(&PROGRAM_ID)), 3_100);
        world.assert_conserved();
    }
}

/// Flips each byte of the evidence, one at a time: nothing but the evidence itself opens a case.
#[test]
fn one_flipped_byte_is_no_evidence() {
    let mut world = World::with_stakes(&[1_000; 3]);
    let scene = Scene::set(&mut world, &[signed(1), signed(3)]);
    let (payer, evidence_hash) = ([world.owner.key.insecure_clone()], evidence(&scene.culprit));
    for at in 0..scene.evidence.data.len() {
        let mut evidence = scene.evidence.clone();
        evidence.data[at] ^= 1;
        // the padding byte of the precompile means nothing
        let result = world.send_raw(&[evidence, scene.accuse.clone()], &payer);
        if at == 1 {
            assert!(result.is_ok(), "byte 1 is padding: {result:?}");
            let culprit = address::validator(&PROGRAM_ID, &scene.culprit.wallet.address());
            let case = address::case(&PROGRAM_ID, &culprit, &REPLY, &evidence_hash);
            world.svm.set_account(case, solana_account::Account::default()).expect("the case is gone");
        } else {
            assert!(result.is_err(), "byte {at} flipped, and still a case");
        }
    }
    assert!(number(&world.send_raw(&[scene.evidence, scene.accuse], &payer)).is_none(), "whole it is one");
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).into()
}

#[test]
fn refusals() {
    check(REFUSALS);
}
