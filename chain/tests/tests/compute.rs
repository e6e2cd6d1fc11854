//! What each instruction costs, from the scene of each (`scenes`), in a town where the validator set is all but full, which is
//! when reading it costs most. The ceilings leave about half again as much room as the last known figures.

use crate::scenes::{self, CASES};
use ogong_chain_interface::PROGRAM_ID;
use ogong_chain_tests::idl::Idl;
use ogong_chain_tests::trial::{Scene, needed};
use ogong_chain_tests::world::ELF;
use std::collections::BTreeMap;

/// Instruction, ceiling, last known figure.
const CEILINGS: &[(&str, u64, u64)] = &[
    ("accuse_router", 29_000, 20_381),
    ("accuse_validator", 30_000, 20_786),
    ("accuse_verifier", 32_000, 22_629),
    ("advance_epoch", 33_000, 23_510),
    ("allocate_launch", 31_000, 21_438),
    ("approve", 21_000, 14_493),
    ("approve_emission", 56_000, 40_116),
    ("claim_audits", 37_000, 26_076),
    ("claim_work", 35_000, 25_431),
    ("close_approvals", 9_000, 6_327),
    ("close_batch", 6_000, 4_255),
    ("compact_escrow", 11_000, 7_733),
    ("fund_deposit", 36_000, 26_353),
    ("initialize", 98_000, 83_661),
    ("open_escrow", 42_000, 32_950),
    ("open_escrow_from_deposit", 33_000, 23_416),
    ("open_work", 20_000, 13_772),
    ("pay_verifier", 39_000, 27_664),
    ("plant_honeypot", 19_000, 13_222),
    ("publish_node_key", 17_000, 11_653),
    ("record_liveness", 24_000, 16_890),
    ("refund_expired", 28_000, 21_294),
    ("refund_reject", 38_000, 30_430),
    ("register_bls_key", 49_000, 34_488),
    ("register_operator", 27_000, 21_593),
    ("register_validator", 55_000, 39_103),
    ("release", 59_000, 47_115),
    ("set_model", 19_000, 16_863),
    ("settle", 29_000, 21_675),
    ("settle_batch", 31_000, 21_961),
    ("settle_batched", 28_000, 19_955),
    ("settle_cohort", 47_000, 33_075),
    ("slash_operator", 46_000, 32_687),
    ("slash_validator", 70_000, 49_515),
    ("stake_operator", 24_000, 16_479),
    ("stake_validator", 45_000, 35_827),
    ("unstake_operator", 20_000, 14_080),
    ("unstake_validator", 43_000, 33_425),
    ("update_operator", 8_000, 5_269),
    ("update_validator", 8_000, 5_322),
    ("withdraw_deposit", 24_000, 17_526),
    ("withdraw_operator", 24_000, 16_479),
    ("withdraw_validator", 50_000, 35_128),
];

/// Bytes that the committed ELF may have, and last had: its rent is paid for as long as the program is there.
const ELF_BYTES: (u64, u64) = (1_400_000, 1_224_816);

/// Validators of whom the first five sign, so that some places are left for the scenes to fill.
fn stakes() -> [u64; 58] {
    let mut stakes = [100; 58];
    stakes[..5].fill(1_000_000);
    stakes
}

/// The most compute units that an instruction took in any of its scenes, by its name in the IDL.
fn used() -> BTreeMap<&'static str, u64> {
    let town = scenes::settled_by(&stakes(), 5);
    let mut used = BTreeMap::new();
    for case in CASES.iter().copied().flatten() {
        let mut world = town.clone();
        let Scene { instructions, signers } = (case.scene)(&mut world);
        let mut signers = needed(&instructions, &signers);
        // where nobody else signs, somebody has to pay the transaction's fee
        if signers.is_empty() {
            signers.push(world.admin.key.insecure_clone());
        }
        let meta = world.must_raw(&instructions, &signers);
        let most: &mut u64 = used.entry(case.instruction).or_default();
        *most = of_the_program(&meta.logs).max(*most);
    }
    used
}

/// The program's own line; precompiles and the budget are not its instructions.
fn of_the_program(logs: &[String]) -> u64 {
    let line = format!("Program {PROGRAM_ID} consumed ");
    let units = logs.iter().find_map(|log| log.strip_prefix(&line)?.split(' ').next()?.parse().ok());
    units.expect("the program ran")
}

#[test]
fn compute_units_stay_under_their_ceilings() {
    let used = used();
    let mut wrong = Vec::new();
    for instruction in &Idl::committed().instructions {
        let name = instruction.name.as_str();
        let units = used[name];
        match CEILINGS.iter().find(|(of, ..)| *of == name) {
            None => wrong.push(format!("{name} has no ceiling; it took {units}")),
            Some((_, ceiling, last)) => {
                println!("{name}: {units} compute units of {ceiling}, {last} before");
                if units > *ceiling {
                    wrong.push(format!("{name} took {units} compute units, over {ceiling}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(CEILINGS.len(), used.len(), "a ceiling of an instruction that is gone");
}

#[test]
fn the_elf_stays_small() {
    let (most, last) = ELF_BYTES;
    let bytes = std::fs::metadata(ELF).expect("the ELF").len();
    println!("{bytes} bytes of {most}, {last} before");
    assert!(bytes <= most, "the ELF has {bytes} bytes, over {most}");
}
