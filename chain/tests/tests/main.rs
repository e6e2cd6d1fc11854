//! One module an instruction; each lists its refusals, and `errors` looks whether together they cover the program's.

#![allow(clippy::result_large_err, reason = "litesvm returns its results by value")]

mod accuse_router;
mod accuse_validator;
mod accuse_verifier;
mod allocate_launch;
mod approvals;
mod approve_emission;
mod artifact;
mod attacks;
mod batch;
mod bls;
mod claim_audits;
mod claim_work;
mod cohort;
mod compact_escrow;
mod compute;
mod curve;
mod deposit;
mod epoch;
mod errors;
mod every_instruction;
mod forty_years;
mod initialize;
mod open_escrow;
mod operator;
mod plant_honeypot;
mod publish_node_key;
mod random_steps;
mod record_liveness;
mod refund_expired;
mod refund_reject;
mod register_validator;
mod release;
mod scenes;
mod security;
mod set_model;
mod settle;
mod settle_quorum;
mod slash_operator;
mod slash_validator;
mod statement_vectors;
mod update_validator;
mod validator_stake;
mod vectors;
mod verifier;
