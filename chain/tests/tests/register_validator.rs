//! `register_validator`.

use litesvm::types::TransactionResult;
use ogong_chain_interface::account::{Bond, BondStatus, Validator};
use ogong_chain_interface::error::ACCOUNT_IN_USE;
use ogong_chain_interface::instruction::RegisterValidator;
use ogong_chain_interface::{ChainError, PROGRAM_ID, VALIDATORS_MAX, address};
use ogong_chain_tests::Expected::{Chain, Number};
use ogong_chain_tests::world::FUNDS;
use ogong_chain_tests::{Refusal, World, check};

/// Anchor's: the account is not the one its seeds derive.
const SEEDS: u32 = 2006;
/// Anchor's: the key did not sign.
const NOT_SIGNER: u32 = 3010;
/// Anchor's: a token account that is another's.
const TOKEN_OWNER: u32 = 2015;
/// SPL Token's.
const INSUFFICIENT_FUNDS: u32 = 1;

pub const REFUSALS: &[Refusal] = &[
    Refusal {
        name: "one atom under the minimum",
        expected: Chain(ChainError::StakeTooLow),
        attempt: |world| newcomer(world, |_, registration| registration.stake = 99),
    },
    Refusal {
        name: "no endpoint",
        expected: Chain(ChainError::EndpointInvalid),
        attempt: |world| newcomer(world, |_, registration| registration.endpoint.clear()),
    },
    Refusal {
        name: "endpoint one byte too long",
        expected: Chain(ChainError::EndpointInvalid),
        attempt: |world| newcomer(world, |_, registration| registration.endpoint = "x".repeat(65)),
    },
    Refusal {
        name: "one validator too many",
        expected: Chain(ChainError::ValidatorSetFull),
        attempt: |world| {
            while world.validators.len() < VALIDATORS_MAX {
                world.register(100);
            }
            newcomer(world, |_, _| {})
        },
    },
    Refusal {
        name: "total stake past 64 bits",
        expected: Chain(ChainError::AmountOverflow),
        attempt: |world| {
            // SPL Token's supply is a u64, so only a tampered set comes near
            let set = address::validator_set(&PROGRAM_ID);
            world.tamper(&set, |data| data[18..26].fill(0xff));
            let result = newcomer(world, |_, _| {});
            world.tamper(&set, |data| data[18..26].copy_from_slice(&3_000u64.to_le_bytes()));
            result
        },
    },
    Refusal {
        name: "registered already",
        expected: Number(ACCOUNT_IN_USE),
        attempt: |world| {
            let registration = world.registration(&world.validators[0], &world.fee_owners[0], 1_000);
            world.send(registration, &[world.validators[0].key.insecure_clone()])
        },
    },
    Refusal {
        name: "another's tokens",
        expected: Number(TOKEN_OWNER),
        attempt: |world| newcomer(world, |world, registration| registration.stake_source = world.owner.token),
    },
    Refusal {
        name: "more than it has",
        expected: Number(INSUFFICIENT_FUNDS),
        attempt: |world| newcomer(world, |_, registration| registration.stake = FUNDS + 1),
    },
    Refusal {
        name: "counted in the epoch before",
        expected: Number(SEEDS),
        attempt: |world| {
            world.next_epoch();
            newcomer(world, |_, registration| registration.epoch = 0)
        },
    },
    Refusal {
        name: "into the escrows' vault",
        expected: Number(SEEDS),
        attempt: |world| {
            let authority = world.wallet(FUNDS);
            let mut instruction = world.registration(&authority, &authority, 1_000).instruction(&PROGRAM_ID);
            let stake_vault = address::stake_vault(&PROGRAM_ID);
            let vault = instruction.accounts.iter_mut().find(|account| account.pubkey == stake_vault);
            vault.expect("a vault").pubkey = address::vault(&PROGRAM_ID);
            world.send(instruction, &[authority.key])
        },
    },
    Refusal {
        name: "without the validator's signature",
        expected: Number(NOT_SIGNER),
        attempt: |world| {
            let authority = world.wallet(FUNDS);
            let mut instruction = world.registration(&authority, &authority, 1_000).instruction(&PROGRAM_ID);
            instruction.accounts[0].is_signer = false;
            world.send(instruction, &[world.owner.key.insecure_clone()])
        },
    },
];

/// A registration by someone new.
fn newcomer(world: &mut World, spoil: fn(&World, &mut RegisterValidator)) -> TransactionResult {
    let authority = world.wallet(FUNDS);
    let mut registration = world.registration(&authority, &authority, 1_000);
    spoil(world, &mut registration);
    world.send(registration, &[authority.key])
}

#[test]
fn stakes_and_enters_the_set_at_once() {
    let world = World::with_stakes(&[100, 2_000, 300_000]);
    let set = world.validator_set();
    assert_eq!(set.total_stake, 302_100);
    let members: Vec<_> = world.validators.iter().map(|v| v.address()).zip([100, 2_000, 300_000]).collect();
    assert_eq!(set.members, members);
    assert_eq!(world.epoch(0).set, set, "epoch 0 counts at once");
    assert_eq!(world.balance(&address::stake_vault(&PROGRAM_ID)), 302_100);
    assert_eq!(world.balance(&world.validators[1].token), FUNDS - 2_000);
    let account = world.data(&address::validator(&PROGRAM_ID, &world.validators[2].address()));
    let validator = Validator {
        authority: world.validators[2].address(),
        node_id: [1; 32],
        consensus_id: [2; 32],
        vrf_key: [3; 32],
        fee_owner: world.fee_owners[2].address(),
        bond: Bond { status: BondStatus::Active, stake: 300_000, cooling: 0, unlock_epoch: 0 },
        endpoint: "127.0.0.1:4545".into(),
        bls_key: [0; 96],
    };
    assert_eq!(Validator::decode(&account), Ok(validator));
    assert_eq!(account[..8], Validator::discriminator());
}

#[test]
fn takes_the_longest_endpoint() {
    let mut world = World::new();
    let authority = world.wallet(FUNDS);
    let mut registration = world.registration(&authority, &authority, 100);
    registration.endpoint = "é".repeat(32);
    world.must(registration, &[authority.key.insecure_clone()]);
    let account = world.data(&address::validator(&PROGRAM_ID, &authority.address()));
    assert_eq!(Validator::decode(&account).expect("a validator").endpoint, "é".repeat(32));
}

#[test]
fn refusals() {
    check(REFUSALS);
}
