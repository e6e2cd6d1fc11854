//! `register_operator`, `update_operator`, the movements of its stake, and `open_work`.

use litesvm::types::TransactionResult;
use ogong_chain_interface::account::{Bond, BondStatus, Operator, Role, Work};
use ogong_chain_interface::error::ACCOUNT_IN_USE;
use ogong_chain_interface::instruction::{MoveOperatorStake, Movement, OpenWork, RegisterOperator, UpdateOperator};
use ogong_chain_interface::{ChainError, Instruction, PROGRAM_ID, address};
use ogong_chain_tests::Expected::{Chain, Number};
use ogong_chain_tests::world::FUNDS;
use ogong_chain_tests::{Refusal, World, check};

/// Anchor's: the account is not the one its seeds derive.
const SEEDS: u32 = 2006;
/// Anchor's: the key did not sign.
const NOT_SIGNER: u32 = 3010;
/// Anchor's: there is no such account.
const NOT_INITIALIZED: u32 = 3012;

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

fn signed(world: &mut World, instruction: Instruction) -> TransactionResult {
    world.send(instruction, &[world.provider.key.insecure_clone()])
}

fn enrol(world: &mut World, role: Role, spoil: fn(&mut RegisterOperator)) -> TransactionResult {
    let mut enrolment = enrolment(world, role);
    spoil(&mut enrolment);
    signed(world, enrolment.instruction(&PROGRAM_ID))
}

fn moved(world: &mut World, role: Role, movement: Movement) -> TransactionResult {
    let (authority, authority_token) = (world.provider.address(), world.provider.token);
    let instruction = MoveOperatorStake { authority, authority_token, role, movement }.instruction(&PROGRAM_ID);
    signed(world, instruction)
}

fn operator(world: &World, role: Role) -> Operator {
    let at = address::operator(&PROGRAM_ID, role, &world.provider.address());
    Operator::decode(&world.data(&at)).expect("an operator")
}

fn update(world: &World, role: Role, models: usize) -> UpdateOperator {
    let (authority, payout) = (world.provider.address(), world.router.address());
    UpdateOperator { authority, role, node_id: [0x12; 32], payout, models: vec![[5; 32]; models] }
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
            instruction.accounts[2].pubkey =
                ogong_chain_interface::Address::find_program_address(&seeds, &PROGRAM_ID).0;
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
        name: "without a signature",
        expected: Number(NOT_SIGNER),
        attempt: |world| {
            let mut instruction = enrolment(world, Role::Provider).instruction(&PROGRAM_ID);
            instruction.accounts[0].is_signer = false;
            world.send(instruction, &[world.owner.key.insecure_clone()])
        },
    },
    Refusal {
        name: "update to nine models",
        expected: Chain(ChainError::ModelsInvalid),
        attempt: |world| {
            enrol(world, Role::Provider, |_| {}).expect("registered");
            let update = update(world, Role::Provider, 9).instruction(&PROGRAM_ID);
            signed(world, update)
        },
    },
    Refusal {
        name: "update of another's",
        expected: Number(SEEDS),
        attempt: |world| {
            enrol(world, Role::Provider, |_| {}).expect("registered");
            let mut instruction = update(world, Role::Provider, 0).instruction(&PROGRAM_ID);
            instruction.accounts[0].pubkey = world.router.address();
            world.send(instruction, &[world.router.key.insecure_clone()])
        },
    },
    Refusal {
        name: "a bond left under the minimum",
        expected: Chain(ChainError::StakeTooLow),
        attempt: |world| {
            enrol(world, Role::Verifier, |_| {}).expect("registered");
            moved(world, Role::Verifier, Movement::Unstake(1))
        },
    },
    Refusal {
        name: "a bond taken up again under the minimum",
        expected: Chain(ChainError::StakeTooLow),
        attempt: |world| {
            enrol(world, Role::Verifier, |_| {}).expect("registered");
            moved(world, Role::Verifier, Movement::Unstake(100)).expect("all of it");
            moved(world, Role::Verifier, Movement::Stake(99))
        },
    },
    Refusal {
        name: "unstake one atom too many",
        expected: Chain(ChainError::UnstakeOverStake),
        attempt: |world| {
            enrol(world, Role::Provider, |_| {}).expect("registered");
            moved(world, Role::Provider, Movement::Unstake(101))
        },
    },
    Refusal {
        name: "withdraw an epoch early",
        expected: Chain(ChainError::CooldownNotOver),
        attempt: |world| {
            enrol(world, Role::Router, |_| {}).expect("registered");
            moved(world, Role::Router, Movement::Unstake(100)).expect("cools");
            world.next_epoch();
            moved(world, Role::Router, Movement::Withdraw)
        },
    },
    Refusal {
        name: "move another's stake",
        expected: Number(SEEDS),
        attempt: |world| {
            enrol(world, Role::Provider, |_| {}).expect("registered");
            let (authority, authority_token) = (world.router.address(), world.router.token);
            let movement = Movement::Unstake(100);
            let thief = MoveOperatorStake { authority, authority_token, role: Role::Provider, movement };
            let mut instruction = thief.instruction(&PROGRAM_ID);
            instruction.accounts[2].pubkey = address::operator(&PROGRAM_ID, Role::Provider, &world.provider.address());
            world.send(instruction, &[world.router.key.insecure_clone()])
        },
    },
    Refusal {
        name: "work of nobody",
        expected: Number(NOT_INITIALIZED),
        attempt: |world| {
            let (payer, operator) = (world.provider.address(), world.provider.address());
            let open = OpenWork { payer, epoch: 0, role: Role::Provider, operator };
            signed(world, open.instruction(&PROGRAM_ID))
        },
    },
    Refusal {
        name: "work opened twice",
        expected: Number(ACCOUNT_IN_USE),
        attempt: |world| {
            enrol(world, Role::Provider, |_| {}).expect("registered");
            let (payer, operator) = (world.provider.address(), world.provider.address());
            let open = OpenWork { payer, epoch: 0, role: Role::Provider, operator }.instruction(&PROGRAM_ID);
            signed(world, open.clone()).expect("the first");
            signed(world, open)
        },
    },
    Refusal {
        name: "work of an epoch to come",
        expected: Number(SEEDS),
        attempt: |world| {
            enrol(world, Role::Provider, |_| {}).expect("registered");
            let (payer, operator) = (world.provider.address(), world.provider.address());
            let open = OpenWork { payer, epoch: 1, role: Role::Provider, operator };
            signed(world, open.instruction(&PROGRAM_ID))
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

/// No capital is needed to serve.
#[test]
fn a_provider_serves_without_stake_and_names_its_models() {
    let mut world = World::new();
    enrol(&mut world, Role::Provider, |e| (e.stake, e.models) = (0, vec![[5; 32]; 8])).expect("registered");
    assert_eq!((operator(&world, Role::Provider).bond.stake, operator(&world, Role::Provider).models.len()), (0, 8));
    let change = update(&world, Role::Provider, 1).instruction(&PROGRAM_ID);
    signed(&mut world, change).expect("updated");
    let after = operator(&world, Role::Provider);
    assert_eq!((after.node_id, after.payout, after.models), ([0x12; 32], world.router.address(), vec![[5; 32]]));
    moved(&mut world, Role::Provider, Movement::Stake(7)).expect("some");
    moved(&mut world, Role::Provider, Movement::Unstake(3)).expect("some of it");
    world.next_epoch();
    world.next_epoch();
    moved(&mut world, Role::Provider, Movement::Withdraw).expect("cooled down");
    assert_eq!(operator(&world, Role::Provider).bond.stake, 4);
    world.assert_conserved();
}

#[test]
fn work_begins_empty_with_what_is_registered() {
    let mut world = World::new();
    enrol(&mut world, Role::Provider, |_| {}).expect("registered");
    world.next_epoch();
    let authority = world.provider.address();
    world.open_work(Role::Provider, authority);
    let wanted = Work {
        role: Role::Provider,
        epoch: 1,
        operator: authority,
        node_id: [0x11; 32],
        payout: authority,
        payer: world.admin.address(),
        count: 0,
        fees: 0,
        outside_fees: 0,
        liveness: 0,
        last_round: 0,
    };
    let at = address::work(&PROGRAM_ID, 1, Role::Provider, &authority);
    assert_eq!(Work::decode(&world.data(&at)), Ok(wanted));
}

#[test]
fn refusals() {
    check(REFUSALS);
}
