//! Local mode as a person and a program meet it. One binary, since each one that links the provider takes a while to build.

mod clients;
mod common;
mod images;
mod metrics;
mod pull;
mod server;
