//! Why the provider could not do something, with what to do about it.

use std::path::PathBuf;

/// Errors of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A flag's value has the wrong form.
    #[error("{flag}: {why}")]
    Flag {
        /// Which.
        flag: &'static str,
        /// What is wrong.
        why: String,
    },
    /// The network mode needs a setting.
    #[error("network mode needs {flag}")]
    Missing {
        /// Which.
        flag: &'static str,
    },
    /// Neither a model nor an upstream is configured.
    #[error("no model is configured")]
    NoModel,
    /// A server without commit mode cannot earn.
    #[error("{url} does not offer commit mode")]
    NoCommit {
        /// The upstream.
        url: String,
    },
    /// The file served is not what the catalogue names.
    #[error("the catalogue maps {model_id} to model root {expected}, this engine serves {got}")]
    OtherModel {
        /// The model id.
        model_id: String,
        /// The catalogue's root.
        expected: String,
        /// The engine's root.
        got: String,
    },
    /// The catalogue lacks the model.
    #[error("the on-chain catalogue has no model {model_id}")]
    UnknownModel {
        /// The model id.
        model_id: String,
    },
    /// Plain HTTP beyond this machine.
    #[error("{addr} is not a loopback address and no TLS certificate is configured")]
    PlainHttp {
        /// The listening address.
        addr: std::net::SocketAddr,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {addr}: {source}")]
    Listen {
        /// The address.
        addr: std::net::SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// A file cannot be used.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// TLS material cannot be used.
    #[error("tls: {0}")]
    Tls(String),
    /// An entry of the catalogue, or a made model, is wrong.
    #[error("{}: {why}", path.display())]
    Catalog {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A file is no model that can be served.
    #[error("{} {source}", path.display())]
    Model {
        /// The file.
        path: PathBuf,
        /// Why.
        source: crate::local::gguf::Error,
    },
    /// No model of this name is here.
    #[error("model {name:?} is not here")]
    NoSuchModel {
        /// The name asked for.
        name: String,
    },
    /// A name that no model can have.
    #[error("{name:?} is no name for a model")]
    ModelName {
        /// The name.
        name: String,
    },
    /// Models made from this one are still here.
    #[error("model {name:?} is the base of {users}")]
    ModelInUse {
        /// The model.
        name: String,
        /// Those made from it.
        users: String,
    },
    /// Too many requests wait.
    #[error("{waiting} requests wait already")]
    Busy {
        /// How many.
        waiting: usize,
    },
    /// The engine crashed and has not come back.
    #[error("the engine of model {model:?} is being started again")]
    EngineDown {
        /// The model.
        model: String,
    },
    /// The server cannot do this the way it was started.
    #[error("{what}")]
    NotServed {
        /// What, and why not.
        what: String,
    },
    /// No local server answers.
    #[error("no server answers at {addr}")]
    NoServer {
        /// Where it was asked.
        addr: std::net::SocketAddr,
    },
    /// The engine did not answer.
    #[error("{why}")]
    Answer {
        /// Its own words.
        why: String,
    },
    /// Several requests failed of one cause.
    #[error(transparent)]
    Shared(std::sync::Arc<Error>),
    /// A model could not be fetched.
    #[error(transparent)]
    Pull(#[from] crate::local::pull::Error),
    /// The store failed.
    #[error(transparent)]
    Daemon(#[from] ogong_daemon::Error),
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] ogong_engine::Error),
    /// The network failed.
    #[error(transparent)]
    Net(#[from] ogong_net::Error),
    /// The chain failed.
    #[error(transparent)]
    Chain(#[from] ogong_settlement::Error),
}

impl Error {
    /// What can be done.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Missing { flag } => return Some(format!("ogong-provider configure {flag} ..")),
            Self::NoModel => "ogong-provider configure --embedded-text MODEL.gguf",
            Self::NoCommit { .. } => {
                "only an engine with commit endpoints can earn: use --embedded-text, or an ogong-text-server as --upstream"
            }
            Self::OtherModel { .. } => "serve the very files the catalogue names, or another --model-id",
            Self::UnknownModel { .. } => "check --model-id; `ogong-chain models` lists the catalogue",
            Self::PlainHttp { .. } => "configure --cert and --key, or --listen 127.0.0.1:PORT",
            Self::Listen { source, .. } if source.kind() == std::io::ErrorKind::AddrInUse => {
                "another process holds the port: choose another with --listen"
            }
            Self::NoSuchModel { name } => {
                return Some(format!("ogong-provider pull {name}, or see `ogong-provider list`"));
            }
            Self::ModelName { .. } => "letters, digits, - _ . : and / name a model",
            Self::ModelInUse { .. } => "remove those first",
            Self::Busy { .. } | Self::EngineDown { .. } => "send the request again in a moment",
            Self::Model { .. } => "remove the file and pull it again",
            Self::NoServer { .. } => "start one with `ogong-provider local`",
            Self::Shared(error) => return error.hint(),
            Self::Pull(error) => return error.hint(),
            Self::Daemon(error) => return error.hint().map(|hint| hint.to_string()),
            Self::Chain(error) => return error.hint().map(str::to_owned),
            _ => return None,
        };
        Some(hint.to_owned())
    }
}
