//! Builders of the program's instructions, one a file. A builder is a struct of named accounts and arguments, so that two
//! addresses cannot be swapped; `instruction(&program)` derives the rest.

mod allocate_launch;
mod initialize;
mod open_escrow;
mod refund_expired;
mod refund_reject;
mod register_validator;
mod set_model;
mod settle;
mod update_validator;

pub use allocate_launch::AllocateLaunch;
pub use initialize::Initialize;
pub use open_escrow::OpenEscrow;
pub use refund_expired::RefundExpired;
pub use refund_reject::RefundReject;
pub use register_validator::RegisterValidator;
pub use set_model::SetModel;
pub use settle::Settle;
pub use update_validator::UpdateValidator;

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
