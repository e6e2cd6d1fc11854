//! The verifier: one teacher-forced pass over a claimed answer on an engine of its own, as a signed report (SPEC 5.3, 5.4).
//!
//! ```text
//!  validator ─ScoreJob─▶ members (may it ask?) ─▶ job (is it one?) ─▶ desk (one at a time) ─▶ engine ─▶ score ─▶ signed report
//!  chain ─registry─▶ members ─Announcement─▶ every validator
//! ```
//!
//! It sees the request, the claimed ids and which windows to report; never the openings, no price, no consumer. It returns
//! numbers, not a verdict: what they mean is decided by validators, again by every one that co-signs.

pub mod announce;
pub mod cli;
pub mod config;
pub mod desk;
pub mod engine;
pub mod error;
pub mod job;
pub mod members;
pub mod run;
pub mod score;
pub mod serve;

pub use cli::Cli;
pub use config::Config;
pub use error::Error;
pub use run::{Running, start};
