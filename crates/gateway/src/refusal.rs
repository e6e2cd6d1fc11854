//! What a consumer is told when a request is not served: an HTTP status and OpenAI's error body, with a hint.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use ogong_openai::{ErrorBody, ErrorKind};

/// Seconds after which a client may well try again.
const RETRY_AFTER_SECONDS: &str = "5";

/// A request that is not served, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    kind: ErrorKind,
    body: ErrorBody,
}

impl Refusal {
    /// A refusal of `kind` with a stable `code`, a `message` and what the reader can do.
    pub fn new(kind: ErrorKind, code: &str, message: impl Into<String>, hint: &str) -> Self {
        let body = ErrorBody::new(kind, code, message);
        Self { kind, body: if hint.is_empty() { body } else { body.hint(hint) } }
    }

    /// Names the request member at fault.
    pub fn param(mut self, param: &str) -> Self {
        self.body = self.body.param(param);
        self
    }

    /// The body that is sent.
    pub fn body(&self) -> &ErrorBody {
        &self.body
    }

    /// The class of the refusal.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind.status(), self.body.error.message)
    }
}

impl std::error::Error for Refusal {}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, self.body.to_json()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if matches!(self.kind, ErrorKind::Unavailable | ErrorKind::RateLimited) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS));
        }
        response
    }
}
