//! Command line of `ogong-validatord`: flags and defaults as in the book's reference.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use ogong_daemon::{Role, Shutdown, TelemetryFlags, home};

use crate::{Config, Error, commands};

/// Validator and audit node of the OGONG network (QUIC).
#[derive(Debug, Parser)]
#[command(name = "ogong-validatord", version, about)]
pub struct Cli {
    /// Flags of the node itself, used when no subcommand is given.
    #[command(flatten)]
    pub node: NodeFlags,
    /// One-shot commands; without one the node runs.
    #[command(subcommand)]
    pub command: Option<Command>,
}

impl Cli {
    /// The subcommand, or the node until told to stop.
    ///
    /// # Errors
    /// As a binary's `main` reports them.
    pub async fn run(self, shutdown: Shutdown) -> Result<(), anyhow::Error> {
        let dir = home::resolve(Role::Validator, self.node.data_dir.as_deref())
            .map_err(|err| Error::from(err).into_report())?;
        if let Some(command) = &self.command {
            let output = commands::run(command, &self.node, &dir).await.map_err(Error::into_report)?;
            print!("{output}");
            return Ok(());
        }
        let config = Config::from_flags(&self.node, dir).map_err(Error::into_report)?;
        let node = crate::start(config).await.map_err(Error::into_report)?;
        node.until(shutdown).await;
        Ok(())
    }
}

/// What a node is told at its start.
#[derive(Debug, Clone, Args)]
pub struct NodeFlags {
    /// UDP address of the QUIC endpoint.
    #[arg(long, default_value = "0.0.0.0:4533")]
    pub bind: SocketAddr,
    /// Audit coverage: 1 audits every reply, 0 audits none.
    #[arg(long, default_value = "1.0", value_parser = probability)]
    pub alpha: f64,
    /// Verifier soundness: the chance that a substitute reply is rejected.
    #[arg(long, default_value = "1.0", value_parser = probability)]
    pub s: f64,
    /// Verifier false-positive rate: the chance that an honest reply is rejected.
    #[arg(long, default_value = "0.0", value_parser = probability)]
    pub eps: f64,
    /// Target lifetime false-ejection rate (the Ville bound).
    #[arg(long, default_value = "0.001", value_parser = probability)]
    pub beta: f64,
    /// Peer validator for the audit beacon, `host:port|cert` with a certificate file or a consensus id; repeatable.
    #[arg(long = "peer", value_name = "HOST:PORT|CERT")]
    pub peers: Vec<String>,
    /// Verifier to dispatch audit-selected replies to.
    #[arg(long, value_name = "HOST:PORT", requires = "verifier_cert")]
    pub verifier_endpoint: Option<String>,
    /// Pinned verifier certificate (PEM or DER); required with the endpoint.
    #[arg(long, value_name = "PATH", requires = "verifier_endpoint")]
    pub verifier_cert: Option<PathBuf>,
    /// Run the shared-ordered-log consensus driver (not available in this version).
    #[arg(long)]
    pub consensus: bool,
    /// When audits ask for bit-exact recomputation.
    #[arg(long, value_enum, default_value_t = ExactPolicy::Auto)]
    pub exact: ExactPolicy,
    /// Seconds between two readings of the on-chain registry.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub registry_refresh: u64,
    /// Windows drawn beside the first and the last.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(2..=62))]
    pub k: u32,
    /// Co-sign verdicts whose verifier was configured, not drawn; always done where the chain is on this machine.
    #[arg(long)]
    pub allow_pinned: bool,
    /// Where keys and the record store live [default: ~/.ogong/validator].
    #[arg(long, alias = "home", global = true, value_name = "DIR", env = "OGONG_HOME")]
    pub data_dir: Option<PathBuf>,
    /// How to log.
    #[command(flatten)]
    pub telemetry: TelemetryFlags,
    /// Variables of the chain and of the settlement sink.
    #[command(flatten)]
    pub chain: ChainFlags,
}

/// The chain and sink environment of the book; every variable is also a hidden flag.
#[derive(Debug, Clone, Args)]
pub struct ChainFlags {
    /// This validator's Solana keypair file.
    #[arg(long, hide = true, global = true, env = "OGONG_VALIDATOR_KEYPAIR")]
    pub validator_keypair: Option<PathBuf>,
    /// Where to write the QUIC certificate for peers to pin.
    #[arg(long, hide = true, global = true, env = "OGONG_VALIDATOR_CERT_OUT")]
    pub validator_cert_out: Option<PathBuf>,
    /// The on-chain program.
    #[arg(long, hide = true, env = "OGONG_PROGRAM_ID")]
    pub program_id: Option<String>,
    /// Solana RPC endpoint.
    #[arg(long, hide = true, env = "OGONG_RPC_URL")]
    pub rpc_url: Option<String>,
    /// Fee payer of settle transactions; presence is part of holding the sink.
    #[arg(long, hide = true, env = "OGONG_AUTHORITY_KEYPAIR")]
    pub authority_keypair: Option<PathBuf>,
    /// The OGONG mint.
    #[arg(long, hide = true, env = "OGONG_MINT")]
    pub mint: Option<String>,
    /// Fee owners: router, validator, reserve, comma separated.
    #[arg(long, hide = true, env = "OGONG_FEE_OWNERS")]
    pub fee_owners: Option<String>,
    /// Co-signers required besides the handling validator.
    #[arg(long, hide = true, env = "OGONG_QUORUM")]
    pub quorum: Option<u32>,
}

/// When audits ask for exact mode (SPEC 4.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExactPolicy {
    /// Where provider and verifier share a numeric class whose self-test passed.
    Auto,
    /// Always; a verifier of another class leaves the reply inconclusive.
    Always,
    /// Never: tolerance mode only.
    Never,
}

/// One-shot commands.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Submit a manual verdict for an audited reply that waits for one.
    Verdict(VerdictFlags),
    /// Print what the running node holds and waits for.
    Status(QueryFlags),
    /// Print the receipt of a reply: record, round, scores, verdict, co-signatures, transaction.
    Receipt(ReceiptFlags),
    /// Create keys and certificate if missing and print the public identity.
    Identity(OutputFlags),
}

/// How to reach the running node.
#[derive(Debug, Clone, Args)]
pub struct NodeAddress {
    /// Address of the running node; its certificate is the one in the data directory.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:4533")]
    pub node: String,
    /// Certificate of the node when it is not this data directory's own.
    #[arg(long, value_name = "PATH")]
    pub node_cert: Option<PathBuf>,
}

/// Flags of `verdict`.
#[derive(Debug, Clone, Args)]
#[command(group(clap::ArgGroup::new("decision").required(true).args(["accept", "reject"])))]
pub struct VerdictFlags {
    /// Where the node listens.
    #[command(flatten)]
    pub address: NodeAddress,
    /// The reply, 64 hex digits.
    #[arg(long, value_name = "HEX")]
    pub reply_id: String,
    /// The reply is as it should be.
    #[arg(long)]
    pub accept: bool,
    /// The reply is not what was ordered.
    #[arg(long)]
    pub reject: bool,
}

/// Flags of `status`.
#[derive(Debug, Clone, Args)]
pub struct QueryFlags {
    /// Where the node listens.
    #[command(flatten)]
    pub address: NodeAddress,
    /// Output form.
    #[command(flatten)]
    pub output: OutputFlags,
}

/// Flags of `receipt`.
#[derive(Debug, Clone, Args)]
pub struct ReceiptFlags {
    /// The reply, 64 hex digits.
    #[arg(value_name = "REPLY_ID")]
    pub reply_id: String,
    /// Where the node listens.
    #[command(flatten)]
    pub address: NodeAddress,
    /// Output form.
    #[command(flatten)]
    pub output: OutputFlags,
}

/// Output form of a one-shot command.
#[derive(Debug, Clone, Args)]
pub struct OutputFlags {
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

fn probability(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if (0.0..=1.0).contains(&value) => Ok(value),
        _ => Err(format!("expected a number from 0 to 1, got {text}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_the_books() {
        let cli = Cli::try_parse_from(["ogong-validatord"]).expect("no flag is required");
        assert_eq!(cli.node.bind.to_string(), "0.0.0.0:4533");
        assert_eq!((cli.node.alpha, cli.node.s, cli.node.eps, cli.node.beta), (1.0, 1.0, 0.0, 0.001));
        assert_eq!((cli.node.k, cli.node.registry_refresh, cli.node.exact), (2, 30, ExactPolicy::Auto));
        assert!(!cli.node.consensus);
    }

    #[test]
    fn endpoint_without_certificate_is_a_usage_error() {
        let err = Cli::try_parse_from(["ogong-validatord", "--verifier-endpoint", "127.0.0.1:4544"]).unwrap_err();
        assert_eq!(err.kind(), clap::error::ErrorKind::MissingRequiredArgument);
    }

    #[test]
    fn a_manual_verdict_says_one_thing() {
        let both = ["ogong-validatord", "verdict", "--reply-id", "00", "--accept", "--reject"];
        assert!(Cli::try_parse_from(both).is_err());
        assert!(Cli::try_parse_from(&both[..4]).is_err());
        assert!(Cli::try_parse_from(&both[..5]).is_ok());
    }

    #[test]
    fn alpha_outside_zero_to_one_is_refused() {
        for bad in ["1.5", "-0.1", "NaN", "all"] {
            assert!(Cli::try_parse_from(["ogong-validatord", &format!("--alpha={bad}")]).is_err(), "{bad}");
        }
    }
}
