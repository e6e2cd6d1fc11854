//! Builders of the program's instructions. A builder is a struct of named accounts and arguments, so that two addresses cannot
//! be swapped; `instruction(&program)` derives the rest.

mod accuse_router;
mod accuse_validator;
mod accuse_verifier;
mod allocate_launch;
mod approve;
mod approve_emission;
mod batch;
mod claim_audits;
mod claim_work;
mod compact_escrow;
mod deposit;
mod initialize;
mod open_escrow;
mod operator;
mod pay_verifier;
mod plant_honeypot;
mod publish_node_key;
mod record_liveness;
mod refund_expired;
mod refund_reject;
mod register_validator;
mod release;
mod set_model;
mod settle;
mod settle_cohort;
mod slash_operator;
mod slash_validator;
mod stake;
mod update_validator;
mod verdict;

pub use accuse_router::AccuseRouter;
pub use accuse_validator::AccuseValidator;
pub use accuse_verifier::AccuseVerifier;
pub use allocate_launch::AllocateLaunch;
pub use approve::{Approve, CloseApprovals};
pub use approve_emission::ApproveEmission;
pub use batch::{CloseBatch, SettleBatch, SettleBatched};
pub use claim_audits::ClaimAudits;
pub use claim_work::ClaimWork;
pub use compact_escrow::CompactEscrow;
pub use deposit::{FundDeposit, OpenEscrowFromDeposit, WithdrawDeposit};
pub use initialize::Initialize;
pub use open_escrow::{OpenEscrow, Terms};
pub use operator::{OpenWork, RegisterOperator, UpdateOperator};
pub use pay_verifier::PayVerifier;
pub use plant_honeypot::PlantHoneypot;
pub use publish_node_key::PublishNodeKey;
pub use record_liveness::RecordLiveness;
pub use refund_expired::RefundExpired;
pub use refund_reject::RefundReject;
pub use register_validator::RegisterValidator;
pub use release::{Change, Release, Served};
pub use set_model::SetModel;
pub use settle::Settle;
pub use settle_cohort::SettleCohort;
pub use slash_operator::SlashOperator;
pub use slash_validator::SlashValidator;
pub use stake::{AdvanceEpoch, MoveOperatorStake, MoveValidatorStake, Movement, RegisterBlsKey};
pub use update_validator::UpdateValidator;
pub use verdict::Verdict;

use crate::{AccountMeta, Address};

pub(crate) fn meta(key: &Address) -> AccountMeta {
    AccountMeta::new_readonly(*key, false)
}

pub(crate) fn meta_mut(key: &Address) -> AccountMeta {
    AccountMeta::new(*key, false)
}

pub(crate) fn signer(key: &Address) -> AccountMeta {
    AccountMeta::new_readonly(*key, true)
}

pub(crate) fn signer_mut(key: &Address) -> AccountMeta {
    AccountMeta::new(*key, true)
}

/// An account that may be absent: Anchor takes the program's own address for that.
pub(crate) fn optional(program: &Address, key: Option<&Address>) -> AccountMeta {
    key.map_or_else(|| meta(program), meta)
}

/// The same, written to where it is there.
pub(crate) fn optional_mut(program: &Address, key: Option<&Address>) -> AccountMeta {
    key.map_or_else(|| meta(program), meta_mut)
}
