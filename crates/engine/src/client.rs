//! HTTP client of one engine.

use std::path::Path;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use ogong_base::codec::Decode;
use ogong_base::hash::ReplyId;
use ogong_base::params::BODY_BYTES_MAX;
use ogong_commitment::builder::Trajectory;
use serde::Deserialize;

use crate::error::Error;
use crate::wire::{
    Capabilities, HEADER_ISSUED_MS, HEADER_MAX_TOKENS, HEADER_N_CTX, HEADER_REPLY_ID, OrderLimits, ScoreReply,
    ScoreRequest,
};

/// Bytes of any whole answer at most: a trajectory of the longest answer fits.
pub const ANSWER_BYTES_MAX: usize = 256 << 20;
/// Bytes of an error body that are read at most.
const ERROR_BYTES_MAX: usize = 64 << 10;
/// How long a connection may take to open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a small question may take.
const QUESTION_TIMEOUT: Duration = Duration::from_secs(10);

/// Talks to one engine.
#[derive(Clone, Debug)]
pub struct EngineClient {
    base_url: String,
    http: reqwest::Client,
    token: Option<String>,
}

/// What makes a request a committed one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommitHeaders {
    /// The reply's name.
    pub reply_id: ReplyId,
    /// The order's limits.
    pub limits: OrderLimits,
}

impl EngineClient {
    /// A client of the engine at `base_url`, e.g. `http://127.0.0.1:8080`; a trailing `/v1` is ignored.
    ///
    /// # Errors
    /// When the HTTP client cannot be built.
    pub fn new(base_url: &str) -> Result<Self, Error> {
        // A second installation is refused; whichever provider stands already is the one to use.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let base_url = base_url.trim_end_matches('/');
        let base_url = base_url.strip_suffix("/v1").unwrap_or(base_url).to_owned();
        let http = reqwest::Client::builder()
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT)
            .build()
            .map_err(|source| Error::Unreachable { url: base_url.clone(), source })?;
        Ok(Self { base_url, http, token: None })
    }

    /// Sends the bearer token that stands in `file` with every request.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn with_token_file(mut self, file: &Path) -> Result<Self, std::io::Error> {
        self.token = Some(std::fs::read_to_string(file)?.trim().to_owned());
        Ok(self)
    }

    /// The engine's address, without `/v1`.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// `GET /health`: whether the engine serves.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub async fn health(&self) -> Result<bool, Error> {
        let response = self.send(self.http.get(self.url("/health")).timeout(QUESTION_TIMEOUT)).await?;
        Ok(response.status().is_success())
    }

    /// `GET /v1/capabilities`.
    ///
    /// # Errors
    /// When the engine cannot be reached, refuses (still loading), or has no such endpoint.
    pub async fn capabilities(&self) -> Result<Capabilities, Error> {
        self.json(self.http.get(self.url("/v1/capabilities")).timeout(QUESTION_TIMEOUT), "capabilities").await
    }

    /// `POST /v1/score`; takes as long as a prefill of prompt and answer.
    ///
    /// # Errors
    /// When the engine cannot be reached or refuses.
    pub async fn score(&self, request: &ScoreRequest) -> Result<ScoreReply, Error> {
        self.json(self.http.post(self.url("/v1/score")).json(request), "score").await
    }

    /// `GET /v1/trajectory/{reply_id}`: what the engine committed.
    ///
    /// # Errors
    /// When the engine cannot be reached, no longer has it, or sends something else.
    pub async fn trajectory(&self, reply_id: ReplyId) -> Result<Trajectory, Error> {
        let bytes = self.whole(self.http.get(self.url(&format!("/v1/trajectory/{reply_id}")))).await?;
        Trajectory::from_bytes(&bytes).map_err(|error| Error::Malformed { what: format!("trajectory: {error}") })
    }

    /// `GET /v1/replay/{reply_id}`: the request body.
    ///
    /// # Errors
    /// When the engine cannot be reached or no longer has it.
    pub async fn replay(&self, reply_id: ReplyId) -> Result<Bytes, Error> {
        self.whole(self.http.get(self.url(&format!("/v1/replay/{reply_id}")))).await
    }

    /// `GET path`, as it comes, whatever its status.
    ///
    /// # Errors
    /// When the engine cannot be reached.
    pub async fn get(&self, path: &str) -> Result<reqwest::Response, Error> {
        self.send(self.http.get(self.url(path)).timeout(QUESTION_TIMEOUT)).await
    }

    /// Passes a request body on as it is and returns the response as it comes, whatever its status.
    ///
    /// # Errors
    /// When the engine cannot be reached.
    pub async fn forward(
        &self,
        path: &str,
        body: Bytes,
        commit: Option<CommitHeaders>,
    ) -> Result<reqwest::Response, Error> {
        let mut request = self.http.post(self.url(path)).header("content-type", "application/json").body(body);
        if let Some(CommitHeaders { reply_id, limits }) = commit {
            request = request
                .header(HEADER_REPLY_ID, reply_id.to_hex())
                .header(HEADER_ISSUED_MS, limits.issued_ms)
                .header(HEADER_MAX_TOKENS, limits.max_tokens)
                .header(HEADER_N_CTX, limits.n_ctx);
        }
        self.send(request).await
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base_url)
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<reqwest::Response, Error> {
        let request = match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        request.send().await.map_err(|source| Error::Unreachable { url: self.base_url.clone(), source })
    }

    async fn json<T: for<'de> Deserialize<'de>>(
        &self,
        request: reqwest::RequestBuilder,
        what: &str,
    ) -> Result<T, Error> {
        let bytes = self.whole(request).await?;
        serde_json::from_slice(&bytes).map_err(|error| Error::Malformed { what: format!("{what}: {error}") })
    }

    async fn whole(&self, request: reqwest::RequestBuilder) -> Result<Bytes, Error> {
        let response = self.send(request).await?;
        let status = response.status();
        if status.is_success() {
            return self.read(response, ANSWER_BYTES_MAX.max(BODY_BYTES_MAX)).await;
        }
        let body = self.read(response, ERROR_BYTES_MAX).await.unwrap_or_default();
        Err(Error::Refused { status: status.as_u16(), message: error_message(&body) })
    }

    async fn read(&self, mut response: reqwest::Response, limit: usize) -> Result<Bytes, Error> {
        let mut whole = BytesMut::new();
        while let Some(chunk) =
            response.chunk().await.map_err(|source| Error::Unreachable { url: self.base_url.clone(), source })?
        {
            if whole.len() + chunk.len() > limit {
                return Err(Error::TooLong { limit });
            }
            whole.extend_from_slice(&chunk);
        }
        Ok(whole.freeze())
    }
}

/// The message of an OpenAI error body, else the start of the body itself.
fn error_message(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Body {
        error: Detail,
    }
    #[derive(Deserialize)]
    struct Detail {
        message: String,
    }
    serde_json::from_slice::<Body>(body)
        .map(|body| body.error.message)
        .unwrap_or_else(|_| String::from_utf8_lossy(body).chars().take(200).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_url_loses_its_tail() {
        for url in ["http://h:1", "http://h:1/", "http://h:1/v1", "http://h:1/v1/"] {
            assert_eq!(EngineClient::new(url).expect("client").url("/v1/score"), "http://h:1/v1/score");
        }
    }

    #[test]
    fn an_error_body_gives_its_message() {
        assert_eq!(error_message(br#"{"error":{"message":"no","type":"x"}}"#), "no");
        assert_eq!(error_message(b"plain"), "plain");
    }
}
