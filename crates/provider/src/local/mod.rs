//! Local mode: models on this machine for whoever may reach it, without network, account, chain or validator.
//!
//! ```text
//!   OpenAI's API ─┐                           ┌─ pool: engines on demand, least recently used out
//!   Ollama's API ─┼─▶ server ─▶ shelf (model) ┤
//!                 │                           └─ upstream: somebody else's server
//!   run (terminal)┘          library: files here ◀─ pull: catalogue, URL, hub, package
//! ```
//!
//! The engine speaks one dialect, llama-server's; the others are translations in `ogong_openai`.

pub mod access;
mod adapters;
mod anthropic;
pub mod bench;
pub mod catalog;
pub mod chat;
pub mod cli;
pub mod doctor;
mod drafter;
mod exposition;
mod fail;
pub mod gguf;
pub mod housekeeping;
mod images;
pub mod library;
pub mod manifest;
pub mod manual;
mod metrics;
mod ollama;
pub mod plan;
pub mod pool;
pub mod pull;
mod relay;
mod responses;
mod serve;
pub mod served;
mod server;
mod shelf;
mod v1;

pub use serve::run;
