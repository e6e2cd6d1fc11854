//! What can go wrong in the engine.

use std::path::PathBuf;

/// The engine could not start or could not serve a request.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No such file.
    #[error("model file {path} cannot be read: {source}", path = .path.display())]
    ModelFile {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// llama.cpp refuses the file.
    #[error("model file {path} cannot be loaded: {log}", path = .path.display())]
    ModelLoad {
        /// The file.
        path: PathBuf,
        /// llama.cpp's own words.
        log: String,
    },
    /// The projector is none, or another model's.
    #[error("projector {path} cannot be loaded: {log}", path = .path.display())]
    Projector {
        /// The file.
        path: PathBuf,
        /// llama.cpp's own words.
        log: String,
    },
    /// The file is no model that generates text.
    #[error("model file {path} cannot serve: {why}", path = .path.display())]
    ModelKind {
        /// The file.
        path: PathBuf,
        /// What is missing.
        why: String,
    },
    /// No context could be made.
    #[error("context cannot be made: {source}: {log}")]
    Context {
        /// Why.
        #[source]
        source: llama_cpp_4::LlamaContextLoadError,
        /// llama.cpp's own words.
        log: String,
    },
    /// A decode call failed.
    #[error("decoding failed: {source}: {log}")]
    Decode {
        /// Why.
        #[source]
        source: llama_cpp_4::DecodeError,
        /// llama.cpp's own words.
        log: String,
    },
    /// A call that several requests shared failed; the call's own error, in words.
    #[error("{0}")]
    Shared(String),
    /// No token could be chosen.
    #[error("no token could be chosen: {source} {log}")]
    Sample {
        /// Why.
        #[source]
        source: llama_cpp_4::common_sampler::CommonSamplerError,
        /// llama.cpp's own words.
        log: String,
    },
    /// More rows than a decode call holds.
    #[error("decode batch is full: {0}")]
    Batch(#[from] llama_cpp_4::llama_batch::BatchAddError),
    /// Hidden states were not computed.
    #[error("hidden states cannot be read from this model's graph")]
    Hidden,
    /// An image could not be encoded.
    #[error("image could not be encoded: {0}")]
    Image(String),
    /// A machine that should take part of a model cannot.
    #[error("worker {endpoint}: {why}")]
    Worker {
        /// Its address.
        endpoint: String,
        /// What is wrong.
        why: String,
    },
    /// Vectors cannot be had.
    #[error("this model's states are not pooled into one vector")]
    Pooling,
    /// A sequence could not be cut.
    #[error("sequence {sequence} cannot be cut at {position}")]
    Truncate {
        /// The sequence.
        sequence: u32,
        /// Where.
        position: u32,
    },
    /// A number of the model cannot be committed (SPEC 3.10), or no candidate was left (SPEC 4.4).
    #[error("answer cannot be committed: {0}")]
    Commit(String),
    /// A configuration that cannot be.
    #[error("{0}")]
    Config(String),
    /// The quantiser failed.
    #[error("quantising {from} failed: {log}", from = .from.display())]
    Quantize {
        /// The source.
        from: PathBuf,
        /// llama.cpp's own words.
        log: String,
    },
    /// The engine's thread is gone.
    #[error("the engine has stopped")]
    Stopped,
    /// The queue is full.
    #[error("the engine is busy: {waiting} requests wait already")]
    Busy {
        /// How many wait.
        waiting: usize,
    },
    /// The request itself cannot be served.
    #[error(transparent)]
    Request(#[from] RequestError),
}

impl Error {
    /// What the operator or the client can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::ModelFile { .. } => "check the path",
            Self::ModelLoad { .. } | Self::Quantize { .. } => {
                "it must be a whole GGUF file of an architecture that llama.cpp knows"
            }
            Self::Projector { .. } => "it must be the mmproj GGUF that was made for this very model",
            Self::Context { .. } => "lower --n-ctx or --parallel",
            Self::Hidden => "this architecture cannot commit or score; start without --commit",
            Self::Worker { .. } => "is rpc-server running there, and reachable?",
            Self::Pooling => "choose a pooling: --pooling mean, cls or last",
            Self::Busy { .. } => "try again later, or raise --parallel",
            Self::Request(error) => return error.hint(),
            _ => return None,
        })
    }
}

/// The request cannot be served, and would not be if it came again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// Not a JSON object.
    #[error("request body is not a JSON object: {0}")]
    Json(String),
    /// A member is missing or wrong.
    #[error("{param}: {why}")]
    Member {
        /// The member.
        param: String,
        /// What is wrong with it.
        why: String,
    },
    /// The prompt does not fit.
    #[error("prompt is too long: {n_prompt} tokens, and the context holds {n_ctx} with room for one more")]
    PromptTooLong {
        /// Tokens of the prompt.
        n_prompt: usize,
        /// Tokens of the context.
        n_ctx: u32,
    },
    /// The order asks for a longer context than the engine has.
    #[error("order's n_ctx is {order}, this engine's is {engine}")]
    ContextTooLong {
        /// What the order says.
        order: u32,
        /// What the engine has.
        engine: u32,
    },
    /// The model was not trained to fill in the middle.
    #[error("this model cannot fill in the middle: its vocabulary has no tokens for it")]
    NoInfill,
    /// The model reads text only.
    #[error("this model reads text only; the request holds an image")]
    NoImages,
    /// The model only embeds.
    #[error("this model generates no text; it makes embeddings")]
    NoText,
    /// The engine does not commit.
    #[error("this engine does not commit")]
    NotCommitting,
    /// Exact mode is not this engine's.
    #[error("exact mode is not available: the self-test at load did not reproduce {weight_format} bit for bit")]
    NotExact {
        /// The model's weight format.
        weight_format: String,
    },
}

impl RequestError {
    /// What the client can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::PromptTooLong { .. } => "shorten the prompt, or raise --n-ctx",
            Self::ContextTooLong { .. } => "raise --n-ctx, or route elsewhere",
            Self::NoImages => "serve a vision model with its projector: --mmproj FILE",
            Self::NoText => "ask /v1/embeddings",
            Self::NoInfill => "use a code model that was trained for it",
            Self::NotCommitting => "start it with --commit or LLAMAMP_COMMIT=1",
            Self::NotExact { .. } => "ask in tolerance mode",
            Self::Json(_) | Self::Member { .. } => return None,
        })
    }

    /// A fault of one member.
    pub fn member(param: &str, why: impl Into<String>) -> Self {
        Self::Member { param: param.into(), why: why.into() }
    }

    /// The member at fault, where there is one.
    pub fn param(&self) -> Option<&str> {
        match self {
            Self::Member { param, .. } => Some(param),
            Self::PromptTooLong { .. } => Some("messages"),
            _ => None,
        }
    }
}
