//! `register_operator`: a provider, router or verifier, each with what it must stake.

use litesvm::types::TransactionResult;
use ogong_chain_interface::account::{Bond, BondStatus, Operator, Role};
use ogong_chain_interface::error::ACCOUNT_IN_USE;
use ogong_chain_interface::instruction::RegisterOperator;
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

/// The ordinary provider's wallet in a role.
fn enrolment(world: &World, role: Role) -> RegisterOperator {
    RegisterOperator {
        authority: world.provider.address(),
        stake_source: world.provider.token,
        role,
        node_id: [0x11; 32],
        payout: world.provider.address(),
        stake: 100,
        models: Vec::new(),
    }
}

/// Sends it as the ordinary provider's wallet.
pub fn signed(world: &mut World, instruction: Instruction) -> TransactionResult {
    world.send(instruction, &[world.provider.key.insecure_clone()])
}

pub fn enrol(world: &mut World, role: Role, spoil: fn(&mut RegisterOperator)) -> TransactionResult {
    let mut enrolment = enrolment(world, role);
    spoil(&mut enrolment);
    signed(world, enrolment.instruction(&PROGRAM_ID))
}

/// What is registered of that wallet.
pub fn operator(world: &World, role: Role) -> Operator {
    let at = address::operator(&PROGRAM_ID, role, &world.provider.address());
    Operator::decode(&world.data(&at)).expect("an operator")
}

pub const REFUSALS: &[Refusal] = &[
    Refusal {
        name: "a role that there is not",
        expected: Chain(ChainError::RoleUnknown),
        attempt: |world| {
            let mut instruction = enrolment(world, Role::Provider).instruction(&PROGRAM_ID);
            instruction.data[8] = 4;
            let authority = world.provider.address();
            let seeds: [&[u8]; 3] = [b"operator", &[4], authority.as_array()];
            instruction.accounts[2].pubkey = Address::find_program_address(&seeds, &PROGRAM_ID).0;
            signed(world, instruction)
        },
    },
    Refusal {
        name: "nine models",
        expected: Chain(ChainError::ModelsInvalid),
        attempt: |world| enrol(world, Role::Provider, |e| e.models = vec![[5; 32]; 9]),
    },
    Refusal {
        name: "a router with models",
        expected: Chain(ChainError::ModelsInvalid),
        attempt: |world| enrol(world, Role::Router, |e| e.models = vec![[5; 32]]),
    },
    Refusal {
        name: "a verifier with models",
        expected: Chain(ChainError::ModelsInvalid),
        attempt: |world| enrol(world, Role::Verifier, |e| e.models = vec![[5; 32]]),
    },
    Refusal {
        name: "a verifier's bond one atom under the minimum",
        expected: Chain(ChainError::StakeTooLow),
        attempt: |world| enrol(world, Role::Verifier, |e| e.stake = 99),
    },
    Refusal {
        name: "a router's bond one atom under the minimum",
        expected: Chain(ChainError::StakeTooLow),
        attempt: |world| enrol(world, Role::Router, |e| e.stake = 99),
    },
    Refusal {
        name: "more stake than it has",
        expected: Number(INSUFFICIENT_FUNDS),
        attempt: |world| enrol(world, Role::Provider, |e| e.stake = FUNDS + 1),
    },
    Refusal {
        name: "another's stake",
        expected: Number(TOKEN_OWNER),
        attempt: |world| {
            let enrolment = RegisterOperator { stake_source: world.router.token, ..enrolment(world, Role::Provider) };
            signed(world, enrolment.instruction(&PROGRAM_ID))
        },
    },
    Refusal {
        name: "twice",
        expected: Number(ACCOUNT_IN_USE),
        attempt: |world| {
            enrol(world, Role::Provider, |_| {}).expect("the first");
            enrol(world, Role::Provider, |_| {})
        },
    },
    Refusal {
        name: "under another role's address",
        expected: Number(SEEDS),
        attempt: |world| {
            let mut instruction = enrolment(world, Role::Verifier).instruction(&PROGRAM_ID);
            instruction.accounts[2].pubkey = address::operator(&PROGRAM_ID, Role::Provider, &world.provider.address());
            signed(world, instruction)
        },
    },
    Refusal {
        name: "into the escrows' vault",
        expected: Number(SEEDS),
        attempt: |world| {
            let mut instruction = enrolment(world, Role::Provider).instruction(&PROGRAM_ID);
            instruction.accounts[4].pubkey = address::vault(&PROGRAM_ID);
            signed(world, instruction)
        },
    },
    Refusal {
        name: "without a signature",
        expected: Number(NOT_SIGNER),
        attempt: |world| {
            let mut instruction = enrolment(world, Role::Provider).instruction(&PROGRAM_ID);
            instruction.accounts[0].is_signer = false;
            world.send(instruction, &[world.owner.key.insecure_clone()])
        },
    },
];

#[test]
fn each_role_is_an_account_of_its_own() {
    let mut world = World::new();
    for role in [Role::Provider, Role::Router, Role::Verifier] {
        enrol(&mut world, role, |_| {}).expect("registered");
        let wanted = Operator {
            role,
            authority: world.provider.address(),
            node_id: [0x11; 32],
            payout: world.provider.address(),
            bond: Bond { status: BondStatus::Active, stake: 100, cooling: 0, unlock_epoch: 0 },
            models: Vec::new(),
        };
        assert_eq!(operator(&world, role), wanted);
        world.assert_conserved();
    }
    assert_eq!(world.balance(&world.provider.token), FUNDS - 300);
}

#[test]
fn refusals() {
    check(REFUSALS);
}
