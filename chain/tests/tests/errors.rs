//! Every error of the program is provoked by some test, and the interface knows them all.

use crate::{
    accuse_router, accuse_validator, accuse_verifier, allocate_launch, approvals, approve_emission, batch, bls,
    claim_audits, claim_work, cohort, compact_escrow, deposit, epoch, initialize, open_escrow, operator,
    plant_honeypot, publish_node_key, record_liveness, refund_expired, refund_reject, register_validator, release,
    set_model, settle, settle_quorum, slash_operator, slash_validator, update_validator, validator_stake, verifier,
};
use ogong_chain_interface::ChainError;
use ogong_chain_tests::{Expected, Refusal};

const ALL: &[&[Refusal]] = &[
    allocate_launch::REFUSALS,
    approvals::REFUSALS,
    batch::REFUSALS,
    bls::REFUSALS,
    cohort::REFUSALS,
    compact_escrow::REFUSALS,
    deposit::REFUSALS,
    epoch::REFUSALS,
    initialize::REFUSALS,
    open_escrow::REFUSALS,
    operator::REFUSALS,
    refund_expired::REFUSALS,
    refund_reject::REFUSALS,
    register_validator::REFUSALS,
    release::REFUSALS,
    set_model::REFUSALS,
    settle::REFUSALS,
    settle_quorum::REFUSALS,
    update_validator::REFUSALS,
    validator_stake::REFUSALS,
    verifier::REFUSALS,
    publish_node_key::REFUSALS,
    plant_honeypot::REFUSALS,
    accuse_validator::REFUSALS,
    accuse_verifier::REFUSALS,
    accuse_router::REFUSALS,
    slash_validator::REFUSALS,
    slash_validator::QUORUM_REFUSALS,
    slash_operator::REFUSALS,
    slash_operator::QUORUM_REFUSALS,
    record_liveness::REFUSALS,
    record_liveness::QUORUM_REFUSALS,
    approve_emission::REFUSALS,
    approve_emission::QUORUM_REFUSALS,
    claim_work::REFUSALS,
    claim_audits::REFUSALS,
];

#[test]
fn every_error_is_provoked() {
    let provoked: Vec<ChainError> = ALL
        .iter()
        .flat_map(|refusals| refusals.iter())
        .filter_map(|refusal| match refusal.expected {
            Expected::Chain(error) => Some(error),
            Expected::Number(_) => None,
        })
        .collect();
    let missing: Vec<&ChainError> = ChainError::ALL.iter().filter(|error| !provoked.contains(error)).collect();
    assert!(missing.is_empty(), "no test provokes {missing:?}");
}

/// `check` holds name, number and text of each provoked error against the ELF; here the program has none beyond those.
#[test]
fn the_program_has_no_other_errors() {
    let source = include_str!("../../programs/chain/src/error.rs");
    let (_, body) = source.split_once("pub enum ChainError {").expect("the enum");
    let names: Vec<&str> = body
        .lines()
        .map(str::trim)
        .filter_map(|line| line.strip_suffix(','))
        .filter(|name| name.chars().all(char::is_alphanumeric))
        .collect();
    let known: Vec<&str> = ChainError::ALL.iter().map(|error| error.name()).collect();
    assert_eq!(names, known);
}
