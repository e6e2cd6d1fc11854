//! Audits (SPEC 5): which replies are drawn, who verifies them, what the evidence proves, and who is ejected.
//!
//! A handling validator stores a record, signs a [`Receipt`], waits for the round that the receipt names, and then grows an
//! [`Evidence`]: [`decide`] says what to fetch next until it has decided. Peers put their own [`Ground`] under the same
//! evidence and get the same [`Verdict`], byte for byte, before they co-sign. Confirmed outcomes feed one [`Sprt`] per
//! provider.
//!
//! Three kinds of wrong are kept apart everywhere ([`Reason::proof`]): what the provider signed proves itself; a verifier's
//! numbers are a word against a word and are confirmed by another ([`Confirmation`]); a verifier's own faults and incomplete
//! evidence are never held against the provider.
//!
//! Pure: no clock, file, socket or randomness. Times, keys and bytes come in as arguments.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod announce;
pub mod check;
mod checks;
pub mod confirmation;
mod decide;
mod error;
pub mod evidence;
mod hearing;
pub mod profile;
pub mod reason;
pub mod receipt;
pub mod report;
pub mod selection;
mod signed;
pub mod sprt;
pub mod verdict;

pub use announce::{Announcement, Role, SignedAnnouncement};
pub use check::{Check, CheckSet};
pub use confirmation::{Confirmation, Need, Ruling, Stand, VOTES_MAX, Vote};
pub use decide::{Billing, Decision, Exactness, Finding, Next, adjudicate, decide};
pub use error::Error;
pub use evidence::{ATTEMPTS_MAX, Attempt, CANDIDATES_MAX, Evidence, Ground, Material};
pub use profile::{Limits, Profile};
pub use reason::{Proof, Reason};
pub use receipt::{Receipt, SignedReceipt};
pub use report::{Job, Mode, Report, ReportHash, SignedReport, WindowReport};
pub use selection::{Draws, Exclusions, WINDOWS_MAX, Wanted, choose, eligible};
pub use signed::{Signable, Signed};
pub use sprt::{MARGIN_HONEST, MARGIN_WEIGHT, Sprt, SprtParams, Trial};
pub use verdict::{Culprit, Marks, Outcome, Score, Verdict};
