//! What the flags mean: a configuration that can be run.

use crate::cli::Args;
use crate::error::Error;
use ogong_base::{ChainKey, NetworkId, domain, tagged};
use std::net::SocketAddr;
use std::path::PathBuf;

/// A router that can be started.
#[derive(Clone, Debug)]
pub struct Config {
    /// UDP address of the QUIC endpoint.
    pub bind: SocketAddr,
    /// Where the certificate is written for others.
    pub cert_out: Option<PathBuf>,
    /// Whether requests are forwarded.
    pub relay: bool,
    /// Where the router's share goes; `None` has a keypair made.
    pub payout: Option<ChainKey>,
    /// The network whose offers are taken.
    pub network: Option<NetworkId>,
    /// The operator's table of stakes.
    pub stakes: Option<PathBuf>,
    /// Where keys are kept.
    pub data_dir: PathBuf,
}

impl Config {
    /// Resolves flags; `data_dir` is what `--home` came to.
    ///
    /// # Errors
    /// When a flag does not parse.
    pub fn resolve(args: Args, data_dir: PathBuf) -> Result<Self, Error> {
        let payout = args
            .payout
            .map(|text| {
                text.parse().map_err(|_| Error::Flag {
                    flag: "--payout",
                    got: text,
                    want: "a Solana address in base58",
                })
            })
            .transpose()?;
        Ok(Self {
            bind: args.bind,
            cert_out: args.cert_out,
            relay: args.relay,
            payout,
            network: args.network.map(|name| network_id(&name)),
            stakes: args.stakes,
            data_dir,
        })
    }
}

/// `H("ogong/v1/base/network", str name)` (SPEC 1.7).
fn network_id(name: &str) -> NetworkId {
    let mut writer = ogong_base::Writer::new();
    writer.str(name);
    NetworkId::from_bytes(tagged(domain::NETWORK, &[&writer.finish()]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    fn resolve(flags: &[&str]) -> Result<Config, Error> {
        let flags = ["ogong-routerd"].iter().chain(flags);
        Config::resolve(Args::try_parse_from(flags).unwrap(), "/tmp/router".into())
    }

    #[test]
    fn defaults_are_the_books() {
        let config = resolve(&[]).unwrap();
        assert_eq!(config.bind.to_string(), "0.0.0.0:4544");
        assert_eq!((config.relay, config.cert_out, config.payout, config.network), (false, None, None, None));
        assert!(resolve(&["--relay"]).unwrap().relay);
    }

    #[test]
    fn a_payout_is_an_address() {
        let key = ChainKey::from_bytes([3; 32]);
        assert_eq!(resolve(&["--payout", &key.to_string()]).unwrap().payout, Some(key));
        let error = resolve(&["--payout", "nobody"]).unwrap_err();
        assert!(error.to_string().contains("--payout") && error.hint().is_some());
    }
}
