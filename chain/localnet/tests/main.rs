//! The development chain as a process, through the eyes of its clients.

mod clients;
mod common;
mod ledger;
mod ports;
