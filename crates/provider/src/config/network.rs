//! What the network mode needs of the config.

use super::Config;
use crate::error::Error;
use ogong_base::model_id::ModelId;
use std::path::PathBuf;

/// What the network mode needs, complete.
#[derive(Debug, Clone)]
pub struct Network {
    /// Model id.
    pub model_id: ModelId,
    /// Router.
    pub router: String,
    /// Its certificate.
    pub router_cert: PathBuf,
    /// Solana RPC endpoint.
    pub rpc_url: String,
    /// Atoms per 1,000 prompt tokens.
    pub price_prompt: u64,
    /// Atoms per 1,000 answer tokens.
    pub price_completion: u64,
}

impl Network {
    /// Everything the network mode needs, or which flag is missing.
    ///
    /// # Errors
    /// Names the first missing flag.
    pub fn of(config: &Config) -> Result<Self, Error> {
        fn need<T: Clone>(value: &Option<T>, flag: &'static str) -> Result<T, Error> {
            value.clone().ok_or(Error::Missing { flag })
        }
        if !config.join_network {
            return Err(Error::Missing { flag: "--join-network" });
        }
        Ok(Self {
            model_id: need(&config.model_id, "--model-id")?,
            router: need(&config.router, "--router")?,
            router_cert: need(&config.router_cert, "--router-cert")?,
            rpc_url: need(&config.rpc_url, "--rpc-url")?,
            price_prompt: need(&config.price_prompt, "--price")?,
            price_completion: need(&config.price_completion, "--price")?,
        })
    }
}
