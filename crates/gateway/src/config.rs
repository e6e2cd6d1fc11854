//! What the flags mean: a configuration that can be run, or a sentence on what is missing.

use crate::cli::Args;
use crate::error::Error;
use ogong_settlement::interface::{Address, PROGRAM_ID};
use std::net::SocketAddr;
use std::path::PathBuf;

/// A gateway that can be started.
#[derive(Clone, Debug)]
pub struct Config {
    /// Address of the HTTP API.
    pub bind: SocketAddr,
    /// The router's `host:port`.
    pub router: String,
    /// The router's certificate file.
    pub router_cert: PathBuf,
    /// Ceiling for either price, atoms per 1,000 tokens.
    pub max_price: u64,
    /// Keypair file of the payer.
    pub payer_keypair: PathBuf,
    /// Solana RPC endpoint.
    pub rpc_url: String,
    /// The program.
    pub program: Address,
    /// Where keys and the ledger are kept.
    pub data_dir: PathBuf,
}

impl Config {
    /// Resolves flags; `data_dir` is what `--home` came to.
    ///
    /// # Errors
    /// [`Error::Missing`] or [`Error::Flag`], naming the flag.
    pub fn resolve(args: Args, data_dir: PathBuf) -> Result<Self, Error> {
        let missing = |flag, why| Error::Missing { flag, why };
        Ok(Self {
            bind: args.bind,
            router: args.router,
            router_cert: args.router_cert.ok_or_else(|| {
                missing(
                    "--router-cert",
                    "the router is known by its certificate; ogong-routerd writes it with --cert-out",
                )
            })?,
            max_price: args.max_price,
            payer_keypair: args.payer_keypair.ok_or_else(|| {
                missing(
                    "--payer-keypair",
                    "requests are paid from an escrow; make a keypair with `ogong-chain keygen PATH`",
                )
            })?,
            rpc_url: args.rpc_url.ok_or_else(|| {
                missing("--rpc-url", "requests are paid on a chain; name its RPC endpoint here or in OGONG_RPC_URL")
            })?,
            program: match args.program_id {
                None => PROGRAM_ID,
                Some(text) => text.parse().map_err(|_| Error::Flag { flag: "--program-id", got: text })?,
            },
            data_dir,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    fn resolve(flags: &[&str]) -> Result<Config, Error> {
        let flags = ["ogong-gatewayd"].iter().chain(flags);
        Config::resolve(Args::try_parse_from(flags).unwrap(), "/tmp/gateway".into())
    }

    const WHOLE: [&str; 6] =
        ["--router-cert", "r.der", "--payer-keypair", "p.json", "--rpc-url", "http://127.0.0.1:8899"];

    #[test]
    fn defaults_are_the_books() {
        let config = resolve(&WHOLE).unwrap();
        assert_eq!(config.bind.to_string(), "0.0.0.0:4546");
        assert_eq!(config.router, "127.0.0.1:4544");
        assert_eq!(config.max_price, u64::MAX);
        assert_eq!(config.program, PROGRAM_ID);
    }

    #[test]
    fn what_is_missing_is_named() {
        for absent in [0, 2, 4] {
            let mut flags = WHOLE.to_vec();
            let flag = flags.remove(absent);
            flags.remove(absent);
            let error = resolve(&flags).unwrap_err();
            assert!(error.to_string().contains(flag), "{error}");
            assert!(error.hint().is_some());
        }
        assert!(
            resolve(&[&WHOLE[..], &["--program-id", "no"]].concat()).unwrap_err().to_string().contains("--program-id")
        );
    }
}
