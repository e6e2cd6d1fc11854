//! Putting a verifier together and keeping it up.

use std::net::SocketAddr;
use std::sync::Arc;

use ogong_base::model_id::ModelId;
use ogong_daemon::Shutdown;
use ogong_daemon::keys::load_or_create_node_key;
use ogong_engine::client::EngineClient;
use ogong_net::{Endpoint, Identity};
use ogong_settlement::Chain;
use tokio::io::AsyncReadExt;
use tokio::task::JoinHandle;
use tracing::{info, warn};

use crate::announce::{self, Terms};
use crate::config::Config;
use crate::desk::Desk;
use crate::engine::Capability;
use crate::error::Error;
use crate::members::Members;
use crate::serve::{Service, Verifier};

/// A verifier that runs.
pub struct Running {
    /// Its parts.
    pub verifier: Arc<Verifier>,
    endpoint: Endpoint,
    announcer: Option<JoinHandle<()>>,
    exit_on_stdin_close: bool,
}

/// Starts a verifier.
///
/// # Errors
/// When the engine cannot score, keys or socket cannot be had, or the chain does not answer.
pub async fn start(config: Config) -> Result<Running, Error> {
    let identity = Identity::load_or_create(&config.data_dir)?;
    if let Some(path) = &config.cert_out {
        identity.write_cert(path)?;
    }
    let key = load_or_create_node_key(&config.data_dir)?;
    let engine = engine_of(&config)?;
    let capability = Capability::detect(&engine, config.allow_logprobs_only).await?;
    let chain = match &config.chain {
        Some(chain) => Some(Chain::connect(&chain.rpc_url, ogong_settlement::address(&chain.program)).await?),
        None => None,
    };
    let model_id = model_of(&config, chain.as_ref(), &capability).await?;
    let endpoint = Endpoint::bind(config.bind, &identity)?;
    let bound = endpoint.local_addr()?;
    let members = Members::new(endpoint.clone(), config.validators.clone(), chain);
    let verifier = Arc::new(Verifier {
        key,
        identity,
        engine,
        capability,
        desk: Desk::default(),
        members,
        windows_max: usize::try_from(config.windows_max).unwrap_or(usize::MAX),
    });
    endpoint.serve(Service(Arc::clone(&verifier)));
    info!(addr = %bound, node_id = %verifier.key.node_id(), consensus_id = %verifier.identity.consensus_id(), engine = %config.engine_url, "verifier listening");
    let announcer = match model_id {
        Some(model_id) => {
            let terms = Terms {
                model_id,
                stake_owner: config.stake_owner,
                endpoint: announce::endpoint(config.advertise.as_deref(), bound)?,
            };
            Some(tokio::spawn(announce::run(Arc::clone(&verifier), terms, config.refresh)))
        }
        None => {
            warn!("no model id is known: not announced, only validators that name this verifier send it jobs");
            None
        }
    };
    Ok(Running { verifier, endpoint, announcer, exit_on_stdin_close: config.exit_on_stdin_close })
}

fn engine_of(config: &Config) -> Result<EngineClient, Error> {
    let engine = EngineClient::new(&config.engine_url)?;
    match &config.engine_token {
        Some(path) => engine.with_token_file(path).map_err(|err| {
            Error::usage(
                format!("the engine token {} cannot be read: {err}", path.display()),
                "name the file that holds the engine's bearer token",
            )
        }),
        None => Ok(engine),
    }
}

/// The model to announce: the operator's, checked against the catalogue, or the one the catalogue knows by the engine's root.
async fn model_of(config: &Config, chain: Option<&Chain>, capability: &Capability) -> Result<Option<ModelId>, Error> {
    let root = capability.current().model_root;
    let Some(chain) = chain else { return Ok(config.model_id.clone()) };
    let Some(model_id) = &config.model_id else {
        let known = chain.models().await?.into_iter().find(|model| model.model_root == *root.as_bytes());
        return Ok(known.and_then(|model| model.model_id.parse().ok()));
    };
    match chain.model_root(&model_id.to_string()).await? {
        Some(listed) if listed != root => Err(Error::failed(
            format!("the engine serves model root {root}, the catalogue lists {listed} for {model_id}"),
            "load the file the catalogue lists, or announce another --model-id",
        )),
        _ => Ok(Some(model_id.clone())),
    }
}

impl Running {
    /// Where the verifier listens.
    ///
    /// # Errors
    /// When the socket is gone.
    pub fn local_addr(&self) -> Result<SocketAddr, Error> {
        Ok(self.endpoint.local_addr()?)
    }

    /// Runs until the process shall end, then closes the connections.
    pub async fn until(self, shutdown: Shutdown) {
        if self.exit_on_stdin_close {
            let _ = shutdown.unless(stdin_closed()).await;
        } else {
            shutdown.cancelled().await;
        }
        self.stop().await;
    }

    /// Stops at once.
    pub async fn stop(self) {
        if let Some(announcer) = &self.announcer {
            announcer.abort();
        }
        self.endpoint.close().await;
    }
}

/// Returns when nobody can write to standard input any more: the parent process is gone.
async fn stdin_closed() {
    let mut sink = [0; 64];
    let mut stdin = tokio::io::stdin();
    while let Ok(count) = stdin.read(&mut sink).await {
        if count == 0 {
            break;
        }
    }
    info!("standard input closed, stopping");
}
