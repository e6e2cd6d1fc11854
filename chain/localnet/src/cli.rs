//! Flags of `ogong-localnet`.

use std::path::PathBuf;

use clap::Parser;

/// Runs OGONG's development chain until Ctrl-C or SIGTERM.
///
/// When it is ready one line of JSON goes to standard output: rpc_url, ws_url, program_id, config, pid.
#[derive(Debug, Parser)]
#[command(name = "ogong-localnet", version)]
pub struct Cli {
    /// Address to listen on. The chain is unauthenticated and mints on request: leave it on loopback.
    #[arg(long, default_value = "127.0.0.1", env = "OGONG_LOCALNET_HOST")]
    pub host: std::net::Ipv4Addr,
    /// JSON-RPC port; 0 takes a free one.
    #[arg(long, default_value_t = 8899, env = "OGONG_LOCALNET_RPC_PORT")]
    pub rpc_port: u16,
    /// WebSocket port; 0 takes a free one.
    #[arg(long, default_value_t = 8900, env = "OGONG_LOCALNET_WS_PORT")]
    pub ws_port: u16,
    /// Program to deploy instead of the one this binary carries.
    #[arg(long, value_name = "PATH")]
    pub program: Option<PathBuf>,
    /// Milliseconds between blocks.
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub slot_ms: u64,
    /// Keep the chain in this directory: whatever was confirmed is there again after a restart, even after kill -9.
    #[arg(long, value_name = "DIR", env = "OGONG_LOCALNET_LEDGER")]
    pub ledger: Option<PathBuf>,
    /// Also write the JSON line to this file, once, when the chain is ready.
    #[arg(long, value_name = "PATH")]
    pub ready_file: Option<PathBuf>,
    /// End when standard input closes, so that the chain dies with the process that started it.
    #[arg(long)]
    pub exit_on_stdin_close: bool,
}
