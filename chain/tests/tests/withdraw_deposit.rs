//! `withdraw_deposit`: what no escrow holds goes back to the owner.

use crate::fund_deposit::{balance, fund, funding, place};
use crate::open_escrow_from_deposit::open;
use litesvm::types::TransactionResult;
use ogong_chain_interface::instruction::{FundDeposit, WithdrawDeposit};
use ogong_chain_interface::{ChainError, Instruction, PROGRAM_ID, address};
use ogong_chain_tests::Expected::{Chain, Number};
use ogong_chain_tests::world::FUNDS;
use ogong_chain_tests::{Refusal, World, check};

/// Anchor's: the account is not the one its seeds derive.
const SEEDS: u32 = 2006;
/// Anchor's: a token account that is another's.
const TOKEN_OWNER: u32 = 2015;
/// Anchor's: the key did not sign.
const NOT_SIGNER: u32 = 3010;
/// Anchor's: there is no such account.
const NOT_INITIALIZED: u32 = 3012;

fn withdrawal(world: &World, amount: u64) -> WithdrawDeposit {
    let FundDeposit { owner, owner_token, delegate, .. } = funding(world, amount);
    WithdrawDeposit { owner, owner_token, delegate, amount }
}

pub fn withdraw(world: &mut World, amount: u64) -> TransactionResult {
    world.send(withdrawal(world, amount), &[world.owner.key.insecure_clone()])
}

/// Out of a deposit of 5, with something wrong in its accounts; the delegate pays.
fn spoilt(world: &mut World, spoil: fn(&mut Instruction)) -> TransactionResult {
    fund(world, 5).expect("funded");
    let mut instruction = withdrawal(world, 5).instruction(&PROGRAM_ID);
    spoil(&mut instruction);
    let signs = instruction.accounts[0].is_signer.then(|| world.owner.key.insecure_clone());
    let signers: Vec<_> = std::iter::once(world.router.key.insecure_clone()).chain(signs).collect();
    world.send(instruction, &signers)
}

pub const REFUSALS: &[Refusal] = &[
    Refusal {
        name: "withdraw nothing",
        expected: Chain(ChainError::AmountZero),
        attempt: |world| {
            fund(world, 5).expect("funded");
            withdraw(world, 0)
        },
    },
    Refusal {
        name: "withdraw one atom too many",
        expected: Chain(ChainError::DepositTooLow),
        attempt: |world| {
            fund(world, 5).expect("funded");
            withdraw(world, 6)
        },
    },
    Refusal {
        name: "withdraw by the delegate",
        expected: Number(SEEDS),
        attempt: |world| {
            fund(world, 5).expect("funded");
            let (owner, delegate) = (world.router.address(), world.router.address());
            let theft = WithdrawDeposit { owner, owner_token: world.router.token, delegate, amount: 5 };
            let mut instruction = theft.instruction(&PROGRAM_ID);
            instruction.accounts[2].pubkey = place(world);
            world.send(instruction, &[world.router.key.insecure_clone()])
        },
    },
    Refusal {
        name: "withdraw to the delegate",
        expected: Number(TOKEN_OWNER),
        attempt: |world| {
            fund(world, 5).expect("funded");
            let FundDeposit { owner, delegate, amount, .. } = funding(world, 5);
            let owner_token = world.router.token;
            let withdraw = WithdrawDeposit { owner, owner_token, delegate, amount };
            world.send(withdraw, &[world.owner.key.insecure_clone()])
        },
    },
    Refusal {
        name: "withdraw what an escrow holds",
        expected: Chain(ChainError::DepositTooLow),
        attempt: |world| {
            fund(world, 1_000_005).expect("funded");
            let order = world.order();
            open(world, order).expect("opened");
            withdraw(world, 6)
        },
    },
    Refusal {
        name: "withdraw where nothing was put in",
        expected: Number(NOT_INITIALIZED),
        attempt: |world| withdraw(world, 1),
    },
    Refusal {
        name: "withdraw out of the stake vault",
        expected: Number(SEEDS),
        attempt: |world| spoilt(world, |withdraw| withdraw.accounts[4].pubkey = address::stake_vault(&PROGRAM_ID)),
    },
    Refusal {
        name: "withdraw without the owner's signature",
        expected: Number(NOT_SIGNER),
        attempt: |world| spoilt(world, |withdraw| withdraw.accounts[0].is_signer = false),
    },
];

/// In parts and to the last atom; the delegate is not asked, and an escrow keeps what it has.
#[test]
fn the_owner_takes_out_what_no_escrow_holds() {
    let mut world = World::new();
    fund(&mut world, 1_000_005).expect("funded");
    let order = world.order();
    let deal = open(&mut world, order).expect("opened");
    for (amount, left) in [(2, 3), (3, 0)] {
        withdraw(&mut world, amount).expect("withdrawn");
        assert_eq!(balance(&world), left);
        world.assert_conserved();
    }
    assert_eq!(world.balance(&world.owner.token), FUNDS - 1_000_000);
    assert_eq!(world.escrow(&deal).max_fee, 1_000_000);
    fund(&mut world, 1).expect("an empty one is topped up like any other");
    assert_eq!(balance(&world), 1);
    world.assert_conserved();
}

#[test]
fn refusals() {
    check(REFUSALS);
}
