//! A refusal over HTTP, in OpenAI's error shape.

use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use ogong_openai::{ErrorBody, ErrorKind};

/// What a consumer is told instead of an answer.
#[derive(Debug, Clone)]
pub struct Refusal {
    kind: ErrorKind,
    body: ErrorBody,
}

impl Refusal {
    /// A refusal of a kind, with a stable code and a sentence.
    pub fn new(kind: ErrorKind, code: &str, message: impl Into<String>) -> Self {
        Self { kind, body: ErrorBody::new(kind, code, message) }
    }

    /// The request cannot be served as it is.
    pub fn invalid(code: &str, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidRequest, code, message)
    }

    /// Appends what can be done.
    pub fn hint(mut self, hint: &str) -> Self {
        self.body = self.body.hint(hint);
        self
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.body.error.message)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.kind.status()).expect("invariant: every kind is a status");
        (status, [(header::CONTENT_TYPE, "application/json")], self.body.to_json()).into_response()
    }
}
