//! Errors as OpenAI's clients read them.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use ogong_openai::{ErrorBody, ErrorKind};

use crate::error::{Error, RequestError};

/// A request that is not served, with its status and body.
#[derive(Debug)]
pub struct Refusal {
    kind: ErrorKind,
    body: ErrorBody,
}

impl Refusal {
    /// A refusal with a stable `code`.
    pub fn new(kind: ErrorKind, code: &str, message: impl Into<String>) -> Self {
        Self { kind, body: ErrorBody::new(kind, code, message) }
    }

    /// The model is not loaded yet.
    pub fn loading() -> Self {
        Self::new(ErrorKind::Unavailable, "loading", "the model is loading").hinted(Some("ask again in a moment"))
    }

    fn hinted(mut self, hint: Option<&str>) -> Self {
        if let Some(hint) = hint {
            self.body = self.body.hint(hint);
        }
        self
    }

    /// Off loopback without the token.
    pub fn unauthorized() -> Self {
        let message = "this endpoint shows prompts and is for loopback or bearers of the token";
        Self::new(ErrorKind::Authentication, "unauthorized", message)
            .hinted(Some("start the engine with --auth-token-file"))
    }

    /// Over the bound.
    pub fn too_large(limit: usize) -> Self {
        Self::new(ErrorKind::TooLarge, "body_too_large", format!("request body is over {limit} bytes"))
    }

    /// The connection broke while the body was read.
    pub fn unreadable(error: &dyn std::fmt::Display) -> Self {
        Self::new(ErrorKind::InvalidRequest, "body_unreadable", format!("request body cannot be read: {error}"))
    }

    /// The JSON of the refusal, for streams that have begun.
    pub fn json(&self) -> String {
        String::from_utf8_lossy(&self.body.to_json()).into_owned()
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, [(header::CONTENT_TYPE, "application/json")], self.body.to_json()).into_response()
    }
}

impl From<RequestError> for Refusal {
    fn from(error: RequestError) -> Self {
        let code = match &error {
            RequestError::Json(_) => "invalid_json",
            RequestError::PromptTooLong { .. } | RequestError::ContextTooLong { .. } => "context_length_exceeded",
            RequestError::NotCommitting => "commit_unavailable",
            RequestError::NotExact { .. } => "exact_unavailable",
            RequestError::NoText => "generation_unavailable",
            RequestError::NoImages => "images_unavailable",
            RequestError::NoInfill => "infill_unavailable",
            RequestError::Member { .. } => "invalid_value",
        };
        let body = ErrorBody::new(ErrorKind::InvalidRequest, code, error.to_string());
        let body = match error.param() {
            Some(param) => body.param(param),
            None => body,
        };
        Self { kind: ErrorKind::InvalidRequest, body }.hinted(error.hint())
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let (kind, code) = match &error {
            Error::Request(error) => return error.clone().into(),
            Error::Pooling => (ErrorKind::InvalidRequest, "embeddings_unavailable"),
            Error::Busy { .. } => (ErrorKind::Unavailable, "busy"),
            Error::Stopped => (ErrorKind::Unavailable, "stopping"),
            Error::Commit(_) => (ErrorKind::Internal, "commit_failed"),
            _ => (ErrorKind::Internal, "engine_failed"),
        };
        Self::new(kind, code, error.to_string()).hinted(error.hint())
    }
}

/// 404 for paths that are none.
pub async fn no_such_path(uri: axum::http::Uri) -> Refusal {
    Refusal::new(ErrorKind::NotFound, "no_such_path", format!("no such path: {}", uri.path()))
        .hinted(Some("endpoints begin with /v1"))
}

/// 405 for methods a path has not.
pub async fn no_such_method(method: axum::http::Method, uri: axum::http::Uri) -> Refusal {
    Refusal::new(ErrorKind::MethodNotAllowed, "no_such_method", format!("{} does not take {method}", uri.path()))
}
