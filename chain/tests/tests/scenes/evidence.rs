//! Keys, honeypots, accusations and slashes.

use super::{case, scene, scene_of};
use crate::{accuse_router, accuse_validator, accuse_verifier};
use ogong_chain_interface::instruction::{PlantHoneypot, PublishNodeKey};
use ogong_chain_tests::trial::Free::{Again, Anyone};
use ogong_chain_tests::trial::{Case, Scene};
use ogong_chain_tests::{Gated, Node, World, everybody, quorum};

const SIGNED: Case = Case { situation: "signed", quorum: true, ..case("", |_| unreachable!()) };
/// With the approvals there, whoever likes to sends it.
const APPROVED: Case =
    Case { situation: "approved", quorum: true, free: &[Anyone("handler")], ..case("", |_| unreachable!()) };

pub const CASES: &[Case] = &[
    // offset 0 begins anew
    Case { situation: "first part", free: &[Again], ..case("publish_node_key", |world| publish(world, 0)) },
    Case { situation: "last part", ..case("publish_node_key", |world| publish(world, 1)) },
    case("plant_honeypot", plant_honeypot),
    Case { free: &[Anyone("accuser")], ..case("accuse_validator", accuse_validator::scene) },
    Case { free: &[Anyone("accuser")], ..case("accuse_verifier", accuse_verifier::scene) },
    Case { free: &[Anyone("accuser")], ..case("accuse_router", accuse_router::scene) },
    Case { instruction: "slash_validator", scene: signed::<crate::slash_validator::Slash>, ..SIGNED },
    Case { instruction: "slash_validator", scene: approved::<crate::slash_validator::Slash>, ..APPROVED },
    Case { instruction: "slash_operator", scene: signed::<crate::slash_operator::Slash>, ..SIGNED },
    Case { instruction: "slash_operator", scene: approved::<crate::slash_operator::Slash>, ..APPROVED },
];

fn publish(world: &mut World, part: usize) -> Scene {
    let (node, payer) = (Node::of(119), world.router.clone());
    let parts = PublishNodeKey::parts(&payer.address(), node.node_id, &node.public);
    for part in &parts[..part] {
        world.must(part.clone(), &[payer.key.insecure_clone()]);
    }
    scene(parts[part].clone(), [payer.key])
}

fn plant_honeypot(world: &mut World) -> Scene {
    let planter = &world.validators[1];
    let stake_epoch = world.config().stake_epoch;
    let plant = PlantHoneypot { planter: planter.address(), commitment: [78; 32], stake_epoch };
    scene(plant, [planter.key.insecure_clone()])
}

/// What a quorum must sign, signed.
pub fn signed<G: Gated>(world: &mut World) -> Scene {
    let gated = G::prepare(world);
    scene_of(gated.instructions(everybody(world)), world.quorum())
}

/// The same by approvals.
pub fn approved<G: Gated>(world: &mut World) -> Scene {
    let gated = G::prepare(world);
    let digest = gated.digest(world, world.config().stake_epoch);
    let approvals = quorum::approve(world, digest, world.signing);
    let mut behind = everybody(world);
    (behind.cosigners, behind.approvals) = (Vec::new(), Some(approvals));
    scene_of(gated.instructions(behind), world.quorum())
}
