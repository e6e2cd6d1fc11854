//! One module an instruction; each lists its refusals, and `errors` looks whether together they cover the program's.

#![allow(clippy::result_large_err, reason = "litesvm returns its results by value")]

mod allocate_launch;
mod approvals;
mod artifact;
mod batch;
mod bls;
mod cohort;
mod compute;
mod curve;
mod deposit;
mod epoch;
mod errors;
mod initialize;
mod open_escrow;
mod operator;
mod refund_expired;
mod refund_reject;
mod register_validator;
mod release;
mod set_model;
mod settle;
mod settle_quorum;
mod update_validator;
mod validator_stake;
mod vectors;
mod verifier;
