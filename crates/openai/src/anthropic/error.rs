//! Errors as Anthropic's clients read them.

use crate::ErrorKind;
use serde_json::{Value, json};

/// `{"type":"error","error":{"type","message"}}`.
pub fn error_body(kind: ErrorKind, message: &str) -> Value {
    let name = match kind {
        ErrorKind::InvalidRequest | ErrorKind::MethodNotAllowed => "invalid_request_error",
        ErrorKind::Authentication => "authentication_error",
        ErrorKind::PaymentRequired => "billing_error",
        ErrorKind::NotFound => "not_found_error",
        ErrorKind::TooLarge => "request_too_large",
        ErrorKind::RateLimited => "rate_limit_error",
        ErrorKind::Unavailable => "overloaded_error",
        ErrorKind::Timeout => "timeout_error",
        ErrorKind::Internal | ErrorKind::Upstream => "api_error",
    };
    json!({"type": "error", "error": {"type": name, "message": message}})
}
