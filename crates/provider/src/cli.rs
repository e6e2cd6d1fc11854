//! Command line of `ogong-provider`: names and defaults as in the book's reference.

use crate::local::cli::{Bench, Completions, Doctor, Local, Man, Ps, Pull, Remove, Run};
use clap::{Args, Parser, Subcommand, ValueEnum};
use ogong_daemon::{HomeFlag, TelemetryFlags};
use ogong_settlement::token::atoms_from_text;
use std::path::PathBuf;

/// Run models on this machine, for yourself or to earn OGONG for verified work.
#[derive(Debug, Parser)]
#[command(name = "ogong-provider", version)]
pub struct Cli {
    /// Where config, keys and records live.
    #[command(flatten)]
    pub home: HomeFlag,
    /// How to log.
    #[command(flatten)]
    pub telemetry: TelemetryFlags,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve models on this machine over OpenAI's and Ollama's APIs; no network, no account.
    Local(Box<Local>),
    /// Chat with a model on the terminal, or answer one prompt in a pipe.
    Run(Box<Run>),
    /// Download a model.
    Pull(Pull),
    /// List the models on this machine.
    #[command(visible_alias = "ls")]
    List(Output),
    /// Remove models from this machine.
    Rm(Remove),
    /// Show what a local server has loaded.
    Ps(Ps),
    /// Look at what a local server needs, and say what is missing.
    Doctor(Doctor),
    /// Measure how fast a model answers on this machine.
    Bench(Box<Bench>),
    /// Write or update config.json; what is not named stays as it was.
    Configure(Box<Configure>),
    /// Spawn the engine, serve consumers, push records to validators.
    Start(Start),
    /// Print the config, its API key redacted; with a model's name, what is known of the model.
    Show(Show),
    /// Print the Solana payout address; makes the keypair the first time.
    Wallet(Wallet),
    /// Print completions for a shell.
    Completions(Completions),
    /// Write man pages into a directory.
    Man(Man),
}

/// The payout wallet.
#[derive(Debug, Args)]
pub struct Wallet {
    /// Solana RPC endpoint [default: the config's].
    #[arg(long, global = true, value_name = "URL", env = "OGONG_RPC_URL")]
    pub rpc_url: Option<String>,
    /// The on-chain program [default: the config's].
    #[arg(long, global = true, value_name = "ADDRESS", env = "OGONG_PROGRAM_ID")]
    pub program_id: Option<String>,
    /// How to print.
    #[command(flatten)]
    pub output: Output,
    /// What to do; without a verb the address is printed.
    #[command(subcommand)]
    pub command: Option<WalletCommand>,
}

/// What stands behind the address on the chain.
#[derive(Debug, Clone, Subcommand)]
pub enum WalletCommand {
    /// Show what the wallet holds: SOL for fees, OGONG, stake, what cools down, and what each epoch's work has earned.
    Balance,
    /// Bring the stake up to an amount, and register with it: more stake, more routed work. A provider's is never slashed. Running it again changes nothing.
    Stake {
        /// Tokens in all; a provider may register with 0.
        #[arg(value_parser = atoms_from_text, value_name = "TOKENS")]
        total: u64,
        /// As what: a verifier's stake is apart, and answers for what it signs.
        #[arg(long = "as", value_enum, default_value_t = Duty::Provider)]
        duty: Duty,
    },
    /// Bring the stake down to an amount; the difference cools down. Running it again changes nothing.
    Unstake {
        /// Tokens that stay; all are unstaked if absent.
        #[arg(value_parser = atoms_from_text, value_name = "TOKENS", default_value = "0")]
        keep: u64,
        /// Whose stake.
        #[arg(long = "as", value_enum, default_value_t = Duty::Provider)]
        duty: Duty,
    },
    /// Take out what has cooled down.
    Withdraw {
        /// Whose stake.
        #[arg(long = "as", value_enum, default_value_t = Duty::Provider)]
        duty: Duty,
    },
    /// Take what this key's work has earned, in every role; run again, there is nothing to claim.
    Claim {
        /// This epoch only; all that can be claimed if absent.
        #[arg(long)]
        epoch: Option<u64>,
    },
}

/// What a provider's wallet stakes as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Duty {
    /// Serves models.
    Provider,
    /// Scores other providers' replies.
    Verifier,
}

impl Command {
    /// Whether a person looks at the terminal: logs are quiet then, and Ctrl-C is the command's own.
    pub fn is_interactive(&self) -> bool {
        matches!(self, Self::Run(_))
    }

    /// Whether only trouble is worth a log line.
    pub fn is_quiet(&self) -> bool {
        !matches!(self, Self::Local(_) | Self::Start(_))
    }
}

/// What to print.
#[derive(Debug, Args)]
pub struct Show {
    /// A model on this machine.
    pub model: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Changes to the config.
#[derive(Debug, Default, Args)]
pub struct Configure {
    /// Account API key, for the tunnel.
    #[arg(long, env = "OGONG_PROVIDER_API_KEY", hide_env_values = true)]
    pub api_key: Option<String>,
    /// Adapter mode: an existing server to serve from instead of an engine of our own; on the network it must offer commit mode.
    #[arg(long, value_name = "URL", conflicts_with = "embedded_text")]
    pub upstream: Option<String>,
    /// Model file to spawn the text engine for.
    #[arg(long, value_name = "GGUF")]
    pub embedded_text: Option<PathBuf>,
    /// Multimodal projector (GGUF) for that model, for image input.
    #[arg(long, value_name = "GGUF", conflicts_with = "upstream")]
    pub mmproj: Option<PathBuf>,
    /// Models with their engine arguments instead of --embedded-text, as `local` takes them: JSON, or the path of a JSON file.
    ///
    /// The network is served one model by each provider: the only one, or the one whose id is --model-id or its last part.
    #[arg(long, value_name = "JSON", conflicts_with_all = ["upstream", "embedded_text", "mmproj"])]
    pub served_models: Option<String>,
    /// Short machine id; with the node key it forms the provider id.
    #[arg(long, value_name = "NAME")]
    pub machine: Option<String>,
    /// Opt into the verified-inference network.
    #[arg(long, num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    pub join_network: Option<bool>,
    /// Validator to push signed records to; others are found in the on-chain registry.
    #[arg(long, value_name = "HOST:PORT")]
    pub validator_endpoint: Option<String>,
    /// That validator's certificate (PEM or DER), where the registry does not name it.
    #[arg(long, value_name = "PATH")]
    pub validator_cert: Option<PathBuf>,
    /// Router to register with.
    #[arg(long, value_name = "HOST:PORT")]
    pub router: Option<String>,
    /// The router's certificate (PEM or DER).
    #[arg(long, value_name = "PATH")]
    pub router_cert: Option<PathBuf>,
    /// Atoms per 1,000 tokens: one price, or PROMPT:COMPLETION.
    #[arg(long, value_name = "PRICE")]
    pub price: Option<String>,
    /// Model id to serve under, `ogong/<tier>/<maker>/<model>`; the chain's catalogue must map it to this very file.
    #[arg(long, value_name = "MODEL_ID")]
    pub model_id: Option<String>,
    /// Address consumers reach; plain HTTP only on loopback.
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<String>,
    /// TLS certificate chain (PEM) for a public address.
    #[arg(long, value_name = "PEM")]
    pub cert: Option<PathBuf>,
    /// TLS private key (PEM).
    #[arg(long, value_name = "PEM")]
    pub key: Option<PathBuf>,
    /// Base URL told to consumers, where it differs from the listening address.
    #[arg(long, value_name = "URL")]
    pub endpoint: Option<String>,
    /// Solana RPC endpoint: escrows and the registry are read there.
    #[arg(long, value_name = "URL")]
    pub rpc_url: Option<String>,
    /// The on-chain program.
    #[arg(long, value_name = "ADDRESS")]
    pub program_id: Option<String>,
    /// Requests served at once.
    #[arg(long, value_name = "N")]
    pub parallel: Option<u32>,
    /// Context of one slot, tokens.
    #[arg(long, value_name = "N")]
    pub n_ctx: Option<u32>,
    /// Engine threads (default: this machine's cores).
    #[arg(long, value_name = "N")]
    pub threads: Option<u32>,
    /// Also verify other providers of the same model, by a child `ogong-verifierd` on this engine.
    #[arg(long, num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    pub verify: Option<bool>,
    /// Address of that verifier.
    #[arg(long, value_name = "ADDR")]
    pub verifier_bind: Option<String>,
    /// Chain account whose stake stands behind this provider (default: the payout address).
    #[arg(long, value_name = "ADDRESS")]
    pub stake_owner: Option<String>,
    /// Print the resulting config as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Flags of `start`.
#[derive(Debug, Default, Args)]
pub struct Start {
    /// Address consumers reach, instead of the configured one.
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<String>,
    /// Write the listening address as JSON here once everything serves.
    #[arg(long, value_name = "PATH")]
    pub ready_file: Option<PathBuf>,
    /// Solana RPC endpoint, instead of the configured one.
    #[arg(long, value_name = "URL", env = "OGONG_RPC_URL")]
    pub rpc_url: Option<String>,
    /// The on-chain program, instead of the configured one.
    #[arg(long, hide = true, env = "OGONG_PROGRAM_ID")]
    pub program_id: Option<String>,
}

/// How to print.
#[derive(Debug, Args)]
pub struct Output {
    /// Print JSON.
    #[arg(long, global = true)]
    pub json: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_books_line_parses() {
        let cli = Cli::try_parse_from([
            "ogong-provider",
            "configure",
            "--embedded-text",
            "m.gguf",
            "--machine",
            "mac-studio",
            "--join-network",
            "--validator-endpoint",
            "127.0.0.1:4533",
        ])
        .expect("the book's flags");
        let Command::Configure(flags) = cli.command else { panic!("configure") };
        assert_eq!((flags.join_network, flags.machine.as_deref()), (Some(true), Some("mac-studio")));
        assert!(
            Cli::try_parse_from(["ogong-provider", "configure", "--embedded-text", "m", "--upstream", "u"]).is_err()
        );
    }
}
