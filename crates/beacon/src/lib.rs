//! Public randomness for audit draws (SPEC 5.2).
//!
//! Time is cut into rounds. A round's value must be unknown before the round begins and the same for everybody after it:
//!
//! 1. after the round has begun each validator proves its VRF over (network, round) and shows the proof ([`VrfKey::prove`]);
//! 2. whoever holds proofs of more than 2/3 of stake aggregates them ([`Beacon::aggregate`]);
//! 3. anybody with the validator set checks the result ([`Beacon::verify`]) and reads [`Beacon::value`].
//!
//! The aggregate is the bootstrap source: who aggregates may leave a proof out and so choose among a few values. Every
//! verdict says so ([`Beacon::is_bootstrap`]), and one that rests on a single proof says that too ([`Beacon::is_solo`]).
//! [`BeaconProof`] is the seam where a threshold signature takes the aggregate's place: callers see [`Beacon`] alone.
//!
//! This crate never reads a clock; times come in as arguments. That a proof leaves its validator only after the round has
//! begun is the caller's duty ([`Schedule::has_begun`]).

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod beacon;
mod error;
pub mod round;
pub mod validators;
pub mod vrf;

pub use beacon::{Beacon, BeaconProof, Share, aggregate_value};
pub use error::Error;
pub use round::Schedule;
pub use validators::{Validator, ValidatorSet};
pub use vrf::{PROOF_BYTES, VrfKey, VrfOutput, VrfProof, VrfPublic, verify_alpha};

#[cfg(test)]
mod tests;
