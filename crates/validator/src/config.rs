//! Flags and environment, parsed once into values that cannot be wrong.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ogong_base::hash::{ChainKey, ConsensusId};
use ogong_base::units::Ppm;

use crate::cli::{ChainFlags, ExactPolicy, NodeFlags};
use crate::error::Error;

/// One whole in parts per million.
const PPM_ONE: f64 = 1_000_000.0;

/// Everything a validator node needs to run.
#[derive(Debug, Clone)]
pub struct Config {
    /// QUIC bind address.
    pub bind: SocketAddr,
    /// Audit coverage of this node; the network's may raise it.
    pub alpha: Ppm,
    /// Sequential test parameters.
    pub sequential: Sequential,
    /// Peers known without a registry.
    pub peers: Vec<PeerSpec>,
    /// The configured verifier, whose verdicts are marked `pinned`.
    pub verifier: Option<PinnedEndpoint>,
    /// When to ask for exact mode.
    pub exact: ExactPolicy,
    /// Windows drawn beside the first and the last.
    pub windows_drawn: u32,
    /// Time between registry readings.
    pub registry_refresh: Duration,
    /// Where keys and the store live.
    pub data_dir: PathBuf,
    /// The Solana keypair of the node; `None` means `validator-keypair.json` in the data directory.
    pub keypair: Option<PathBuf>,
    /// Where to write the certificate.
    pub cert_out: Option<PathBuf>,
    /// The chain, when one is configured.
    pub chain: Option<ChainConfig>,
    /// The settlement sink, when this node holds it.
    pub sink: Option<Sink>,
    /// Whether verdicts of a configured verifier are co-signed: on a chain of this machine, or where the operator says so.
    pub allow_pinned: bool,
}

/// Parameters of the sequential test (SPEC 5.8).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sequential {
    /// Verifier soundness.
    pub s: f64,
    /// False-positive rate.
    pub eps: f64,
    /// Lifetime false-ejection bound.
    pub beta: f64,
}

/// A QUIC peer pinned by its certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinnedEndpoint {
    /// `host:port`.
    pub endpoint: String,
    /// sha256 of the certificate.
    pub consensus_id: ConsensusId,
}

/// `--peer`: an address, with a pin where one was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerSpec {
    /// `host:port`.
    pub endpoint: String,
    /// sha256 of the certificate.
    pub consensus_id: ConsensusId,
}

/// How to reach the chain.
#[derive(Debug, Clone)]
pub struct ChainConfig {
    /// JSON-RPC endpoint.
    pub rpc_url: String,
    /// The program.
    pub program: ChainKey,
}

/// What makes a node hold the settlement sink.
#[derive(Debug, Clone)]
pub struct Sink {
    /// The mint, compared with the chain's config.
    pub mint: ChainKey,
    /// Owners of the fee shares, compared with the chain before anything is signed.
    pub fee_owners: FeeOwners,
    /// Co-signers required besides this node.
    pub quorum: u32,
}

/// `OGONG_FEE_OWNERS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeeOwners {
    /// Owner of the router's share.
    pub router: ChainKey,
    /// Owner of this validator's share.
    pub validator: ChainKey,
    /// Owner of the reserve's share.
    pub reserve: ChainKey,
}

impl Config {
    /// Resolves flags.
    ///
    /// # Errors
    /// A flag or variable that contradicts another or does not parse, with a hint.
    pub fn from_flags(flags: &NodeFlags, data_dir: PathBuf) -> Result<Self, Error> {
        if flags.consensus {
            return Err(Error::usage(
                "the shared-ordered-log driver (--consensus) is not part of this version",
                "start without --consensus: settlement by quorum works without it",
            ));
        }
        let sequential = Sequential { s: flags.s, eps: flags.eps, beta: flags.beta };
        if !(sequential.eps < sequential.s && sequential.beta > 0.0) {
            return Err(Error::usage(
                format!(
                    "the sequential test needs eps < s and beta > 0, got s {} eps {} beta {}",
                    flags.s, flags.eps, flags.beta
                ),
                "leave --s, --eps and --beta at their defaults 1.0, 0.0, 0.001",
            ));
        }
        let chain = chain_of(&flags.chain)?;
        let sink = sink_of(&flags.chain)?;
        if sink.is_some() && chain.is_none() {
            return Err(Error::usage(
                "the settlement sink is configured but no chain is",
                "set OGONG_RPC_URL and OGONG_PROGRAM_ID, or unset OGONG_AUTHORITY_KEYPAIR",
            ));
        }
        let keypair = keypair_of(&flags.chain)?;
        let verifier = match (&flags.verifier_endpoint, &flags.verifier_cert) {
            (Some(endpoint), Some(cert)) => {
                Some(PinnedEndpoint { endpoint: endpoint_of(endpoint)?, consensus_id: certificate_pin(cert)? })
            }
            _ => None,
        };
        let peers = flags.peers.iter().map(|spec| peer_of(spec)).collect::<Result<Vec<_>, _>>()?;
        let local_chain = chain.as_ref().is_none_or(|chain| is_loopback(&chain.rpc_url));
        Ok(Self {
            allow_pinned: flags.allow_pinned || local_chain,
            bind: flags.bind,
            alpha: Ppm((flags.alpha * PPM_ONE).round() as u64),
            sequential,
            peers,
            verifier,
            exact: flags.exact,
            windows_drawn: flags.k,
            registry_refresh: Duration::from_secs(flags.registry_refresh),
            data_dir,
            keypair,
            cert_out: flags.chain.validator_cert_out.clone(),
            chain,
            sink,
        })
    }

    /// Whether this build and environment submit settlements.
    #[must_use]
    pub fn holds_sink(&self) -> bool {
        cfg!(feature = "settlement") && self.sink.is_some()
    }
}

/// Reads a certificate file (PEM or DER) into the pin of its holder.
///
/// # Errors
/// The file cannot be read or holds no certificate.
pub fn certificate_pin(path: &Path) -> Result<ConsensusId, Error> {
    ogong_net::consensus_id_of_file(path).map_err(|err| {
        Error::usage(
            format!("certificate {} is not usable: {err}", path.display()),
            "give the PEM or DER file that the node wrote with its cert-out option",
        )
    })
}

/// Whether a URL names this machine.
fn is_loopback(url: &str) -> bool {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest).split(['/', '?']).next().unwrap_or_default();
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host).trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn chain_of(flags: &ChainFlags) -> Result<Option<ChainConfig>, Error> {
    match (&flags.rpc_url, &flags.program_id) {
        (Some(rpc_url), Some(program)) => {
            Ok(Some(ChainConfig { rpc_url: rpc_url.clone(), program: address("OGONG_PROGRAM_ID", program)? }))
        }
        (None, None) => Ok(None),
        (Some(_), None) => Err(Error::usage("OGONG_RPC_URL is set but OGONG_PROGRAM_ID is not", "set both or neither")),
        (None, Some(_)) => Err(Error::usage("OGONG_PROGRAM_ID is set but OGONG_RPC_URL is not", "set both or neither")),
    }
}

/// The registered validator handles and pays: the two keypair variables name one account.
fn keypair_of(flags: &ChainFlags) -> Result<Option<PathBuf>, Error> {
    match (&flags.validator_keypair, &flags.authority_keypair) {
        (Some(validator), Some(authority)) if validator != authority => Err(Error::usage(
            "OGONG_VALIDATOR_KEYPAIR and OGONG_AUTHORITY_KEYPAIR name different files",
            "the settlement authority is the registered validator itself: point both at its keypair",
        )),
        (validator, authority) => Ok(validator.clone().or_else(|| authority.clone())),
    }
}

/// All four sink variables or none: half a sink is a mistake, not a cosign-only node.
fn sink_of(flags: &ChainFlags) -> Result<Option<Sink>, Error> {
    let set = [
        ("OGONG_AUTHORITY_KEYPAIR", flags.authority_keypair.is_some()),
        ("OGONG_MINT", flags.mint.is_some()),
        ("OGONG_FEE_OWNERS", flags.fee_owners.is_some()),
        ("OGONG_QUORUM", flags.quorum.is_some()),
    ];
    if set.iter().all(|(_, present)| !present) {
        return Ok(None);
    }
    let missing: Vec<&str> = set.iter().filter(|(_, present)| !present).map(|(name, _)| *name).collect();
    match (&flags.mint, &flags.fee_owners, flags.quorum) {
        (Some(mint), Some(owners), Some(quorum)) => {
            if flags.authority_keypair.is_none() && flags.validator_keypair.is_none() {
                return Err(Error::usage(
                    "the settlement sink has no fee payer",
                    "set OGONG_AUTHORITY_KEYPAIR or OGONG_VALIDATOR_KEYPAIR",
                ));
            }
            Ok(Some(Sink { mint: address("OGONG_MINT", mint)?, fee_owners: fee_owners(owners)?, quorum }))
        }
        _ => Err(Error::usage(
            format!("the settlement environment is incomplete, missing {}", missing.join(", ")),
            "set all of them to settle, or none of them to co-sign only",
        )),
    }
}

fn fee_owners(text: &str) -> Result<FeeOwners, Error> {
    let parts: Vec<&str> = text.split(',').map(str::trim).collect();
    match parts.as_slice() {
        [router, validator, reserve] => Ok(FeeOwners {
            router: address("OGONG_FEE_OWNERS router", router)?,
            validator: address("OGONG_FEE_OWNERS validator", validator)?,
            reserve: address("OGONG_FEE_OWNERS reserve", reserve)?,
        }),
        _ => Err(Error::usage(
            format!("OGONG_FEE_OWNERS names {} accounts, expected 3", parts.len()),
            "write router,validator,reserve as three addresses with commas",
        )),
    }
}

fn address(name: &str, text: &str) -> Result<ChainKey, Error> {
    text.parse()
        .map_err(|err| Error::usage(format!("{name} is not an address: {err}"), "give a base58 address of 32 bytes"))
}

fn endpoint_of(text: &str) -> Result<String, Error> {
    let port =
        text.rsplit_once(':').filter(|(host, _)| !host.is_empty()).and_then(|(_, port)| port.parse::<u16>().ok());
    match port {
        Some(port) if port > 0 => Ok(text.to_owned()),
        _ => Err(Error::usage(format!("{text} is not host:port"), "write for example 127.0.0.1:4533")),
    }
}

/// Parses `host:port|cert`, where cert is a certificate file or a consensus id in hex.
///
/// # Errors
/// A missing pin or an unusable certificate.
pub fn peer_of(spec: &str) -> Result<PeerSpec, Error> {
    let Some((endpoint, cert)) = spec.split_once('|') else {
        return Err(Error::usage(
            format!("{spec} names no certificate"),
            "write host:port|path-to-cert or host:port|consensus-id; nobody is dialled without a pin",
        ));
    };
    let consensus_id = match ConsensusId::from_hex(cert) {
        Ok(id) => id,
        Err(_) => certificate_pin(Path::new(cert))?,
    };
    Ok(PeerSpec { endpoint: endpoint_of(endpoint)?, consensus_id })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;

    const KEY: &str = "11111111111111111111111111111111";

    fn config(args: &[&str]) -> Result<Config, Error> {
        let full = std::iter::once("ogong-validatord").chain(args.iter().copied());
        let cli = Cli::try_parse_from(full).expect("clap accepts");
        Config::from_flags(&cli.node, PathBuf::from("/data"))
    }

    #[test]
    fn consensus_is_parsed_and_refused_with_a_hint() {
        let err = config(&["--consensus"]).unwrap_err();
        assert!(err.to_string().contains("--consensus") && err.hint().is_some(), "{err}");
    }

    #[test]
    fn half_a_sink_is_refused_by_the_missing_name() {
        let err = config(&["--mint", KEY, "--quorum", "2"]).unwrap_err().to_string();
        assert!(err.contains("OGONG_FEE_OWNERS") && err.contains("OGONG_AUTHORITY_KEYPAIR"), "{err}");
    }

    #[test]
    fn a_whole_sink_needs_a_chain_and_is_then_held() {
        let owners = format!("{KEY},{KEY},{KEY}");
        let sink = ["--mint", KEY, "--quorum", "2", "--fee-owners", &owners, "--authority-keypair", "/k.json"];
        assert!(config(&sink).unwrap_err().to_string().contains("no chain"));
        let with_chain: Vec<&str> =
            sink.iter().copied().chain(["--rpc-url", "http://127.0.0.1:8899", "--program-id", KEY]).collect();
        let config = config(&with_chain).expect("complete");
        assert_eq!(config.sink.as_ref().map(|sink| sink.quorum), Some(2));
        assert_eq!(config.holds_sink(), cfg!(feature = "settlement"));
    }

    #[test]
    fn peers_need_a_pin() {
        assert!(config(&["--peer", "127.0.0.1:4533"]).unwrap_err().hint().is_some());
        let pinned = format!("127.0.0.1:4533|{}", "ab".repeat(32));
        assert_eq!(config(&["--peer", &pinned]).expect("pinned").peers.len(), 1);
        assert!(config(&["--peer", &format!("127.0.0.1|{}", "ab".repeat(32))]).is_err());
    }

    #[test]
    fn eps_must_stay_below_s() {
        assert!(config(&["--s", "0.2", "--eps", "0.2"]).is_err());
        assert!(config(&["--beta", "0"]).is_err());
    }
}
