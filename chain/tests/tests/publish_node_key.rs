//! `publish_node_key`: a key is whose hash it has.

use litesvm::types::TransactionResult;
use ogong_chain_interface::instruction::PublishNodeKey;
use ogong_chain_interface::{ChainError, PROGRAM_ID, address};
use ogong_chain_tests::Expected::{Chain, Number};
use ogong_chain_tests::{Node, Refusal, World, check};

/// Anchor's: the account is not the one the seeds derive.
const SEEDS: u32 = 2006;
/// Anchor's: the key did not sign.
const NOT_SIGNER: u32 = 3010;

pub const REFUSALS: &[Refusal] = &[
    Refusal {
        name: "one byte flipped",
        expected: Chain(ChainError::NodeKeyWrong),
        attempt: |world| publish(world, |node| node.public[700] ^= 1),
    },
    Refusal {
        name: "another node's key",
        expected: Chain(ChainError::NodeKeyWrong),
        attempt: |world| publish(world, |node| node.node_id = Node::of(78).node_id),
    },
    Refusal {
        name: "one byte too long",
        expected: Chain(ChainError::NodeKeyOffset),
        attempt: |world| {
            let parts = parts(world);
            world.must(parts[0].clone(), &[world.admin.key.insecure_clone()]);
            let mut last = parts[1].clone();
            last.part.push(0);
            world.send(last, &[world.admin.key.insecure_clone()])
        },
    },
    Refusal {
        name: "with a gap",
        expected: Chain(ChainError::NodeKeyOffset),
        attempt: |world| world.send(parts(world)[1].clone(), &[world.admin.key.insecure_clone()]),
    },
    Refusal {
        name: "the last part again",
        expected: Chain(ChainError::NodeKeyOffset),
        attempt: |world| {
            let node = Node::of(77);
            world.publish(&node);
            world.send(parts(world)[1].clone(), &[world.admin.key.insecure_clone()])
        },
    },
    Refusal {
        name: "into another's account",
        expected: Number(SEEDS),
        attempt: |world| {
            let mut instruction = parts(world)[0].instruction(&PROGRAM_ID);
            instruction.accounts[1].pubkey =
                address::node_key(&PROGRAM_ID, &Node::of(77).node_id, &world.owner.address());
            world.send(instruction, &[world.admin.key.insecure_clone()])
        },
    },
    Refusal {
        name: "without the payer's signature",
        expected: Number(NOT_SIGNER),
        attempt: |world| {
            let mut instruction = parts(world)[0].instruction(&PROGRAM_ID);
            instruction.accounts[0].is_signer = false;
            world.send(instruction, &[world.owner.key.insecure_clone()])
        },
    },
];

fn parts(world: &World) -> Vec<PublishNodeKey> {
    let node = Node::of(77);
    PublishNodeKey::parts(&world.admin.address(), node.node_id, &node.public)
}

/// Publishes a key with something wrong, and returns how the last part went.
fn publish(world: &mut World, spoil: fn(&mut Node)) -> TransactionResult {
    let mut node = Node::of(77);
    spoil(&mut node);
    let mut parts = PublishNodeKey::parts(&world.admin.address(), node.node_id, &node.public);
    let last = parts.pop().expect("a part");
    for part in parts {
        world.must(part, &[world.admin.key.insecure_clone()]);
    }
    world.send(last, &[world.admin.key.insecure_clone()])
}

#[test]
fn two_transactions_hold_a_key() {
    let mut world = World::new();
    let node = Node::of(77);
    let place = world.publish(&node);
    let published = world.node_key(&place);
    assert_eq!((published.node_id, published.verified), (node.node_id, true));
    assert_eq!(published.public, node.public);
    assert_eq!(published.payer, world.admin.address());
    let parts = parts(&world);
    assert_eq!(parts.len(), 2);
    for part in &parts {
        let size = world.size(&[part.instruction(&PROGRAM_ID)], &[world.admin.key.insecure_clone()]);
        assert!(size <= 1_232, "{size} bytes do not fit a transaction");
    }
}

/// Beginning anew takes the mark away until the key is whole again: half a key never counts.
#[test]
fn a_key_that_is_begun_anew_is_not_verified() {
    let mut world = World::new();
    let node = Node::of(77);
    let place = world.publish(&node);
    let parts = parts(&world);
    world.must(parts[0].clone(), &[world.admin.key.insecure_clone()]);
    assert!(!world.node_key(&place).verified);
    world.must(parts[1].clone(), &[world.admin.key.insecure_clone()]);
    assert!(world.node_key(&place).verified);
}

/// Nobody can spoil what another payer publishes: the accounts differ.
#[test]
fn two_payers_do_not_meet() {
    let mut world = World::new();
    let node = Node::of(77);
    let place = world.publish(&node);
    let owner = world.owner.address();
    let half = PublishNodeKey { payer: owner, node_id: node.node_id, offset: 0, part: vec![1; 672] };
    world.must(half, &[world.owner.key.insecure_clone()]);
    assert!(world.node_key(&place).verified);
    assert!(!world.node_key(&address::node_key(&PROGRAM_ID, &node.node_id, &owner)).verified);
}

#[test]
fn refusals() {
    check(REFUSALS);
}
