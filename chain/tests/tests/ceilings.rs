//! Compute units of the instructions of supply, slashing and emission, each under a ceiling somewhat over the last known figure.
//! What a transaction has by default is 200,000 an instruction.

use crate::{
    accuse_router, accuse_validator, accuse_verifier, approve_emission, claim_audits, claim_work, record_liveness,
};
use ogong_chain_interface::account::Role;
use ogong_chain_interface::instruction::{SlashOperator, SlashValidator};
use ogong_chain_tests::{World, everybody};

/// Name in the logs, ceiling.
const CEILINGS: [(&str, u64); 12] = [
    ("AllocateLaunch", 25_000),
    ("PublishNodeKey", 22_000),
    ("PlantHoneypot", 22_000),
    ("AccuseValidator", 33_000),
    ("AccuseVerifier", 35_000),
    ("AccuseRouter", 33_000),
    ("SlashValidator", 48_000),
    ("SlashOperator", 42_000),
    ("RecordLiveness", 24_000),
    ("ApproveEmission", 36_000),
    ("ClaimWork", 48_000),
    ("ClaimAudits", 48_000),
];

#[test]
fn compute_units_stay_under_their_ceilings() {
    let mut used = std::collections::BTreeMap::new();
    let mut note = |world: &World| {
        for (name, units) in &world.compute {
            let most: &mut u64 = used.entry(name.clone()).or_default();
            *most = (*most).max(*units);
        }
    };
    let mut world = World::with_stakes(&[1_000; 3]);
    let worked = approve_emission::worked(&mut world, 1_000_000);
    world.must(approve_emission::approval(0, everybody(&world)), &world.quorum());
    let payer = [world.admin.key.insecure_clone()];
    world.must(claim_work::claim(&world, 0, Role::Provider, &worked.provider), &payer);
    world.must(claim_audits::claim(&world, 0, 0), &payer);
    world.open_work(Role::Provider, worked.provider.wallet.address());
    let answer = record_liveness::answer_of(&world, &worked.provider, 1);
    let instructions = record_liveness::record(&worked.provider, answer, everybody(&world));
    world.must_raw(&instructions, &world.quorum());
    note(&world);

    let mut world = World::with_stakes(&[1_000; 3]);
    let culprit = accuse_validator::accused(&mut world, 91, 100);
    let (verifier, job) = accuse_verifier::accused(&mut world);
    let (router, query) = accuse_router::accused(&mut world);
    let behind = everybody(&world);
    let slash = SlashValidator {
        handler: behind.handler,
        cosigners: behind.cosigners.clone(),
        approvals: None,
        authority: culprit.wallet.address(),
        subject: accuse_validator::REPLY,
        stake_epoch: 0,
    };
    world.must(slash, &world.quorum());
    for (role, known, subject) in [(Role::Verifier, verifier, job), (Role::Router, router, query)] {
        let slash = SlashOperator {
            handler: behind.handler,
            cosigners: behind.cosigners.clone(),
            approvals: None,
            role,
            authority: known.wallet.address(),
            subject,
            stake_epoch: 0,
        };
        world.must(slash, &world.quorum());
    }
    note(&world);
    for (name, ceiling) in CEILINGS {
        let units = used.get(name).copied().unwrap_or_else(|| panic!("{name} was not measured"));
        println!("{name}: {units} compute units of {ceiling}");
        assert!(units <= ceiling, "{name} took {units} compute units, over {ceiling}");
    }
}
