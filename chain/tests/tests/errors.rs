//! Every error of the program is provoked by some test, and the interface knows them all.

use crate::every_instruction::TRIED;
use crate::{
    approvals, approve_emission, record_liveness, release_cohort, release_work, settle_batch, settle_cohort,
    settle_quorum, slash_operator, slash_validator,
};
use ogong_chain_interface::ChainError;
use ogong_chain_tests::{Expected, Refusal};

/// Beside each instruction's own: what several share, and the ways in which a quorum can be missing.
const SHARED: &[&[Refusal]] = &[
    approvals::REFUSALS,
    release_cohort::REFUSALS,
    release_work::REFUSALS,
    settle_quorum::REFUSALS,
    approve_emission::QUORUM_REFUSALS,
    record_liveness::QUORUM_REFUSALS,
    settle_batch::QUORUM_REFUSALS,
    settle_cohort::QUORUM_REFUSALS,
    slash_operator::QUORUM_REFUSALS,
    slash_validator::QUORUM_REFUSALS,
];

#[test]
fn every_error_is_provoked() {
    let provoked: Vec<ChainError> = TRIED
        .iter()
        .map(|tried| tried.refusals)
        .chain(SHARED.iter().copied())
        .flatten()
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

/// What clients, logs and other programs know errors by: a number keeps its name for good. New ones stand at the end.
const NUMBERS: &[(u32, &str)] = &[
    (6000, "SplitSumWrong"),
    (6001, "MakerShareReserved"),
    (6002, "AlphaOutOfRange"),
    (6003, "BeaconPeriodZero"),
    (6004, "MinStakeZero"),
    (6005, "StakeTooLow"),
    (6006, "EndpointInvalid"),
    (6007, "ValidatorSetFull"),
    (6008, "AdminWrong"),
    (6009, "ModelIdInvalid"),
    (6010, "OrderMalformed"),
    (6011, "OrderVersionUnknown"),
    (6012, "OrderNetworkWrong"),
    (6013, "OrderProgramWrong"),
    (6014, "OrderOwnerWrong"),
    (6015, "OrderDeadlinePassed"),
    (6016, "EscrowNotOpen"),
    (6017, "StakeEpochWrong"),
    (6018, "CosignerUnsigned"),
    (6019, "CosignerUnregistered"),
    (6020, "CosignerRepeated"),
    (6021, "QuorumNotReached"),
    (6022, "OutcomeNotPayable"),
    (6023, "BilledOverMax"),
    (6024, "SettleExpired"),
    (6025, "ExpiryAfterDeadline"),
    (6026, "DeadlineNotPassed"),
    (6027, "ProviderPayeeWrong"),
    (6028, "RouterPayeeWrong"),
    (6029, "ValidatorPayeeWrong"),
    (6030, "VerifierPayeeWrong"),
    (6031, "OwnerPayeeWrong"),
    (6032, "AmountOverflow"),
    (6033, "CapExceeded"),
    (6034, "EpochLengthZero"),
    (6035, "CooldownTooShort"),
    (6036, "EpochNotOver"),
    (6037, "AmountZero"),
    (6038, "UnstakeOverStake"),
    (6039, "NothingToWithdraw"),
    (6040, "CooldownNotOver"),
    (6041, "OperatorEjected"),
    (6042, "RoleUnknown"),
    (6043, "ModelsInvalid"),
    (6044, "BlsProofInvalid"),
    (6045, "OperatorMismatch"),
    (6046, "DepositTooLow"),
    (6047, "DelegateWrong"),
    (6048, "OutcomeNotReject"),
    (6049, "RejectBills"),
    (6050, "RequestHashWrong"),
    (6051, "CountedOverBilled"),
    (6052, "VerifiersInvalid"),
    (6053, "EscrowNotDecided"),
    (6054, "WorkWrong"),
    (6055, "WorkMissing"),
    (6056, "ApprovalsWrong"),
    (6057, "ApprovalsInUse"),
    (6058, "BatchEmpty"),
    (6059, "BatchInUse"),
    (6060, "BatchProofWrong"),
    (6061, "CohortSizeWrong"),
    (6062, "CohortNotConserved"),
    (6063, "CohortWrong"),
    (6064, "VerifierNotNamed"),
    (6065, "VerifierPaid"),
    (6066, "ReserveTooLow"),
    (6067, "RoleWrong"),
    (6068, "ProviderStakeNotSlashable"),
    (6069, "NodeKeyOffset"),
    (6070, "NodeKeyWrong"),
    (6071, "NodeKeyUnverified"),
    (6072, "EvidenceUnsigned"),
    (6073, "EvidenceOffsets"),
    (6074, "EvidenceKeyWrong"),
    (6075, "EvidenceForeign"),
    (6076, "EvidenceMalformed"),
    (6077, "EvidenceInnocent"),
    (6078, "HoneypotTooLate"),
    (6079, "CaseClosed"),
    (6080, "EmissionCapOutOfRange"),
    (6081, "EpochNotClosed"),
    (6082, "EmissionClaimed"),
    (6083, "EmissionExceeded"),
    (6084, "ClaimPayeeWrong"),
    (6085, "LivenessRoundWrong"),
    (6086, "LivenessLate"),
    (6087, "LivenessNotDrawn"),
    (6088, "LivenessRepeated"),
    (6089, "EscrowNotOver"),
    (6090, "VerifierOwed"),
];

#[test]
fn no_error_is_renumbered() {
    let now: Vec<(u32, &str)> = ChainError::ALL.iter().map(|error| (error.number(), error.name())).collect();
    assert_eq!(now, NUMBERS);
    let idl: serde_json::Value = serde_json::from_str(include_str!("../../artifacts/ogong_chain.json")).expect("JSON");
    let errors = idl["errors"].as_array().expect("a list");
    assert_eq!(errors.len(), NUMBERS.len());
    for (error, (number, name)) in errors.iter().zip(NUMBERS) {
        assert_eq!((error["code"].as_u64(), error["name"].as_str()), (Some(u64::from(*number)), Some(*name)));
    }
}
