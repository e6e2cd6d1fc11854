//! What every OGONG process shares: where its data lives, its keys on disk, its config, its store, logs, metrics and an orderly end.
//!
//! Only this crate reads the environment and installs a subscriber; a service gets what it needs as values. Setting a value goes flag, then environment,
//! then config file, then default.

pub mod clock;
pub mod config;
pub mod error;
pub mod files;
pub mod flags;
pub mod health;
pub mod home;
pub mod keys;
pub mod metrics;
pub mod report;
mod run;
pub mod shutdown;
pub mod store;
pub mod telemetry;

pub use error::Error;
pub use flags::{HomeFlag, TelemetryFlags};
pub use home::Role;
pub use report::{Hint, ResultExt, Usage, report, report_error};
pub use run::{Interrupt, main, main_with};
pub use shutdown::Shutdown;
pub use store::{Store, Table};
