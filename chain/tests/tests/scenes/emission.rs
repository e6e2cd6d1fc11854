//! Liveness, approvals of an epoch's work, and claims.

use super::evidence::{approved, signed};
use super::{FAR_MS, case, counters, open, operators, pay, scene};
use crate::approve_emission::approval;
use crate::{claim_audits, claim_work, record_liveness};
use ogong_chain_interface::Instruction;
use ogong_chain_interface::account::Role;
use ogong_chain_interface::evidence::EmissionTerms;
use ogong_chain_tests::trial::Free::Anyone;
use ogong_chain_tests::trial::{Case, Scene};
use ogong_chain_tests::{Behind, Gated, Known, PLACE, World, everybody};

const SIGNED: Case = Case { situation: "signed", quorum: true, ..case("", |_| unreachable!()) };
/// With the approvals there, whoever likes to sends it.
const APPROVED: Case =
    Case { situation: "approved", quorum: true, free: &[Anyone("handler")], ..case("", |_| unreachable!()) };

pub const CASES: &[Case] = &[
    Case { instruction: "record_liveness", scene: signed::<record_liveness::Challenge>, ..SIGNED },
    Case { instruction: "record_liveness", scene: approved::<record_liveness::Challenge>, ..APPROVED },
    Case { instruction: "approve_emission", scene: signed::<Epoch>, ..SIGNED },
    Case { instruction: "approve_emission", scene: approved::<Epoch>, ..APPROVED },
    Case { situation: "provider", ..case("claim_work", |world| claim(world, Role::Provider)) },
    Case { situation: "router", ..case("claim_work", |world| claim(world, Role::Router)) },
    case("claim_audits", claim_audits),
];

/// An epoch of the town in which a reply was paid, closed and not approved.
struct Epoch {
    number: u64,
    operators: [Known; 2],
}

impl Gated for Epoch {
    fn prepare(world: &mut World) -> Self {
        let operators = operators(world, 121);
        let deal = open(world, 61, Some(&operators), FAR_MS);
        pay(world, &deal, &operators);
        let number = world.config().stake_epoch;
        world.next_epoch();
        world.next_epoch();
        Self { number, operators }
    }

    fn instructions(&self, behind: Behind) -> Vec<Instruction> {
        vec![approval(self.number, behind).instruction(&ogong_chain_interface::PROGRAM_ID)]
    }

    fn digest(&self, world: &World, stake_epoch: u64) -> [u8; 32] {
        let epoch = world.epoch(self.number);
        let t = epoch.totals;
        let sums = [t.fees, t.outside_fees, t.routes, t.audits, t.verifications, t.liveness];
        let amounts = crate::approve_emission::amounts(world, self.number);
        EmissionTerms { epoch: self.number, amounts, sums, stake_epoch }.digest(&PLACE)
    }
}

/// The same, approved; the operators work on in the epoch after.
fn earned(world: &mut World) -> Epoch {
    let epoch = Epoch::prepare(world);
    world.must(approval(epoch.number, everybody(world)), &world.quorum());
    counters(world, &epoch.operators);
    epoch
}

fn claim(world: &mut World, role: Role) -> Scene {
    let Epoch { number, operators } = earned(world);
    let earner = if role == Role::Provider { &operators[0] } else { &operators[1] };
    scene(claim_work::claim(world, number, role, earner), [])
}

fn claim_audits(world: &mut World) -> Scene {
    let Epoch { number, .. } = earned(world);
    scene(claim_audits::claim(world, number, 0), [])
}
