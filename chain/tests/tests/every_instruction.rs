//! What is the same for every instruction of the program (`ogong_chain_tests::trial`): wrong accounts and signers, sent again,
//! integers at their edges; for those that a quorum must stand behind, the line of two thirds and the life of a snapshot.

use crate::scenes::{self, CASES};
use ogong_chain_interface::{ChainError, EPOCH_GRACE_MS, PROGRAM_ID, address};
use ogong_chain_tests::idl::Idl;
use ogong_chain_tests::refusal::number;
use ogong_chain_tests::trial::{Case, Scene, needed, try_all, try_edges};
use ogong_chain_tests::{Refusal, World};

/// An instruction and the file that tries it.
pub struct Tried {
    name: &'static str,
    pub refusals: &'static [Refusal],
    source: &'static str,
}

/// Tests of its own for each instruction; `every_instruction_is_tried` compares the list with the IDL. One that has no file
/// of its name, or no `REFUSALS` in it, does not compile.
macro_rules! instructions {
    ($($name:ident)*) => {
        pub const TRIED: &[Tried] = &[$(Tried {
            name: stringify!($name),
            refusals: crate::$name::REFUSALS,
            source: include_str!(concat!(stringify!($name), ".rs")),
        }),*];

        mod refuses_what_is_wrong {
            $(#[test]
            fn $name() {
                super::trial(stringify!($name));
            })*
        }

        mod takes_or_names_each_edge {
            $(#[test]
            fn $name() {
                super::edges(stringify!($name));
            })*
        }
    };
}

instructions! {
    accuse_router accuse_validator accuse_verifier advance_epoch allocate_launch approve approve_emission claim_audits
    claim_work close_approvals close_batch compact_escrow fund_deposit initialize open_escrow open_escrow_from_deposit open_work
    pay_verifier plant_honeypot publish_node_key record_liveness refund_expired refund_reject register_bls_key
    register_operator register_validator release set_model settle settle_batch settle_batched settle_cohort slash_operator
    slash_validator stake_operator stake_validator unstake_operator unstake_validator update_operator update_validator
    withdraw_deposit withdraw_operator withdraw_validator
}

fn trial(instruction: &str) {
    let mut cases = 0;
    for case in scenes::of(instruction) {
        let refused = try_all(case, scenes::town());
        println!("{instruction} {}:", case.situation);
        for (what, error) in &refused {
            println!("  {what}: {error}");
        }
        assert!(refused.len() >= 3, "{instruction}: only {} ways were found", refused.len());
        cases += 1;
    }
    assert!(cases > 0, "{instruction} has no scene");
}

fn edges(instruction: &str) {
    for case in scenes::of(instruction) {
        let integers = try_edges(case, scenes::town());
        println!("{instruction} {}: {integers} integers", case.situation);
    }
}

#[test]
fn every_instruction_is_tried() {
    let idl = Idl::committed();
    let names: Vec<&str> = idl.instructions.iter().map(|instruction| instruction.name.as_str()).collect();
    let tried: Vec<&str> = TRIED.iter().map(|tried| tried.name).collect();
    assert_eq!(names, tried, "the IDL's instructions, and those that are tried");
    for name in names {
        assert!(scenes::of(name).next().is_some(), "{name} has no scene");
    }
    // whoever takes approvals takes signatures too, and is tried as one that needs a quorum
    for instruction in &idl.instructions {
        let gated = instruction.accounts.iter().any(|account| account.name == "approvals" && account.optional);
        let situations: Vec<&str> = scenes::of(&instruction.name).filter(|c| c.quorum).map(|c| c.situation).collect();
        let both = ["signed", "approved"].iter().all(|way| situations.contains(way));
        assert_eq!(gated, both, "{}: {situations:?}", instruction.name);
    }
}

/// A list that nobody checks is worth nothing, and neither are refusals of what never succeeds.
#[test]
fn every_file_checks_its_refusals_and_a_success() {
    for Tried { name, refusals, source } in TRIED {
        assert!(source.starts_with(&format!("//! `{name}`")), "{name}.rs does not say what it is about");
        assert!(!refusals.is_empty() && source.contains("    check(REFUSALS);\n"), "{name} refuses nothing");
        let lists = source.matches("    check(").count();
        assert!(source.matches("#[test]").count() > lists, "{name} never succeeds");
    }
}

fn signed_by_quorum() -> impl Iterator<Item = &'static Case> {
    CASES.iter().copied().flatten().filter(|case| case.quorum && case.situation.starts_with("signed"))
}

fn label(case: &Case) -> String {
    format!("{} {}", case.instruction, case.situation)
}

/// The handler alone, with exactly two thirds of the stake and with one atom more.
#[test]
fn two_thirds_are_not_enough_and_an_atom_more_is() {
    let idl = Idl::committed();
    for case in signed_by_quorum() {
        for (stake, quorum) in [(2_000_000u64, false), (2_000_001, true)] {
            let mut world = scenes::town();
            let Scene { mut instructions, signers } = (case.scene)(&mut world);
            let epoch = world.config().stake_epoch;
            restake(&mut world, epoch, stake);
            let accounts = idl.instruction(case.instruction).accounts.len();
            instructions.last_mut().expect("one").accounts.truncate(accounts);
            let result = world.send_raw(&instructions, &needed(&instructions, &signers));
            assert_eq!(result.is_ok(), quorum, "{} with {stake} of {}: {result:#?}", label(case), stake + 1_000_000);
            if !quorum {
                assert_eq!(number(&result), Some(ChainError::QuorumNotReached.number()), "{}", label(case));
            }
        }
    }
}

/// As if in an epoch the first validator had `stake`, the second a million, and the others nothing.
fn restake(world: &mut World, epoch: u64, stake: u64) {
    let count = world.epoch(epoch).set.members.len();
    let put = |data: &mut [u8], at: usize, value: u64| data[at..at + 8].copy_from_slice(&value.to_le_bytes());
    world.tamper(&address::epoch(&PROGRAM_ID, epoch), |data| {
        // behind discriminator, version, bump, padding, number and two times
        put(data, 40, stake + 1_000_000);
        for place in 0..count {
            // behind the head of 168 bytes; the stake stands behind the key
            put(data, 168 + 48 * place + 32, [stake, 1_000_000].get(place).copied().unwrap_or(0));
        }
    });
}

/// A snapshot may be named until the last second of its grace, and by no means later or two epochs on. A slash takes the
/// current one only, or what was slashed would vote on.
#[test]
fn a_snapshot_is_stale_when_its_grace_is_over() {
    let grace_s = i64::try_from(EPOCH_GRACE_MS / 1_000).expect("seconds");
    for case in signed_by_quorum() {
        let current_only = case.instruction == "slash_validator";
        for (epochs, seconds, fresh) in [(1, grace_s, !current_only), (1, grace_s + 1, false), (2, 0, false)] {
            let mut world = scenes::town();
            let Scene { instructions, signers } = (case.scene)(&mut world);
            (0..epochs).for_each(|_| world.next_epoch());
            let now_s = i64::try_from(world.now_ms() / 1_000).expect("a time");
            world.set_time(now_s + seconds);
            let result = world.send_raw(&instructions, &signers);
            assert_eq!(result.is_ok(), fresh, "{}, {epochs} epochs and {seconds} s on: {result:#?}", label(case));
            if !fresh {
                assert_eq!(number(&result), Some(ChainError::StakeEpochWrong.number()), "{}", label(case));
            }
        }
    }
}
