//! One instruction a file: its accounts, its arguments, and the function of its name.

pub mod allocate_launch;
pub mod initialize;
pub mod open_escrow;
pub mod refund_expired;
pub mod refund_reject;
pub mod register_validator;
pub mod set_model;
pub mod settle;
pub mod update_validator;

// Anchor's #[program] looks for what it derived from each Accounts struct at the crate's root.
pub use allocate_launch::*;
pub use initialize::*;
pub use open_escrow::*;
pub use refund_expired::*;
pub use refund_reject::*;
pub use register_validator::*;
pub use set_model::*;
pub use settle::*;
pub use update_validator::*;
