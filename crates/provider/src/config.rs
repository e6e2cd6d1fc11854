//! `config.json`: what `configure` writes and `start` reads. Parsed once into [`Network`], which cannot be wrong.

mod network;
mod parse;

use crate::{
    cli::Configure,
    error::Error,
    local::{library::PROJECTOR, served},
};
pub use network::Network;
use ogong_base::{
    hash::ChainKey,
    model_id::{ModelId, Tier},
};
use parse::{absolute, machine_name, parse_into, price, set};
use serde::{Deserialize, Serialize};
use std::{net::SocketAddr, path::PathBuf};

/// Name of the file in the home directory.
pub const FILE: &str = "config.json";
/// Where consumers reach a provider that was not told otherwise.
pub const LISTEN: &str = "127.0.0.1:4547";
/// Where its verifier listens that was not told otherwise.
pub const VERIFIER_BIND: &str = "0.0.0.0:4548";
/// The file, member by member; unknown members are refused.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Account API key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_key: Option<String>,
    /// Adapter mode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream: Option<String>,
    /// Model file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub embedded_text: Option<PathBuf>,
    /// Its projector.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mmproj: Option<PathBuf>,
    /// Models with their engine arguments.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub served_models: Vec<served::Model>,
    /// Machine name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
    /// Whether to join the network.
    pub join_network: bool,
    /// Validator to push to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validator_endpoint: Option<String>,
    /// Its certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validator_cert: Option<PathBuf>,
    /// Router.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub router: Option<String>,
    /// Its certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub router_cert: Option<PathBuf>,
    /// Atoms per 1,000 prompt tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price_prompt: Option<u64>,
    /// Atoms per 1,000 answer tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price_completion: Option<u64>,
    /// Model id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_id: Option<ModelId>,
    /// Listening address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<SocketAddr>,
    /// TLS certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cert: Option<PathBuf>,
    /// TLS key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
    /// Public base URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Solana RPC endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rpc_url: Option<String>,
    /// The on-chain program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub program_id: Option<ChainKey>,
    /// Slots.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parallel: Option<u32>,
    /// Context of a slot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n_ctx: Option<u32>,
    /// Engine threads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threads: Option<u32>,
    /// Whether to verify for others; absent means yes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verify: Option<bool>,
    /// Where the verifier listens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verifier_bind: Option<SocketAddr>,
    /// Whose stake stands behind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stake_owner: Option<ChainKey>,
}

impl Config {
    /// Takes over what the flags name.
    ///
    /// # Errors
    /// The first flag whose value has the wrong form.
    pub fn apply(&mut self, flags: &Configure) -> Result<(), Error> {
        let Configure { api_key, machine, join_network, .. } = flags;
        set(&mut self.api_key, api_key);
        self.apply_source(flags)?;
        if let Some(name) = machine {
            self.machine = Some(machine_name(name)?);
        }
        self.join_network = join_network.unwrap_or(self.join_network);
        self.apply_network(flags)?;
        set(&mut self.parallel, &flags.parallel);
        set(&mut self.n_ctx, &flags.n_ctx);
        set(&mut self.threads, &flags.threads);
        set(&mut self.verify, &flags.verify);
        parse_into(&mut self.verifier_bind, "--verifier-bind", &flags.verifier_bind)?;
        parse_into(&mut self.stake_owner, "--stake-owner", &flags.stake_owner)
    }

    /// Where answers come from: one source at a time.
    fn apply_source(&mut self, flags: &Configure) -> Result<(), Error> {
        let Configure { upstream, embedded_text, served_models, .. } = flags;
        if upstream.is_some() || embedded_text.is_some() || served_models.is_some() {
            self.upstream.clone_from(upstream);
            self.embedded_text = embedded_text.as_deref().map(absolute).transpose()?;
            self.served_models = served_models.as_deref().map(served::read).transpose()?.unwrap_or_default();
            self.mmproj = None;
        }
        if let Some(path) = &flags.mmproj {
            if self.embedded_text.is_none() {
                let why = "goes with --embedded-text; among --served-models it stands in a model's args".to_owned();
                return Err(Error::Flag { flag: "--mmproj", why });
            }
            self.mmproj = Some(absolute(path)?);
        }
        Ok(())
    }

    /// The model that the engine is started for, and its further arguments.
    ///
    /// # Errors
    /// When none is configured, or several are and none of them is the one that is offered.
    pub fn text_model(&self) -> Result<(PathBuf, Vec<String>), Error> {
        if let Some(model) = &self.embedded_text {
            let projector = self.mmproj.iter().flat_map(|path| [PROJECTOR.to_owned(), path.display().to_string()]);
            return Ok((model.clone(), projector.collect()));
        }
        let offered = self.model_id.as_ref().map(ToString::to_string).unwrap_or_default();
        let is_offered = |model: &&served::Model| {
            model.id == offered || offered.rsplit('/').next().is_some_and(|last| !last.is_empty() && last == model.id)
        };
        let chosen = match self.served_models.as_slice() {
            [] => return Err(Error::NoModel),
            [only] => only,
            several => several.iter().find(is_offered).ok_or_else(|| Error::Flag {
                flag: "--served-models",
                why: format!(
                    "holds {} models and none with the id of --model-id; hint: name it as --model-id ends",
                    several.len()
                ),
            })?,
        };
        Ok((chosen.path.clone(), chosen.args.clone()))
    }

    fn apply_network(&mut self, flags: &Configure) -> Result<(), Error> {
        set(&mut self.validator_endpoint, &flags.validator_endpoint);
        set(&mut self.router, &flags.router);
        set(&mut self.endpoint, &flags.endpoint);
        set(&mut self.rpc_url, &flags.rpc_url);
        for (member, path) in [
            (&mut self.validator_cert, &flags.validator_cert),
            (&mut self.router_cert, &flags.router_cert),
            (&mut self.cert, &flags.cert),
            (&mut self.key, &flags.key),
        ] {
            if let Some(path) = path {
                *member = Some(absolute(path)?);
            }
        }
        if let Some(text) = &flags.price {
            let (prompt, completion) = price(text)?;
            (self.price_prompt, self.price_completion) = (Some(prompt), Some(completion));
        }
        parse_into(&mut self.model_id, "--model-id", &flags.model_id)?;
        if self.model_id.as_ref().is_some_and(|id| id.tier() == Tier::Tee) {
            let why = "the tee tier needs attestation, which this version does not have; serve under ogong/verified/.."
                .to_owned();
            return Err(Error::Flag { flag: "--model-id", why });
        }
        parse_into(&mut self.listen, "--listen", &flags.listen)?;
        parse_into(&mut self.program_id, "--program-id", &flags.program_id)
    }

    /// The config as a person may see it.
    pub fn redacted(&self) -> Self {
        let hide = |key: &String| format!("{}…redacted", key.chars().take(3).collect::<String>());
        Self { api_key: self.api_key.as_ref().map(hide), ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configure_again_changes_only_what_it_names() {
        let mut config = Config::default();
        let first = Configure {
            embedded_text: Some("/m.gguf".into()),
            price: Some("5:7".into()),
            machine: Some("attic".into()),
            ..Configure::default()
        };
        config.apply(&first).expect("good flags");
        let second = Configure { price: Some("9".into()), join_network: Some(true), ..Configure::default() };
        config.apply(&second).expect("good flags");
        assert_eq!((config.price_prompt, config.price_completion), (Some(9), Some(9)));
        assert_eq!(
            (config.machine.as_deref(), config.embedded_text.is_some(), config.join_network),
            (Some("attic"), true, true)
        );
        let third = Configure { upstream: Some("http://127.0.0.1:1/v1".into()), ..Configure::default() };
        config.apply(&third).expect("good flags");
        assert_eq!(config.embedded_text, None, "one source of answers at a time");
    }

    #[test]
    fn the_engine_gets_the_projector_and_the_arguments() {
        let mut config = Config::default();
        let alone = Configure { mmproj: Some("/p.gguf".into()), ..Configure::default() };
        assert!(config.apply(&alone).is_err(), "a projector of no model");
        config.apply(&Configure { embedded_text: Some("/m.gguf".into()), ..Configure::default() }).expect("a model");
        config.apply(&alone).expect("its projector");
        let (model, args) = config.text_model().expect("a model");
        assert_eq!((model, args), ("/m.gguf".into(), vec!["--mmproj".to_owned(), "/p.gguf".to_owned()]));
        let file = tempfile::NamedTempFile::new().expect("a file");
        let model = |id: &str| format!(r#"{{"id":"{id}","path":{:?},"args":["--alias","{id}"]}}"#, file.path());
        let json = format!("[{},{}]", model("a"), model("b"));
        config.apply(&Configure { served_models: Some(json), ..Configure::default() }).expect("a set");
        assert_eq!((&config.embedded_text, &config.mmproj), (&None, &None), "one source of answers at a time");
        assert!(config.text_model().is_err(), "which of the two");
        config
            .apply(&Configure { model_id: Some("ogong/verified/me/b".into()), ..Configure::default() })
            .expect("an id");
        assert_eq!(config.text_model().expect("the one offered").1, ["--alias", "b"]);
        let again: Config = serde_json::from_str(&serde_json::to_string(&config).expect("json")).expect("read again");
        assert_eq!(again, config);
    }

    #[test]
    fn wrong_values_name_their_flag() {
        for (flags, flag) in [
            (Configure { price: Some("cheap".into()), ..Configure::default() }, "--price"),
            (Configure { model_id: Some("llama".into()), ..Configure::default() }, "--model-id"),
            (Configure { model_id: Some("ogong/tee/a/b".into()), ..Configure::default() }, "--model-id"),
            (Configure { machine: Some("a b".into()), ..Configure::default() }, "--machine"),
            (Configure { listen: Some("here".into()), ..Configure::default() }, "--listen"),
        ] {
            let error = Config::default().apply(&flags).expect_err(flag);
            assert!(error.to_string().contains(flag), "{error}");
        }
    }

    #[test]
    fn the_network_mode_says_what_is_missing() {
        let error = Network::of(&Config::default()).expect_err("nothing configured");
        assert!(error.to_string().contains("--join-network"), "{error}");
        let error = Network::of(&Config { join_network: true, ..Config::default() }).expect_err("no model");
        assert!(error.to_string().contains("--model-id"), "{error}");
    }

    #[test]
    fn the_api_key_is_not_shown() {
        let config = Config { api_key: Some("sk-secret".into()), ..Config::default() };
        let shown = serde_json::to_string(&config.redacted()).expect("json");
        assert!(!shown.contains("secret") && shown.contains("redacted"), "{shown}");
    }
}
