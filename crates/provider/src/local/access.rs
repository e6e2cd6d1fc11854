//! Who may ask: an optional API key, web pages by their origin, and only hosts that mean this machine.
//!
//! A page of any site can send requests to a server on loopback; what stops it is that the browser shows it no answer without
//! `Access-Control-Allow-Origin`, and that a name somebody made to resolve to 127.0.0.1 is no name of this machine. As with Ollama, pages from this
//! machine and desktop applications are allowed, others by `--allow-origin`.

use crate::refusal::Refusal;
use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use ogong_openai::ErrorKind;
use std::net::IpAddr;

/// Schemes of desktop applications and editors, which have no host.
const LOCAL_SCHEMES: &[&str] = &["app://", "file://", "tauri://", "vscode-webview://", "vscode-file://"];

/// The rules.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// The key that every request must carry.
    pub api_key: Option<String>,
    /// Further origins; `*` is every one.
    pub origins: Vec<String>,
    /// Whether the server listens on loopback only.
    pub loopback: bool,
}

impl Access {
    /// The answer to a browser's question, if that is what the request is.
    pub fn preflight(&self, method: &Method, headers: &HeaderMap) -> Option<Response> {
        if method != Method::OPTIONS || !headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) {
            return None;
        }
        let Some(origin) = self.allowed_origin(headers) else {
            return Some(StatusCode::FORBIDDEN.into_response());
        };
        let wanted = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS).cloned();
        let mut response = StatusCode::NO_CONTENT.into_response();
        Self::mark(&mut response, Some(origin));
        let set = response.headers_mut();
        set.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, HEAD, POST, DELETE, OPTIONS"));
        set.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted.unwrap_or(HeaderValue::from_static("*")));
        set.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
        Some(response)
    }

    /// Whether a request may pass.
    ///
    /// # Errors
    /// When its host is not this machine, its origin is not allowed, or the key is missing.
    pub fn check(&self, path: &str, headers: &HeaderMap) -> Result<(), Refusal> {
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        if self.loopback && !host.is_empty() && !is_this_machine(host) {
            return Err(Refusal::new(
                ErrorKind::Authentication,
                "host",
                format!("{host} is not a name of this machine"),
            )
            .hint("use 127.0.0.1, or --listen on an address beyond loopback"));
        }
        if headers.contains_key(header::ORIGIN) && self.allowed_origin(headers).is_none() {
            return Err(Refusal::new(ErrorKind::Authentication, "origin", "pages of this origin are not allowed")
                .hint("start the server with --allow-origin ORIGIN"));
        }
        // What tells nothing needs no key.
        if matches!(path, "/" | "/health") {
            return Ok(());
        }
        match &self.api_key {
            Some(key) if !carries(headers, key) => {
                Err(Refusal::new(ErrorKind::Authentication, "invalid_api_key", "the API key is missing or wrong")
                    .hint("send it as `Authorization: Bearer …`"))
            }
            _ => Ok(()),
        }
    }

    /// The origin to name in the answer, if the request has one that is allowed.
    pub fn allowed_origin(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let value = headers.get(header::ORIGIN)?;
        let origin = value.to_str().ok()?;
        let named = self.origins.iter().any(|allowed| allowed == "*" || allowed.eq_ignore_ascii_case(origin));
        let local = LOCAL_SCHEMES.iter().any(|scheme| origin.starts_with(scheme))
            || origin
                .strip_prefix("http://")
                .or_else(|| origin.strip_prefix("https://"))
                .is_some_and(|host| is_loopback_name(without_port(host)));
        (named || local).then(|| value.clone())
    }

    /// Names the origin in an answer, so that the browser shows it.
    pub fn mark(response: &mut Response<Body>, origin: Option<HeaderValue>) {
        response.headers_mut().append(header::VARY, HeaderValue::from_static("origin"));
        if let Some(origin) = origin {
            response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        }
    }
}

/// Compares without telling by its time where the first difference is.
fn carries(headers: &HeaderMap, key: &str) -> bool {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let given = bearer
        .and_then(|value| value.strip_prefix("Bearer "))
        .or_else(|| headers.get("x-api-key").and_then(|value| value.to_str().ok()))
        .unwrap_or_default();
    let different = given.bytes().zip(key.bytes()).fold(0, |sum, (a, b)| sum | (a ^ b));
    given.len() == key.len() && different == 0
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

fn is_loopback_name(name: &str) -> bool {
    let ip: Option<IpAddr> = name.trim_start_matches('[').trim_end_matches(']').parse().ok();
    name == "localhost" || name.ends_with(".localhost") || ip.is_some_and(|ip| ip.is_loopback() || ip.is_unspecified())
}

/// Addresses cannot be made to resolve to another; names can, unless nobody outside can make them.
fn is_this_machine(host: &str) -> bool {
    let name = without_port(host);
    let ip: Option<IpAddr> = name.trim_start_matches('[').trim_end_matches(']').parse().ok();
    ip.is_some() || is_loopback_name(name) || [".local", ".internal"].iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), value.parse().expect("a value")))
            .collect()
    }

    #[test]
    fn the_key_is_asked_of_everyone() {
        let access = Access { api_key: Some("secret".into()), ..Access::default() };
        assert!(access.check("/v1/models", &headers(&[])).is_err());
        assert!(access.check("/v1/models", &headers(&[("authorization", "Bearer secres")])).is_err());
        assert!(access.check("/v1/models", &headers(&[("authorization", "Bearer secret")])).is_ok());
        assert!(access.check("/v1/messages", &headers(&[("x-api-key", "secret")])).is_ok());
        assert!(access.check("/health", &headers(&[])).is_ok());
    }

    #[test]
    fn pages_of_other_sites_are_refused() {
        let access = Access { loopback: true, ..Access::default() };
        for good in ["http://localhost:3000", "https://127.0.0.1", "http://[::1]:80", "app://x", "vscode-webview://y"] {
            assert!(access.check("/api/tags", &headers(&[("origin", good)])).is_ok(), "{good}");
        }
        for bad in ["https://evil.example", "http://localhost.evil.example", "null"] {
            assert!(access.check("/api/tags", &headers(&[("origin", bad)])).is_err(), "{bad}");
        }
        let wider = Access { origins: vec!["https://mine.example".into()], ..access };
        assert!(wider.check("/api/tags", &headers(&[("origin", "https://mine.example")])).is_ok());
    }

    #[test]
    fn made_up_names_of_loopback_are_refused() {
        let access = Access { loopback: true, ..Access::default() };
        for good in ["127.0.0.1:11434", "localhost:11434", "[::1]:11434", "host.docker.internal:11434", "box.local"] {
            assert!(access.check("/", &headers(&[("host", good)])).is_ok(), "{good}");
        }
        assert!(access.check("/", &headers(&[("host", "rebound.example:11434")])).is_err());
        assert!(Access::default().check("/", &headers(&[("host", "my-server.example")])).is_ok());
    }

    #[test]
    fn a_browsers_question_is_answered() {
        let access = Access::default();
        let asked = headers(&[
            ("origin", "http://localhost:3000"),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "content-type"),
        ]);
        let answer = access.preflight(&Method::OPTIONS, &asked).expect("an answer");
        assert_eq!(answer.status(), StatusCode::NO_CONTENT);
        assert_eq!(answer.headers()[header::ACCESS_CONTROL_ALLOW_ORIGIN], "http://localhost:3000");
        assert!(access.preflight(&Method::POST, &asked).is_none());
    }
}
