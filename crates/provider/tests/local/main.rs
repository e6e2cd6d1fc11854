//! Local mode as a person and a program meet it. One binary, since each one that links the provider takes a while to build.

mod adapters;
mod clients;
mod common;
mod drafter;
mod images;
mod metrics;
mod pull;
mod server;
