//! The client against the real program on a development chain, one for each test.

mod earnings;
mod faults;
mod localnet;
mod proxy;
mod quorums;
mod world;
