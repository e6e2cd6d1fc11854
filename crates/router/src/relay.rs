//! `--relay`: the router on the data path. It sends a request's bytes to the provider's endpoint and streams back what comes, unread.
//!
//! A consumer that hangs up closes its stream, the net crate drops this handler, and dropping the HTTP response closes the provider's connection.

use futures::StreamExt;
use ogong_base::Hash32;
use ogong_net::https;
use ogong_net::wire::{ErrorCode, ErrorReply, Forward, ForwardChunk, ForwardEnd, ForwardHead, HttpHeader};
use ogong_net::{Offer, ResponseSink};
use reqwest::header::{HeaderName, HeaderValue};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A provider accepts a connection within.
const CONNECT_WAIT: Duration = Duration::from_secs(5);
/// Silence between two pieces of an answer, the prompt's processing included.
const READ_WAIT: Duration = Duration::from_secs(120);
/// Headers passed on at most, and their bytes.
const HEADERS_MAX: usize = 32;
/// Bytes of one header value at most: an order in base64.
const HEADER_BYTES_MAX: usize = 8 << 10;
/// Bytes of a path at most.
const PATH_BYTES_MAX: usize = 256;
/// Certificate pins with a client of their own at once.
const CLIENTS_MAX: usize = 1_024;
/// Headers of our own that pass in either direction; `content-type` and `accept` do too.
const OWN_HEADERS: &str = "x-ogong-";

/// Forwards requests to providers.
#[derive(Debug, Default)]
pub struct Relay {
    clients: Mutex<HashMap<Option<Hash32>, reqwest::Client>>,
}

impl Relay {
    /// Sends `forward` to the provider of `offer` and streams its answer into `sink`.
    ///
    /// # Errors
    /// When the request is not one a provider serves, or the provider cannot be reached or breaks off.
    pub async fn forward(&self, offer: &Offer, forward: Forward, sink: &mut ResponseSink) -> Result<(), ErrorReply> {
        let request = self.request(offer, forward)?;
        let response = request.send().await.map_err(|error| failed(&error))?;
        let head = ForwardHead { status: response.status().as_u16().into(), headers: passed_back(response.headers()) };
        if sink.send(head).await.is_err() {
            return Ok(());
        }
        let mut pieces = response.bytes_stream();
        while let Some(piece) = pieces.next().await {
            let data = piece.map_err(|error| failed(&error))?.to_vec();
            if sink.send(ForwardChunk { data }).await.is_err() {
                return Ok(());
            }
        }
        let _ = sink.send(ForwardEnd { trailers: vec![] }).await;
        Ok(())
    }

    fn request(&self, offer: &Offer, forward: Forward) -> Result<reqwest::RequestBuilder, ErrorReply> {
        if !is_served_path(&forward.path) {
            return Err(ErrorReply::malformed("path", "not a path under /v1/"));
        }
        let client = self.client(offer.tls_cert)?;
        let url = format!("{}{}", offer.endpoint, forward.path);
        let mut request = match forward.method.as_str() {
            "GET" => client.get(url),
            "POST" => client.post(url).header("content-type", "application/json").body(forward.body),
            _ => return Err(ErrorReply::malformed("method", "neither GET nor POST")),
        };
        if forward.headers.len() > HEADERS_MAX {
            return Err(ErrorReply::malformed("headers", format!("more than {HEADERS_MAX}")));
        }
        for header in forward.headers.into_iter().filter(|header| header.name.starts_with(OWN_HEADERS)) {
            let name = HeaderName::try_from(header.name).map_err(|error| ErrorReply::malformed("headers", error))?;
            if header.value.len() > HEADER_BYTES_MAX {
                return Err(ErrorReply::malformed("headers", format!("{name} is over {HEADER_BYTES_MAX} bytes")));
            }
            let value = HeaderValue::try_from(header.value).map_err(|error| ErrorReply::malformed("headers", error))?;
            request = request.header(name, value);
        }
        Ok(request)
    }

    fn client(&self, pin: Option<Hash32>) -> Result<reqwest::Client, ErrorReply> {
        // The map is valid after every statement that changes it.
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&pin) {
            return Ok(client.clone());
        }
        let internal = |error: String| ErrorReply::internal(format!("no HTTP client: {error}"));
        let tls =
            https::client_config(pin.map(|hash| *hash.as_bytes())).map_err(|error| internal(error.to_string()))?;
        let client = reqwest::Client::builder()
            .use_preconfigured_tls(tls)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_WAIT)
            .read_timeout(READ_WAIT)
            .build()
            .map_err(|error| internal(error.to_string()))?;
        if clients.len() >= CLIENTS_MAX {
            clients.clear();
        }
        clients.insert(pin, client.clone());
        Ok(client)
    }
}

/// Only what a provider serves to consumers: nothing that a URL parser could read as another host or directory.
fn is_served_path(path: &str) -> bool {
    path.len() <= PATH_BYTES_MAX
        && path.starts_with("/v1/")
        && !path.contains("..")
        && path.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'.'))
}

fn passed_back(headers: &reqwest::header::HeaderMap) -> Vec<HttpHeader> {
    headers
        .iter()
        .filter(|(name, _)| name.as_str() == "content-type" || name.as_str().starts_with(OWN_HEADERS))
        .take(HEADERS_MAX)
        .map(|(name, value)| HttpHeader { name: name.as_str().to_owned(), value: value.as_bytes().to_vec() })
        .collect()
}

fn failed(error: &reqwest::Error) -> ErrorReply {
    let code = if error.is_timeout() { ErrorCode::Timeout } else { ErrorCode::Unavailable };
    ErrorReply::new(
        code,
        format!("the provider could not be reached: {}", error.to_string().to_lowercase()),
        "route the request again without this provider",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_a_provider_serves_pass() {
        for path in ["/v1/chat/completions", "/v1/completions", "/v1/replies/00ff/proof"] {
            assert!(is_served_path(path), "{path}");
        }
        for path in
            ["", "/", "/v2/x", "v1/x", "/v1/../admin", "/v1/x?y=z", "/v1/x#y", "@evil/v1/", "/v1/a b", "/v1/%2e%2e/"]
        {
            assert!(!is_served_path(path), "{path}");
        }
        assert!(!is_served_path(&format!("/v1/{}", "a".repeat(PATH_BYTES_MAX))));
    }
}
