//! One function a check, in the order of SPEC 5.5. Each takes bytes that were handed over and gives the reason they are
//! wrong, or what the next check builds on.

pub(crate) mod bindings;
pub(crate) mod digest;
pub(crate) mod draw;
pub(crate) mod exact;
pub(crate) mod header;
pub(crate) mod leaves;
pub(crate) mod material;
pub(crate) mod merkle;
pub(crate) mod profile;
pub(crate) mod replay;
pub(crate) mod report;
pub(crate) mod sketch;
pub(crate) mod stop;

use crate::{Check, Profile, Reason};

/// Runs a check if it is on.
pub(crate) fn run(profile: &Profile, check: Check, f: impl FnOnce() -> Result<(), Reason>) -> Result<(), Reason> {
    if profile.has(check) { f() } else { Ok(()) }
}

/// `Ok` if it holds, else the reason.
pub(crate) fn ensure(holds: bool, reason: Reason) -> Result<(), Reason> {
    if holds { Ok(()) } else { Err(reason) }
}
