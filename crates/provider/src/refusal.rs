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

    /// Names the request member at fault.
    pub fn param(mut self, param: &str) -> Self {
        self.body = self.body.param(param);
        self
    }

    /// Its kind.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The body in OpenAI's shape.
    pub fn body(&self) -> &ErrorBody {
        &self.body
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
        respond(self.kind, self.body.to_json())
    }
}

/// A response of this kind's status with a JSON body; what may work in a moment says so.
pub fn respond(kind: ErrorKind, body: Vec<u8>) -> Response {
    let status = StatusCode::from_u16(kind.status()).expect("invariant: every kind is a status");
    let mut response = (status, [(header::CONTENT_TYPE, "application/json")], body).into_response();
    if matches!(kind, ErrorKind::Unavailable | ErrorKind::RateLimited) {
        response.headers_mut().insert(header::RETRY_AFTER, http::HeaderValue::from_static("1"));
    }
    response
}
