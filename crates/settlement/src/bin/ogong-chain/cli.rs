//! Flags of `ogong-chain`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use ogong_base::hash::{ChainKey, ConsensusId, Hash32, ModelRoot, NodeId, ReplyId};
use ogong_base::params::{COOLDOWN_EPOCHS, EPOCH_LENGTH_MS, PPM, ROUND_PERIOD_MS};
use ogong_chain_interface::{PROGRAM_ID, SPLIT_BPS_DEFAULT, account::Role};
use ogong_settlement::{chain_key, token::atoms_from_text};

/// Sets OGONG's chain up, fills development chains, and shows what stands on it.
#[derive(Debug, Parser)]
#[command(name = "ogong-chain", version)]
pub struct Cli {
    /// JSON-RPC of the chain.
    #[arg(long, global = true, default_value = "http://127.0.0.1:8899", env = "OGONG_RPC_URL")]
    pub rpc_url: String,
    /// Address of OGONG's program.
    #[arg(long, global = true, default_value_t = chain_key(&PROGRAM_ID), env = "OGONG_PROGRAM_ID")]
    pub program_id: ChainKey,
    /// Print JSON.
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// One verb.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a Solana keypair file; a file that is there is shown, never overwritten.
    Keygen {
        /// Where.
        path: PathBuf,
    },
    /// Initialise the program and mint the launch allocation, once for each chain.
    Init(Init),
    /// Give a wallet SOL for fees (development chains).
    Airdrop {
        /// Whose.
        to: ChainKey,
        /// How many SOL.
        #[arg(value_parser = atoms_from_text)]
        sol: u64,
    },
    /// Send OGONG to a wallet.
    Send {
        /// Whose.
        to: ChainKey,
        /// How many tokens.
        #[arg(value_parser = atoms_from_text)]
        tokens: u64,
        /// The keypair file of the wallet that pays.
        #[arg(long, value_name = "PATH")]
        keypair: PathBuf,
    },
    /// Give OGONG to the verification reserve, which pays verifiers; nobody takes it out again.
    FundReserve {
        /// How many tokens.
        #[arg(value_parser = atoms_from_text)]
        tokens: u64,
        /// The keypair file of the wallet that gives.
        #[arg(long, value_name = "PATH")]
        keypair: PathBuf,
    },
    /// Stake and enter the validator set, or bring endpoint and certificate up to date.
    RegisterValidator(Register),
    /// Stake and register a provider, router or verifier, or bring its registration up to date.
    RegisterOperator(Enrol),
    /// Show what a key has earned and not claimed, by epoch and role.
    Earnings {
        /// The registration's key.
        wallet: ChainKey,
    },
    /// Take what a key has earned, in every role; run again, there is nothing to claim.
    Claim {
        /// The registration's keypair file.
        #[arg(long, value_name = "PATH")]
        keypair: PathBuf,
        /// This epoch only; all that can be claimed if absent.
        #[arg(long)]
        epoch: Option<u64>,
    },
    /// Enter a model into the catalogue, or give it another root.
    SetModel {
        /// ogong/<tier>/<maker>/<model>.
        model_id: ogong_base::model_id::ModelId,
        /// Model root, hex.
        model_root: ModelRoot,
        /// The maker's wallet; the admin's own if absent.
        #[arg(long)]
        maker: Option<ChainKey>,
        /// The admin's keypair file.
        #[arg(long, value_name = "PATH")]
        admin_keypair: PathBuf,
    },
    /// Show what a wallet holds.
    Balance {
        /// Whose.
        wallet: ChainKey,
    },
    /// Show one reply's escrow.
    Escrow {
        /// Which reply, hex.
        reply_id: ReplyId,
    },
    /// Take an escrow back for its owner after the order's deadline.
    Refund {
        /// Which reply, hex.
        reply_id: ReplyId,
        /// Who pays the transaction's fee.
        #[arg(long, value_name = "PATH")]
        keypair: PathBuf,
    },
    /// Begin the next epoch once the current one is over.
    AdvanceEpoch {
        /// Who pays the transaction's fee and the epoch's rent.
        #[arg(long, value_name = "PATH")]
        keypair: PathBuf,
    },
    /// Pay out an escrow that a quorum decided to pay.
    Release {
        /// Which reply, hex.
        reply_id: ReplyId,
        /// Who pays the transaction's fee.
        #[arg(long, value_name = "PATH")]
        keypair: PathBuf,
    },
    /// List the registered validators.
    Validators,
    /// List the model catalogue.
    Models,
    /// Show the network's parameters.
    Config,
}

/// Parameters of a new network.
#[derive(Debug, Args)]
pub struct Init {
    /// The admin's keypair file: becomes the catalogue's keeper.
    #[arg(long, value_name = "PATH")]
    pub admin_keypair: PathBuf,
    /// The network's name.
    #[arg(long, default_value = "localnet")]
    pub network: String,
    /// Wallet of team and advisors, 625 million OGONG; the admin's own if absent.
    #[arg(long)]
    pub team: Option<ChainKey>,
    /// Wallet of the foundation, 250 million OGONG; the admin's own if absent.
    #[arg(long)]
    pub foundation: Option<ChainKey>,
    /// Wallet of public liquidity, 125 million OGONG; the admin's own if absent.
    #[arg(long)]
    pub liquidity: Option<ChainKey>,
    /// Shares of provider, router, validator, reserve and maker in basis points.
    #[arg(long, value_delimiter = ',', num_args = 5, default_values_t = SPLIT_BPS_DEFAULT)]
    pub split_bps: Vec<u16>,
    /// Least stake of a validator, in tokens.
    #[arg(long, default_value = "1", value_parser = atoms_from_text)]
    pub min_stake: u64,
    /// Share of replies that are audited, parts per million.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(..=PPM))]
    pub alpha_ppm: u64,
    /// Start of beacon round 0, Unix milliseconds; now if absent.
    #[arg(long)]
    pub beacon_genesis_ms: Option<u64>,
    /// Length of a beacon round.
    #[arg(long, default_value_t = ROUND_PERIOD_MS)]
    pub beacon_period_ms: u64,
    /// Least length of an epoch, milliseconds; anyone may begin the next one then.
    #[arg(long, default_value_t = EPOCH_LENGTH_MS)]
    pub epoch_length_ms: u64,
    /// Epochs between unstake and withdrawal.
    #[arg(long, default_value_t = COOLDOWN_EPOCHS, value_parser = clap::value_parser!(u64).range(2..))]
    pub cooldown_epochs: u64,
    /// What a verifier gets for an audit, in tokens.
    #[arg(long, default_value = "0.0001", value_parser = atoms_from_text)]
    pub verifier_fee: u64,
}

/// What an operator registers as.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum OperatorRole {
    /// Serves inference.
    Provider,
    /// Introduces providers.
    Router,
    /// Scores replies for validators.
    Verifier,
}

impl From<OperatorRole> for Role {
    fn from(role: OperatorRole) -> Self {
        match role {
            OperatorRole::Provider => Self::Provider,
            OperatorRole::Router => Self::Router,
            OperatorRole::Verifier => Self::Verifier,
        }
    }
}

/// An operator's registration.
#[derive(Debug, Args)]
pub struct Enrol {
    /// As what.
    #[arg(long, value_enum)]
    pub role: OperatorRole,
    /// The stake owner's keypair file: stakes and claims.
    #[arg(long, value_name = "PATH")]
    pub keypair: PathBuf,
    /// Node id, hex; routers and verifiers log theirs when they start.
    #[arg(long)]
    pub node_id: NodeId,
    /// Stake in tokens, in all.
    #[arg(long, value_parser = atoms_from_text)]
    pub stake: u64,
    /// Wallet that is paid; the stake owner's own if absent.
    #[arg(long)]
    pub payout: Option<ChainKey>,
    /// Root of a model that a provider serves, hex; repeatable.
    #[arg(long = "model-root", value_name = "HEX")]
    pub models: Vec<ModelRoot>,
}

/// A validator's registration.
#[derive(Debug, Args)]
pub struct Register {
    /// The validator's keypair file: stakes and co-signs.
    #[arg(long, value_name = "PATH")]
    pub keypair: PathBuf,
    /// host:port of its QUIC endpoint.
    #[arg(long)]
    pub endpoint: String,
    /// Stake in tokens.
    #[arg(long, value_parser = atoms_from_text)]
    pub stake: u64,
    /// Node id, hex.
    #[arg(long)]
    pub node_id: NodeId,
    /// Public key of its beacon VRF, hex.
    #[arg(long)]
    pub vrf_key: Hash32,
    /// Certificate file, PEM or DER, that its consensus id is taken from.
    #[arg(long, value_name = "PATH", required_unless_present = "consensus_id", conflicts_with = "consensus_id")]
    pub cert: Option<PathBuf>,
    /// Consensus id, hex, instead of a certificate.
    #[arg(long)]
    pub consensus_id: Option<ConsensusId>,
    /// Wallet that receives its fees; its own if absent.
    #[arg(long)]
    pub fee_owner: Option<ChainKey>,
}
