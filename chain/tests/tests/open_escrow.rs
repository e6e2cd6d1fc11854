//! `open_escrow`.

use litesvm::types::TransactionResult;
use ogong_chain_interface::account::{Decision, Escrow, EscrowStatus};
use ogong_chain_interface::error::ACCOUNT_IN_USE;
use ogong_chain_interface::{Address, ChainError, PROGRAM_ID, address};
use ogong_chain_tests::Expected::{Chain, Number};
use ogong_chain_tests::world::{FUNDS, NETWORK};
use ogong_chain_tests::{Order, Refusal, World, check};

/// Anchor's: the account is not the one the order's hash derives.
const SEEDS: u32 = 2006;
/// Anchor's: a token account that is another's.
const TOKEN_OWNER: u32 = 2015;
/// Anchor's: a token account of another mint.
const TOKEN_MINT: u32 = 2014;
/// SPL Token's.
const INSUFFICIENT_FUNDS: u32 = 1;

fn open(world: &mut World, spoil: fn(&mut Order)) -> TransactionResult {
    let mut order = world.order();
    spoil(&mut order);
    let opening = world.opening(&order);
    world.send(opening, &[world.owner.key.insecure_clone()])
}

fn open_bytes(world: &mut World, spoil: fn(&mut Vec<u8>)) -> TransactionResult {
    let mut opening = world.opening(&world.order());
    spoil(&mut opening.order);
    world.send(opening, &[world.owner.key.insecure_clone()])
}

const fn refusal(name: &'static str, error: ChainError, attempt: fn(&mut World) -> TransactionResult) -> Refusal {
    Refusal { name, expected: Chain(error), attempt }
}

pub const REFUSALS: &[Refusal] = &[
    refusal("no bytes", ChainError::OrderMalformed, |world| open_bytes(world, Vec::clear)),
    refusal("one byte short", ChainError::OrderMalformed, |world| {
        open_bytes(world, |bytes| {
            bytes.pop();
        })
    }),
    refusal("one byte more", ChainError::OrderMalformed, |world| open_bytes(world, |bytes| bytes.push(0))),
    refusal("model id of 4 GiB", ChainError::OrderMalformed, |world| {
        open_bytes(world, |bytes| bytes[201..205].fill(0xff))
    }),
    refusal("model id not UTF-8", ChainError::OrderMalformed, |world| {
        open(world, |order| order.model_id = vec![0xff; 8])
    }),
    refusal("model id of no model", ChainError::ModelIdInvalid, |world| {
        open(world, |order| order.model_id = b"smollm2".to_vec())
    }),
    refusal("version 0", ChainError::OrderVersionUnknown, |world| open(world, |order| order.version = 0)),
    refusal("version 2", ChainError::OrderVersionUnknown, |world| open(world, |order| order.version = 2)),
    refusal("another network", ChainError::OrderNetworkWrong, |world| open(world, |order| order.network = [1; 32])),
    refusal("another program", ChainError::OrderProgramWrong, |world| {
        open(world, |order| order.program = Address::default())
    }),
    refusal("another's order", ChainError::OrderOwnerWrong, |world| {
        open(world, |order| order.owner = Address::new_from_array([1; 32]))
    }),
    refusal("deadline now", ChainError::OrderDeadlinePassed, |world| {
        open(world, |order| order.deadline_ms = order.issued_ms)
    }),
    refusal("deadline long ago", ChainError::OrderDeadlinePassed, |world| open(world, |order| order.deadline_ms = 0)),
    Refusal {
        name: "the same order again",
        expected: Number(ACCOUNT_IN_USE),
        attempt: |world| {
            world.open();
            open(world, |_| {})
        },
    },
    Refusal {
        name: "the same order again after it was settled",
        expected: Number(ACCOUNT_IN_USE),
        attempt: |world| {
            let deal = world.open();
            world.must(world.settlement(&deal), &world.quorum());
            open(world, |_| {})
        },
    },
    Refusal {
        name: "under another reply id",
        expected: Number(SEEDS),
        attempt: |world| {
            let mut instruction = world.opening(&world.order()).instruction(&PROGRAM_ID);
            instruction.accounts[2].pubkey = address::escrow(&PROGRAM_ID, &[1; 32]);
            world.send(instruction, &[world.owner.key.insecure_clone()])
        },
    },
    Refusal {
        name: "another's tokens",
        expected: Number(TOKEN_OWNER),
        attempt: |world| {
            let mut opening = world.opening(&world.order());
            opening.owner_token = world.provider.token;
            world.send(opening, &[world.owner.key.insecure_clone()])
        },
    },
    Refusal {
        name: "worthless tokens",
        expected: Number(TOKEN_MINT),
        attempt: |world| {
            let opening = world.opening(&world.order());
            // the first byte of the token account's mint
            world.tamper(&opening.owner_token, |data| data[0] ^= 1);
            let result = world.send(opening, &[world.owner.key.insecure_clone()]);
            let token = world.owner.token;
            world.tamper(&token, |data| data[0] ^= 1);
            result
        },
    },
    Refusal {
        name: "more than it has",
        expected: Number(INSUFFICIENT_FUNDS),
        attempt: |world| open(world, |order| order.max_fee = FUNDS + 1),
    },
];

#[test]
fn moves_the_fee_in_and_writes_the_order_down() {
    let mut world = World::new();
    let deal = world.open();
    let order = &deal.order;
    let escrow = world.escrow(&deal);
    let opened_slot = escrow.opened_slot;
    let wanted = Escrow {
        status: EscrowStatus::Open,
        reply_id: deal.reply_id,
        owner: world.owner.address(),
        session_key: [0x55; 32],
        provider: order.provider,
        router: order.router,
        provider_payout: world.provider.address(),
        router_payout: world.router.address(),
        model_root: order.model_root,
        req_hash: order.req_hash,
        price_prompt: order.price_prompt,
        price_completion: order.price_completion,
        max_fee: order.max_fee,
        max_tokens: order.max_tokens,
        deadline_ms: order.deadline_ms,
        opened_slot,
        record_hash: [0; 32],
        verdict_hash: [0; 32],
        fee: 0,
        deposit: Address::default(),
        provider_operator: Address::default(),
        router_operator: Address::default(),
        decision: Decision::default(),
    };
    assert_eq!(escrow, wanted);
    assert_eq!(world.balance(&world.owner.token), FUNDS - order.max_fee);
    assert_eq!(world.balance(&address::vault(&PROGRAM_ID)), order.max_fee);
    assert_eq!(world.data(&address::escrow(&PROGRAM_ID, &deal.reply_id))[..8], Escrow::discriminator());
}

#[test]
fn every_bit_of_the_order_makes_another_reply_id() {
    let world = World::bare();
    let bytes = Order::new(world.owner.address(), NETWORK, 1).bytes();
    let id = |bytes: Vec<u8>| {
        ogong_chain_interface::instruction::OpenEscrow { order: bytes, ..world.opening(&world.order()) }.reply_id()
    };
    let mut seen = std::collections::BTreeSet::from([id(bytes.clone())]);
    for bit in 0..bytes.len() * 8 {
        let mut bytes = bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(seen.insert(id(bytes)), "bit {bit}");
    }
}

#[test]
fn takes_the_longest_order_in_one_transaction() {
    let mut world = World::new();
    let mut order = world.order();
    order.model_id = format!("ogong/verified/{}/{}", "m".repeat(64), "n".repeat(64)).into_bytes();
    let opening = world.opening(&order).instruction(&PROGRAM_ID);
    let size = world.size(&[opening], &[world.owner.key.insecure_clone()]);
    println!("open_escrow with the longest model id: {size} of 1232 bytes");
    assert!(size <= 1_232, "{size}");
    let meta = world.open_order(order);
    assert_eq!(world.escrow(&meta).status, EscrowStatus::Open);
}

#[test]
fn takes_a_second_more_and_a_fee_of_zero() {
    let mut world = World::new();
    let mut order = world.order();
    (order.deadline_ms, order.max_fee) = (order.issued_ms + 1, 0);
    let deal = world.open_order(order);
    assert_eq!(world.escrow(&deal).max_fee, 0);
}

#[test]
fn refusals() {
    check(REFUSALS);
}
