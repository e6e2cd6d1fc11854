//! The error body every OpenAI client library understands: `{"error":{"message","type","param","code"}}`.

use serde::{Deserialize, Serialize};

/// What went wrong, as the pair of HTTP status and OpenAI error type that client libraries map to exceptions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// 400: the request itself cannot be served.
    InvalidRequest,
    /// 401: a credential is missing or wrong.
    Authentication,
    /// 402: the request could not be paid for.
    PaymentRequired,
    /// 404: no such path or object.
    NotFound,
    /// 405: the path exists, the method does not.
    MethodNotAllowed,
    /// 413: the body is over the stated limit.
    TooLarge,
    /// 429: come back later.
    RateLimited,
    /// 500: a fault of this process.
    Internal,
    /// 502: a process behind this one failed.
    Upstream,
    /// 503: nobody can serve the request now.
    Unavailable,
    /// 504: a process behind this one was too slow.
    Timeout,
}

impl ErrorKind {
    /// The HTTP status code.
    pub const fn status(self) -> u16 {
        match self {
            Self::InvalidRequest => 400,
            Self::Authentication => 401,
            Self::PaymentRequired => 402,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::TooLarge => 413,
            Self::RateLimited => 429,
            Self::Internal => 500,
            Self::Upstream => 502,
            Self::Unavailable => 503,
            Self::Timeout => 504,
        }
    }

    /// The value of `error.type`.
    pub const fn type_name(self) -> &'static str {
        match self {
            Self::InvalidRequest | Self::NotFound | Self::MethodNotAllowed | Self::TooLarge => "invalid_request_error",
            Self::Authentication => "authentication_error",
            Self::PaymentRequired => "insufficient_quota",
            Self::RateLimited => "rate_limit_error",
            Self::Internal => "server_error",
            Self::Upstream | Self::Unavailable | Self::Timeout => "api_error",
        }
    }
}

/// `{"error": …}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// The one member of the body.
    pub error: ErrorDetail,
}

/// What stands in `error`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorDetail {
    /// One sentence for a person, ending in a hint where there is one.
    pub message: String,
    /// The class of the error, see [`ErrorKind::type_name`].
    #[serde(rename = "type")]
    pub kind: String,
    /// The request member at fault.
    #[serde(default)]
    pub param: Option<String>,
    /// A stable word for programs.
    #[serde(default)]
    pub code: Option<String>,
}

impl ErrorBody {
    /// A body of `kind` with a stable `code` and a `message` for people.
    pub fn new(kind: ErrorKind, code: &str, message: impl Into<String>) -> Self {
        Self {
            error: ErrorDetail {
                message: message.into(),
                kind: kind.type_name().into(),
                param: None,
                code: Some(code.into()),
            },
        }
    }

    /// Names the request member at fault.
    pub fn param(mut self, param: &str) -> Self {
        self.error.param = Some(param.into());
        self
    }

    /// Appends what the reader can do about it, as ` hint: …`.
    pub fn hint(mut self, hint: &str) -> Self {
        self.error.message.push_str("; hint: ");
        self.error.message.push_str(hint);
        self
    }

    /// The JSON bytes.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("invariant: strings always serialise")
    }

    /// Reads an error body of somebody else; `None` when the bytes are not one.
    pub fn from_json(body: &[u8]) -> Option<Self> {
        serde_json::from_slice(body).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shape_is_the_one_clients_parse() {
        let body = ErrorBody::new(ErrorKind::InvalidRequest, "model_id", "no such model")
            .param("model")
            .hint("see /v1/models");
        assert_eq!(
            String::from_utf8(body.to_json()).unwrap(),
            r#"{"error":{"message":"no such model; hint: see /v1/models","type":"invalid_request_error","param":"model","code":"model_id"}}"#
        );
        assert_eq!(ErrorBody::from_json(&body.to_json()), Some(body));
        assert_eq!(ErrorBody::from_json(b"<html>"), None);
    }
}
