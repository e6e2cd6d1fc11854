//! `refund_reject`: what it moves and when. Who must sign is in `settle_quorum`.

use crate::settle::event;
use ogong_chain_interface::ChainError;
use ogong_chain_interface::PROGRAM_ID;
use ogong_chain_interface::account::EscrowStatus;
use ogong_chain_interface::event::{Rejected, Settlement};
use ogong_chain_interface::instruction::RefundReject;
use ogong_chain_tests::Expected::Chain;
use ogong_chain_tests::world::{FUNDS, NETWORK, START_S};
use ogong_chain_tests::{Refusal, World, check};

pub const REFUSALS: &[Refusal] = &[
    Refusal {
        name: "to the provider",
        expected: Chain(ChainError::OwnerPayeeWrong),
        attempt: |world| {
            let deal = world.open();
            let reject = RefundReject { owner_token: world.provider.token, ..world.rejection(&deal) };
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
        attempt: |world| {
            let deal = world.open();
            let reject = RefundReject { expiry_ms: deal.order.deadline_ms + 1, ..world.rejection(&deal) };
            world.send(reject, &world.quorum())
        },
    },
];

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
    let digest = Settlement {
        network: NETWORK,
        program: PROGRAM_ID,
        reply_id: deal.reply_id,
        record_hash: reject.record_hash,
        outcome: 3,
        verdict_hash: reject.verdict_hash,
        round: reject.round,
        n_prompt: 0,
        n_billed: 0,
        payees: vec![(world.owner.address(), deal.order.max_fee)],
        stake_epoch: 0,
        expiry_ms: reject.expiry_ms,
    }
    .digest();
    let wanted = Rejected {
        reply_id: deal.reply_id,
        digest,
        record_hash: reject.record_hash,
        verdict_hash: reject.verdict_hash,
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
