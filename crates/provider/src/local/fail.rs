//! One refusal, three shapes: OpenAI's, Ollama's and Anthropic's clients each read their own.

use crate::{
    Error,
    refusal::{Refusal, respond},
};
use axum::response::{IntoResponse, Response};
use ogong_openai::{ErrorKind, ollama};
use serde_json::json;

impl From<&Error> for Refusal {
    fn from(error: &Error) -> Self {
        let (kind, code) = match error {
            Error::NoSuchModel { .. } => (ErrorKind::NotFound, "model_not_found"),
            Error::ModelName { .. } | Error::ModelInUse { .. } => (ErrorKind::InvalidRequest, "model"),
            Error::Busy { .. } => (ErrorKind::Unavailable, "busy"),
            Error::EngineDown { .. } => (ErrorKind::Unavailable, "engine_restarting"),
            Error::NotServed { .. } => (ErrorKind::InvalidRequest, "not_served"),
            Error::Engine(ogong_engine::Error::Unreachable { .. }) => (ErrorKind::Upstream, "upstream_unreachable"),
            Error::Pull(crate::local::pull::Error::Unknown { .. } | crate::local::pull::Error::Source { .. }) => {
                (ErrorKind::NotFound, "model_not_found")
            }
            Error::Pull(_) => (ErrorKind::Upstream, "pull_failed"),
            _ => (ErrorKind::Internal, "model_failed"),
        };
        let refusal = Self::new(kind, code, error.to_string());
        match error.hint() {
            Some(hint) => refusal.hint(&hint),
            None => refusal,
        }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::from(&error)
    }
}

impl From<std::sync::Arc<Error>> for Refusal {
    fn from(error: std::sync::Arc<Error>) -> Self {
        Self::from(&*error)
    }
}

impl From<ollama::Error> for Refusal {
    fn from(error: ollama::Error) -> Self {
        let refusal = Self::invalid("invalid_value", error.to_string());
        match error.param() {
            Some(param) => refusal.param(param),
            None => refusal,
        }
    }
}

/// A refusal as Ollama's clients read it: `{"error": "…"}`.
#[derive(Debug)]
pub struct OllamaRefusal(pub Refusal);

impl<E: Into<Refusal>> From<E> for OllamaRefusal {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for OllamaRefusal {
    fn into_response(self) -> Response {
        respond(self.0.kind(), json!({"error": self.0.to_string()}).to_string().into_bytes())
    }
}
