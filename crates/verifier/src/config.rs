//! Flags and environment, parsed once into values that cannot be wrong.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ogong_base::hash::{ChainKey, ConsensusId};
use ogong_base::model_id::ModelId;

use crate::cli::Cli;
use crate::error::Error;

/// Windows every audit opens: the first and the last.
pub const WINDOWS_ALWAYS: u32 = 2;

/// Everything a verifier needs to run.
#[derive(Debug, Clone)]
pub struct Config {
    /// QUIC bind address.
    pub bind: SocketAddr,
    /// Engine to score on.
    pub engine_url: String,
    /// File with the engine's bearer token.
    pub engine_token: Option<PathBuf>,
    /// Windows in one job at most.
    pub windows_max: u32,
    /// Where to write the certificate.
    pub cert_out: Option<PathBuf>,
    /// Where keys live.
    pub data_dir: PathBuf,
    /// Validators named by the operator.
    pub validators: Vec<PinnedEndpoint>,
    /// The chain, for the registry.
    pub chain: Option<ChainConfig>,
    /// The model the operator means to serve.
    pub model_id: Option<ModelId>,
    /// Whose stake stands behind this verifier; zero when nobody's.
    pub stake_owner: ChainKey,
    /// Endpoint told to validators.
    pub advertise: Option<String>,
    /// Whether an engine without score mode is good enough.
    pub allow_logprobs_only: bool,
    /// Time between announcements.
    pub refresh: Duration,
    /// Whether the end of standard input ends the process.
    pub exit_on_stdin_close: bool,
}

/// A QUIC peer pinned by its certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinnedEndpoint {
    /// `host:port`.
    pub endpoint: String,
    /// sha256 of the certificate.
    pub consensus_id: ConsensusId,
}

/// How to read the registry.
#[derive(Debug, Clone)]
pub struct ChainConfig {
    /// JSON-RPC endpoint.
    pub rpc_url: String,
    /// The program.
    pub program: ChainKey,
}

impl Config {
    /// Resolves flags.
    ///
    /// # Errors
    /// A flag that is missing, contradicts another or does not parse, with a hint.
    pub fn from_cli(cli: &Cli, data_dir: PathBuf) -> Result<Self, Error> {
        if cli.audio_engine_url.is_some() {
            return Err(Error::usage(
                "audits of diffusion audio (--audio-engine-url) are not part of this version",
                "start without --audio-engine-url to audit text",
            ));
        }
        let engine_url = cli.ref_url.clone().or_else(|| cli.provider_url.clone()).ok_or_else(|| {
            Error::usage(
                "no engine to score on",
                "pass --ref-url URL, or --provider-url URL to share the provider's engine",
            )
        })?;
        if !(engine_url.starts_with("http://") || engine_url.starts_with("https://")) {
            return Err(Error::usage(format!("{engine_url} is not a URL"), "write for example http://127.0.0.1:11436"));
        }
        Ok(Self {
            bind: cli.bind,
            engine_url,
            engine_token: cli.engine_token.clone(),
            windows_max: cli.k.saturating_add(WINDOWS_ALWAYS),
            cert_out: cli.cert_out.clone(),
            data_dir,
            validators: cli.validators.iter().map(|spec| pinned(spec)).collect::<Result<_, _>>()?,
            chain: chain_of(cli)?,
            model_id: parsed("--model-id", cli.model_id.as_deref())?,
            stake_owner: parsed("--stake-owner", cli.stake_owner.as_deref())?.unwrap_or_default(),
            advertise: cli.listen_advertise.clone(),
            allow_logprobs_only: cli.allow_logprobs_only,
            refresh: Duration::from_secs(cli.registry_refresh),
            exit_on_stdin_close: cli.exit_on_stdin_close,
        })
    }
}

fn chain_of(cli: &Cli) -> Result<Option<ChainConfig>, Error> {
    match (&cli.rpc_url, &cli.program_id) {
        (Some(rpc_url), Some(program)) => Ok(parsed("OGONG_PROGRAM_ID", Some(program.as_str()))?
            .map(|program| ChainConfig { rpc_url: rpc_url.clone(), program })),
        (None, None) => Ok(None),
        _ => Err(Error::usage(
            "only one of OGONG_RPC_URL and OGONG_PROGRAM_ID is set",
            "set both to read the registry, or neither",
        )),
    }
}

fn parsed<T: std::str::FromStr>(name: &str, text: Option<&str>) -> Result<Option<T>, Error>
where
    T::Err: std::fmt::Display,
{
    text.map(|text| {
        text.parse()
            .map_err(|err: T::Err| Error::usage(format!("{name}: {err}"), format!("correct the value of {name}")))
    })
    .transpose()
}

fn pinned(spec: &str) -> Result<PinnedEndpoint, Error> {
    let Some((endpoint, cert)) = spec.split_once('|') else {
        return Err(Error::usage(
            format!("{spec} names no certificate"),
            "write host:port|path-to-cert or host:port|consensus-id; nobody is dialled without a pin",
        ));
    };
    let consensus_id = match ConsensusId::from_hex(cert) {
        Ok(id) => id,
        Err(_) => ogong_net::consensus_id_of_file(Path::new(cert))?,
    };
    Ok(PinnedEndpoint { endpoint: endpoint.to_owned(), consensus_id })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn config(args: &[&str]) -> Result<Config, Error> {
        let cli =
            Cli::try_parse_from(std::iter::once("ogong-verifierd").chain(args.iter().copied())).expect("clap accepts");
        Config::from_cli(&cli, PathBuf::from("/data"))
    }

    #[test]
    fn the_reference_engine_is_preferred() {
        let both = config(&["--provider-url", "http://127.0.0.1:1", "--ref-url", "http://127.0.0.1:2"]).expect("both");
        assert_eq!(both.engine_url, "http://127.0.0.1:2");
        let one = config(&["--provider-url", "http://127.0.0.1:1"]).expect("one");
        assert_eq!((one.engine_url.as_str(), one.windows_max), ("http://127.0.0.1:1", 4));
    }

    #[test]
    fn what_is_missing_or_not_there_yet_is_said_with_a_hint() {
        for args in [
            &[][..],
            &["--ref-url", "127.0.0.1:1"],
            &["--ref-url", "http://x", "--audio-engine-url", "http://y"],
            &["--ref-url", "http://x", "--validator", "127.0.0.1:4533"],
            &["--ref-url", "http://x", "--rpc-url", "http://y"],
            &["--ref-url", "http://x", "--stake-owner", "nobody"],
            &["--ref-url", "http://x", "--model-id", "gpt"],
        ] {
            let err = config(args).expect_err("refused");
            assert!(err.hint().is_some(), "{args:?}: {err}");
        }
    }
}
