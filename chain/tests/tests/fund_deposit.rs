//! `fund_deposit`: a deposit opened or topped up.

use litesvm::types::TransactionResult;
use ogong_chain_interface::account::Deposit;
use ogong_chain_interface::instruction::FundDeposit;
use ogong_chain_interface::{Address, ChainError, Instruction, PROGRAM_ID, address};
use ogong_chain_tests::Expected::{Chain, Number};
use ogong_chain_tests::world::FUNDS;
use ogong_chain_tests::{Refusal, World, check};

/// Anchor's: the account is not the one its seeds derive.
const SEEDS: u32 = 2006;
/// Anchor's: a token account that is another's.
const TOKEN_OWNER: u32 = 2015;
/// Anchor's: the key did not sign.
const NOT_SIGNER: u32 = 3010;
/// SPL Token's.
const INSUFFICIENT_FUNDS: u32 = 1;

/// The consumer's deposit; the router's wallet plays the gateway.
pub fn funding(world: &World, amount: u64) -> FundDeposit {
    let (owner, owner_token) = (world.owner.address(), world.owner.token);
    FundDeposit { owner, owner_token, delegate: world.router.address(), amount }
}

pub fn fund(world: &mut World, amount: u64) -> TransactionResult {
    world.send(funding(world, amount), &[world.owner.key.insecure_clone()])
}

pub fn place(world: &World) -> Address {
    address::deposit(&PROGRAM_ID, &world.owner.address(), &world.router.address())
}

pub fn balance(world: &World) -> u64 {
    Deposit::decode(&world.data(&place(world))).expect("a deposit").balance
}

/// With something wrong in its accounts.
fn spoilt(world: &mut World, spoil: fn(&World, &mut Instruction)) -> TransactionResult {
    let mut instruction = funding(world, 5).instruction(&PROGRAM_ID);
    spoil(world, &mut instruction);
    world.send(instruction, &[world.owner.key.insecure_clone()])
}

pub const REFUSALS: &[Refusal] = &[
    Refusal { name: "nothing", expected: Chain(ChainError::AmountZero), attempt: |world| fund(world, 0) },
    Refusal { name: "more than it has", expected: Number(INSUFFICIENT_FUNDS), attempt: |world| fund(world, FUNDS + 1) },
    Refusal {
        name: "past 64 bits",
        expected: Chain(ChainError::AmountOverflow),
        attempt: |world| {
            fund(world, 1).expect("the first");
            fund(world, u64::MAX)
        },
    },
    Refusal {
        name: "another's tokens",
        expected: Number(TOKEN_OWNER),
        attempt: |world| spoilt(world, |world, fund| fund.accounts[3].pubkey = world.router.token),
    },
    Refusal {
        name: "under another delegate's address",
        expected: Number(SEEDS),
        attempt: |world| {
            spoilt(world, |world, fund| {
                let (owner, delegate) = (world.owner.address(), world.admin.address());
                fund.accounts[2].pubkey = address::deposit(&PROGRAM_ID, &owner, &delegate);
            })
        },
    },
    Refusal {
        name: "into the stake vault",
        expected: Number(SEEDS),
        attempt: |world| spoilt(world, |_, fund| fund.accounts[4].pubkey = address::stake_vault(&PROGRAM_ID)),
    },
    Refusal {
        name: "without the owner's signature",
        expected: Number(NOT_SIGNER),
        attempt: |world| {
            let mut instruction = funding(world, 5).instruction(&PROGRAM_ID);
            instruction.accounts[0].is_signer = false;
            world.send(instruction, &[world.router.key.insecure_clone()])
        },
    },
];

/// Owner and delegate are the deposit's address: another delegate's is another deposit.
#[test]
fn each_delegate_has_a_deposit_of_its_own() {
    let mut world = World::new();
    let owner = world.owner.address();
    for (delegate, amounts) in [(world.router.address(), [5, 7]), (world.admin.address(), [1, FUNDS - 13])] {
        for amount in amounts {
            world.must(FundDeposit { delegate, ..funding(&world, amount) }, &[world.owner.key.insecure_clone()]);
        }
        let wanted = Deposit { owner, delegate, balance: amounts.iter().sum() };
        assert_eq!(Deposit::decode(&world.data(&address::deposit(&PROGRAM_ID, &owner, &delegate))), Ok(wanted));
    }
    assert_eq!(balance(&world), 12, "the first is as it was");
    assert_eq!(world.balance(&world.owner.token), 0);
    assert_eq!(world.balance(&address::vault(&PROGRAM_ID)), FUNDS);
}

#[test]
fn refusals() {
    check(REFUSALS);
}
