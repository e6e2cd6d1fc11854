//! The mesh: every role as a real process on this machine, with the real model, engine and chain.
//!
//! ```text
//!   Tools ── binaries, models ──▶ Mesh::start ── chain ─ validators ─ router ─ gateway ─ providers ──▶ ask, receipt, balances
//! ```
//!
//! [`Mesh`] starts it, [`client`] talks to it as a consumer does, [`demo`] and [`stage`] show it to a person. Nothing here is trusted by any
//! of the processes: the mesh only starts programs, writes their config by their own commands and reads what they print.

pub mod adversary;
pub mod bench;
pub mod chaos;
pub mod client;
pub mod demo;
pub mod ledger;
pub mod mesh;
pub mod node;
pub mod process;
pub mod provision;
pub mod rho;
pub mod roles;
pub mod show;
pub mod stage;
pub mod task;
pub mod tools;
pub mod tour;

pub use client::Reply;
pub use mesh::{Duty, Mesh, MeshConfig, Pair, ProviderSpec};
pub use node::Driver;
pub use tools::Tools;
