//! `slash_operator`: a quorum takes the bond of a verifier or router, and never a provider's.

use crate::{accuse_router, accuse_verifier};
use ogong_chain_interface::account::{BondStatus, Case, Role};
use ogong_chain_interface::evidence::slash_digest;
use ogong_chain_interface::instruction::SlashOperator;
use ogong_chain_interface::{ChainError, Instruction, PROGRAM_ID, address};
use ogong_chain_tests::Expected::{Chain, Number};
use ogong_chain_tests::quorum::{self, approve, approved};
use ogong_chain_tests::{Behind, Gated, Known, PLACE, Refusal, World, check, everybody};

/// Anchor's: the account is not the one the seeds derive.
const SEEDS: u32 = 2006;

/// A case against a verifier or router.
pub struct Slash {
    culprit: Known,
    role: Role,
    subject: [u8; 32],
    evidence: [u8; 32],
}

impl Slash {
    fn verifier(world: &mut World) -> Self {
        let (culprit, subject, evidence) = accuse_verifier::accused(world);
        Self { culprit, role: Role::Verifier, subject, evidence }
    }

    fn router(world: &mut World) -> Self {
        let (culprit, subject, evidence) = accuse_router::accused(world);
        Self { culprit, role: Role::Router, subject, evidence }
    }

    fn case(&self, world: &World) -> Case {
        let culprit = address::operator(&PROGRAM_ID, self.role, &self.culprit.wallet.address());
        Case::decode(&world.data(&address::case(&PROGRAM_ID, &culprit, &self.subject, &self.evidence))).expect("a case")
    }

    fn builder(&self, behind: Behind) -> SlashOperator {
        SlashOperator {
            handler: behind.handler,
            cosigners: behind.cosigners,
            approvals: behind.approvals,
            role: self.role,
            authority: self.culprit.wallet.address(),
            subject: self.subject,
            evidence: self.evidence,
            stake_epoch: behind.stake_epoch,
        }
    }
}

impl Gated for Slash {
    fn prepare(world: &mut World) -> Self {
        let slash = Self::verifier(world);
        world.next_epoch();
        world.next_epoch();
        slash
    }

    fn instructions(&self, behind: Behind) -> Vec<Instruction> {
        vec![self.builder(behind).instruction(&PROGRAM_ID)]
    }

    fn digest(&self, world: &World, stake_epoch: u64) -> [u8; 32] {
        slash_digest(&PLACE, &self.case(world), stake_epoch)
    }
}

pub const QUORUM_REFUSALS: &[Refusal] = &quorum::refusals::<Slash>();

pub const REFUSALS: &[Refusal] = &[
    Refusal {
        name: "a provider's stake, by all validators and with somebody's case",
        expected: Chain(ChainError::ProviderStakeNotSlashable),
        attempt: |world| {
            let slash = Slash::router(world);
            let provider = world.known_operator(96, Role::Provider, 900);
            let mut instruction = slash.builder(everybody(world)).instruction(&PROGRAM_ID);
            instruction.accounts[3].pubkey = address::operator(&PROGRAM_ID, Role::Provider, &provider.wallet.address());
            world.send(instruction, &world.quorum())
        },
    },
    Refusal {
        name: "twice",
        expected: Chain(ChainError::CaseClosed),
        attempt: |world| {
            let slash = Slash::router(world);
            world.must(slash.builder(everybody(world)), &world.quorum());
            world.send(slash.builder(everybody(world)), &world.quorum())
        },
    },
    Refusal {
        name: "another router for the case",
        expected: Number(SEEDS),
        attempt: |world| {
            let slash = Slash::router(world);
            let innocent = world.known_operator(96, Role::Router, 900);
            let mut instruction = slash.builder(everybody(world)).instruction(&PROGRAM_ID);
            instruction.accounts[3].pubkey = address::operator(&PROGRAM_ID, Role::Router, &innocent.wallet.address());
            world.send(instruction, &world.quorum())
        },
    },
    Refusal {
        name: "into the accuser's account instead of the reserve",
        expected: Number(SEEDS),
        attempt: |world| {
            let slash = Slash::router(world);
            let mut instruction = slash.builder(everybody(world)).instruction(&PROGRAM_ID);
            instruction.accounts[6].pubkey = world.owner.token;
            world.send(instruction, &world.quorum())
        },
    },
];

#[test]
fn the_whole_bond_goes_to_the_reserve() {
    let scenes: [fn(&mut World) -> Slash; 2] = [Slash::verifier, Slash::router];
    for (scene, stake) in scenes.into_iter().zip([500, 700]) {
        let mut world = World::with_stakes(&[1_000; 3]);
        let slash = scene(&mut world);
        let accuser_before = world.balance(&world.owner.token);
        world.must(slash.builder(everybody(&world)), &world.quorum());
        assert_eq!(world.balance(&world.reserve()), stake);
        assert_eq!(world.balance(&world.owner.token), accuser_before, "the accuser gets nothing");
        let bond = world.operator(slash.role, &slash.culprit.wallet.address()).bond;
        assert_eq!((bond.status, bond.stake, bond.cooling), (BondStatus::Ejected, 0, 0));
        assert_eq!(slash.case(&world).slashed, stake);
    }
}

/// A verifier's bond is apart from its stake as a provider: one authority, two registrations, and only one answers.
#[test]
fn a_verifier_keeps_its_stake_as_a_provider() {
    let mut world = World::with_stakes(&[1_000; 3]);
    let slash = Slash::verifier(&mut world);
    let wallet = &slash.culprit.wallet;
    let (authority, token, key) = (wallet.address(), wallet.token, wallet.key.insecure_clone());
    world.fund(&authority, &token, 300);
    let provider = ogong_chain_interface::instruction::RegisterOperator {
        authority,
        stake_source: token,
        role: Role::Provider,
        node_id: slash.culprit.node.node_id,
        payout: authority,
        stake: 300,
        models: Vec::new(),
    };
    world.must(provider, &[key]);
    world.must(slash.builder(everybody(&world)), &world.quorum());
    assert_eq!(world.operator(Role::Provider, &authority).bond.stake, 300);
    assert_eq!(world.balance(&world.reserve()), 500);
}

#[test]
fn approvals_do_as_well() {
    let mut world = World::with_stakes(&[1_000; 3]);
    let slash = Slash::prepare(&mut world);
    let digest = slash.digest(&world, 2);
    let approvals = approve(&mut world, digest, 3);
    approved(&mut world, &slash, approvals).expect("slashed");
    assert_eq!(world.balance(&world.reserve()), 500);
    world.assert_conserved();
}

#[test]
fn refusals() {
    check(REFUSALS);
}

#[test]
fn quorum_refusals() {
    check(QUORUM_REFUSALS);
}
