//! `refund_reject`: what it moves and when. Who must sign is in `settle_quorum`.

use crate::settle::event;
use litesvm::types::TransactionResult;
use ogong_chain_interface::ChainError;
use ogong_chain_interface::PROGRAM_ID;
use ogong_chain_interface::account::EscrowStatus;
use ogong_chain_interface::event::{Rejected, Settlement};
use ogong_chain_interface::instruction::{Change, FundDeposit, RefundReject, Verdict};
use ogong_chain_interface::{AccountMeta, address};
use ogong_chain_tests::Expected::Chain;
use ogong_chain_tests::world::{FUNDS, NETWORK, START_S};
use ogong_chain_tests::{Refusal, World, check};

pub const REFUSALS: &[Refusal] = &[
    Refusal {
        name: "to the provider",
        expected: Chain(ChainError::OwnerPayeeWrong),
        attempt: |world| {
            let deal = world.open();
            let reject = RefundReject { change: Change::Token(world.provider.token), ..world.rejection(&deal) };
            world.send(reject, &world.quorum())
        },
    },
    Refusal {
        name: "twice",
        expected: Chain(ChainError::EscrowNotOpen),
        attempt: |world| {
            let deal = world.open();
            world.must(world.rejection(&deal), &world.quorum());
            world.send(world.rejection(&deal), &world.quorum())
        },
    },
    Refusal {
        name: "after a settle",
        expected: Chain(ChainError::EscrowNotOpen),
        attempt: |world| {
            let deal = world.open();
            world.must(world.settlement(&deal), &world.quorum());
            world.send(world.rejection(&deal), &world.quorum())
        },
    },
    Refusal {
        name: "after the expiry",
        expected: Chain(ChainError::SettleExpired),
        attempt: |world| {
            let deal = world.open();
            world.set_time(START_S + 901);
            world.send(world.rejection(&deal), &world.quorum())
        },
    },
    Refusal {
        name: "expiry after the deadline",
        expected: Chain(ChainError::ExpiryAfterDeadline),
        attempt: |world| rejected(world, |verdict| verdict.expiry_ms += 1),
    },
    Refusal {
        name: "an accept",
        expected: Chain(ChainError::OutcomeNotReject),
        attempt: |world| rejected(world, |verdict| verdict.outcome = 1),
    },
    Refusal {
        name: "prompt tokens",
        expected: Chain(ChainError::RejectBills),
        attempt: |world| rejected(world, |verdict| verdict.n_prompt = 1),
    },
    Refusal {
        name: "billed tokens",
        expected: Chain(ChainError::RejectBills),
        attempt: |world| rejected(world, |verdict| verdict.n_billed = 1),
    },
    Refusal {
        name: "counted tokens",
        expected: Chain(ChainError::RejectBills),
        attempt: |world| rejected(world, |verdict| verdict.n_counted = 1),
    },
    Refusal {
        name: "of another request",
        expected: Chain(ChainError::RequestHashWrong),
        attempt: |world| rejected(world, |verdict| verdict.req_hash[0] ^= 1),
    },
    Refusal {
        name: "into a deposit that the escrow is not from",
        expected: Chain(ChainError::OwnerPayeeWrong),
        attempt: |world| {
            let deal = world.open();
            let stranger = world.wallet(FUNDS);
            let fund = FundDeposit {
                owner: stranger.address(),
                owner_token: stranger.token,
                delegate: stranger.address(),
                amount: 5,
            };
            world.must(fund, &[stranger.key.insecure_clone()]);
            let theirs = address::deposit(&PROGRAM_ID, &stranger.address(), &stranger.address());
            let reject = RefundReject { change: Change::Deposit(theirs), ..world.rejection(&deal) };
            world.send(reject, &world.quorum())
        },
    },
    Refusal {
        name: "to nobody",
        expected: Chain(ChainError::OwnerPayeeWrong),
        attempt: |world| {
            let deal = world.open();
            let mut instruction = world.rejection(&deal).instruction(&PROGRAM_ID);
            instruction.accounts[5] = AccountMeta::new_readonly(PROGRAM_ID, false);
            world.send(instruction, &world.quorum())
        },
    },
];

/// A reject of a fresh escrow, signed by all, with one thing wrong.
fn rejected(world: &mut World, spoil: fn(&mut Verdict)) -> TransactionResult {
    let deal = world.open();
    let mut reject = world.rejection(&deal);
    spoil(&mut reject.verdict);
    world.send(reject, &world.quorum())
}

#[test]
fn returns_everything_and_says_so() {
    let mut world = World::with_stakes(&[1_000; 3]);
    let deal = world.open();
    let reject = world.rejection(&deal);
    let meta = world.must(reject.clone(), &world.quorum());
    assert_eq!(world.balance(&world.owner.token), FUNDS);
    let escrow = world.escrow(&deal);
    assert_eq!(escrow.status, EscrowStatus::Refunded);
    assert_eq!((escrow.record_hash, escrow.verdict_hash, escrow.fee), ([0x66; 32], [0x88; 32], 0));
    assert_eq!(world.epoch(0).audits, [1, 1, 1], "an audit was decided");
    let digest = Settlement {
        network: NETWORK,
        program: PROGRAM_ID,
        reply_id: deal.reply_id,
        record_hash: reject.verdict.record_hash,
        outcome: 3,
        verdict_hash: reject.verdict.verdict_hash,
        round: reject.verdict.round,
        n_prompt: 0,
        n_billed: 0,
        n_counted: 0,
        payees: vec![(world.owner.address(), deal.order.max_fee)],
        stake_epoch: 0,
        expiry_ms: reject.verdict.expiry_ms,
    }
    .digest();
    let wanted = Rejected {
        reply_id: deal.reply_id,
        digest,
        record_hash: reject.verdict.record_hash,
        verdict_hash: reject.verdict.verdict_hash,
        amount: deal.order.max_fee,
        handler: world.validators[0].address(),
        signed_stake: 3_000,
        total_stake: 3_000,
    };
    assert_eq!(Rejected::decode(&event(&meta.logs)), Ok(wanted));
}

#[test]
fn refusals() {
    check(REFUSALS);
}
