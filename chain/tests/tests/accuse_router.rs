//! `accuse_router`: routes that a router signed.

use crate::settle::event;
use litesvm::types::TransactionResult;
use ogong_chain_interface::account::{Case, Role};
use ogong_chain_interface::event::Accused;
use ogong_chain_interface::evidence::Route;
use ogong_chain_interface::instruction::AccuseRouter;
use ogong_chain_interface::{ChainError, Instruction, PROGRAM_ID, address};
use ogong_chain_tests::Expected::{Chain, Number};
use ogong_chain_tests::{Known, PLACE, Refusal, World, check, trial};

/// Anchor's: there is no such account.
const NOT_INITIALIZED: u32 = 3012;

const QUERY: [u8; 32] = [0x71; 32];

/// An honest answer, as dear as the query allows.
const HONEST: Route = Route {
    query: QUERY,
    model_root: [0x72; 32],
    provider: [0x73; 32],
    prices: [100, 200],
    ceilings: [100, 200],
    issued_ms: 5,
};

fn evidence(culprit: &Known, routes: &[Route]) -> [u8; 32] {
    let messages: Vec<Vec<u8>> = routes.iter().map(|route| route.message(&PLACE)).collect();
    culprit.node.evidence(&messages)
}

/// The evidence verified, and the accusation behind it.
fn accusation(world: &World, culprit: &Known, routes: &[Route]) -> [Instruction; 2] {
    let verified = culprit.node.verified(routes.iter().map(|route| route.message(&PLACE)));
    let accuse = AccuseRouter {
        accuser: world.owner.address(),
        authority: culprit.wallet.address(),
        node_key: culprit.node_key,
        query: QUERY,
        evidence: evidence(culprit, routes),
    };
    [verified, accuse.instruction(&PROGRAM_ID)]
}

fn accuse(world: &mut World, culprit: &Known, routes: &[Route]) -> TransactionResult {
    let instructions = accusation(world, culprit, routes);
    let payer = [world.owner.key.insecure_clone()];
    let size = world.size(&instructions, &payer);
    assert!(size <= 1_232, "{size} bytes do not fit a transaction");
    world.send_raw(&instructions, &payer)
}

/// The accusation of a router that sent one query to two providers.
pub fn scene(world: &mut World) -> trial::Scene {
    let culprit = world.known_operator(95, Role::Router, 700);
    let routes = [HONEST, Route { provider: [1; 32], ..HONEST }];
    let instructions = accusation(world, &culprit, &routes).to_vec();
    trial::Scene { instructions, signers: vec![world.owner.key.insecure_clone()] }
}

fn with(world: &mut World, routes: &[Route]) -> TransactionResult {
    let culprit = world.known_operator(95, Role::Router, 700);
    accuse(world, &culprit, routes)
}

/// Opens the case of a router that sent one query to two providers; with its query and evidence.
pub fn accused(world: &mut World) -> (Known, [u8; 32], [u8; 32]) {
    accused_of(world, 95, 700)
}

/// The same of another router.
pub fn accused_of(world: &mut World, seed: u8, bond: u64) -> (Known, [u8; 32], [u8; 32]) {
    let culprit = world.known_operator(seed, Role::Router, bond);
    let routes = [HONEST, Route { provider: [1; 32], ..HONEST }];
    accuse(world, &culprit, &routes).expect("a case");
    let evidence = evidence(&culprit, &routes);
    (culprit, QUERY, evidence)
}

pub const REFUSALS: &[Refusal] = &[
    Refusal {
        name: "an honest route",
        expected: Chain(ChainError::EvidenceInnocent),
        attempt: |world| with(world, &[HONEST]),
    },
    Refusal {
        name: "the same route twice, at two times",
        expected: Chain(ChainError::EvidenceInnocent),
        attempt: |world| with(world, &[HONEST, Route { issued_ms: 6, ..HONEST }]),
    },
    Refusal {
        name: "two providers for two queries",
        expected: Chain(ChainError::EvidenceInnocent),
        attempt: |world| with(world, &[HONEST, Route { query: [1; 32], provider: [1; 32], ..HONEST }]),
    },
    Refusal {
        name: "too dear for another query",
        expected: Chain(ChainError::EvidenceInnocent),
        attempt: |world| with(world, &[Route { query: [1; 32], prices: [101, 200], ..HONEST }]),
    },
    Refusal {
        name: "three routes",
        expected: Chain(ChainError::EvidenceInnocent),
        attempt: |world| {
            let culprit = world.known_operator(95, Role::Router, 700);
            let routes = [0, 1, 2].map(|n| Route { provider: [n; 32], ..HONEST });
            let instructions = accusation(world, &culprit, &routes);
            world.send_raw(&instructions, &[world.owner.key.insecure_clone()])
        },
    },
    Refusal {
        name: "a verifier's registration",
        expected: Chain(ChainError::RoleWrong),
        attempt: |world| of_role(world, Role::Verifier),
    },
    Refusal {
        name: "a provider's registration",
        expected: Chain(ChainError::ProviderStakeNotSlashable),
        attempt: |world| of_role(world, Role::Provider),
    },
    Refusal {
        name: "a router that is not registered",
        expected: Number(NOT_INITIALIZED),
        attempt: |world| {
            let culprit = world.known_operator(95, Role::Provider, 700);
            accuse(world, &culprit, &[Route { prices: [101, 200], ..HONEST }])
        },
    },
];

/// The same evidence against a registration of another role.
fn of_role(world: &mut World, role: Role) -> TransactionResult {
    let culprit = world.known_operator(95, role, 700);
    let route = Route { prices: [101, 200], ..HONEST };
    let [verified, mut instruction] = accusation(world, &culprit, &[route]);
    let registration = address::operator(&PROGRAM_ID, role, &culprit.wallet.address());
    instruction.accounts[2].pubkey = registration;
    instruction.accounts[4].pubkey = address::case(&PROGRAM_ID, &registration, &QUERY, &evidence(&culprit, &[route]));
    world.send_raw(&[verified, instruction], &[world.owner.key.insecure_clone()])
}

#[test]
fn misrouting_opens_a_case() {
    let cases: [&[Route]; 4] = [
        &[Route { prices: [101, 200], ..HONEST }],
        &[Route { prices: [100, 201], ..HONEST }],
        &[Route { prices: [u64::MAX, 0], ceilings: [u64::MAX - 1, 0], ..HONEST }],
        &[HONEST, Route { provider: [1; 32], ..HONEST }],
    ];
    for routes in cases {
        let mut world = World::with_stakes(&[1_000; 3]);
        let meta = with(&mut world, routes).expect("a case");
        let event = Accused::decode(&event(&meta.logs)).expect("an event");
        assert_eq!((event.kind, event.subject), (3, QUERY));
        let case = Case::decode(&world.data(&address::case(&PROGRAM_ID, &event.culprit, &QUERY, &event.evidence)))
            .expect("a case");
        assert_eq!((case.kind, case.slashed_ms), (3, 0));
        world.assert_conserved();
    }
}

#[test]
fn one_flipped_byte_is_no_evidence() {
    let mut world = World::with_stakes(&[1_000; 3]);
    let culprit = world.known_operator(95, Role::Router, 700);
    let routes = [HONEST, Route { provider: [1; 32], ..HONEST }];
    let [evidence, accuse] = accusation(&world, &culprit, &routes);
    let payer = [world.owner.key.insecure_clone()];
    // but for the padding byte of the precompile
    for at in (0..evidence.data.len()).filter(|at| *at != 1) {
        let mut flipped = evidence.clone();
        flipped.data[at] ^= 1;
        assert!(world.send_raw(&[flipped, accuse.clone()], &payer).is_err(), "byte {at}");
    }
    assert!(world.send_raw(&[evidence, accuse], &payer).is_ok(), "whole it is one");
}

#[test]
fn refusals() {
    check(REFUSALS);
}
