//! The way to a provider: straight to its endpoint, or through a router that relays (`--relay`).
//!
//! Dropping a reply's body closes the connection or stream behind it, which stops the generation.

use crate::market::Market;
use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt, TryStreamExt};
use http::StatusCode;
use ogong_base::{Hash32, ModelId, NodeId};
use ogong_net::https;
use ogong_net::wire::{Forward, HttpHeader, Response};
use ogong_net::{Offer, ResponseStream};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A provider accepts a connection within.
const CONNECT_WAIT: Duration = Duration::from_secs(5);
/// Silence between two pieces of an answer, the prompt's processing included.
const READ_WAIT: Duration = Duration::from_secs(120);
/// Certificate pins with a client of their own at once.
const CLIENTS_MAX: usize = 256;
/// Bytes of a whole answer, error or proof at most.
pub const WHOLE_BYTES_MAX: usize = 16 << 20;

/// Why a provider could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The offer names no way to it.
    #[error("provider has no usable endpoint: {0}")]
    NoWay(String),
    /// HTTP to the provider failed.
    #[error("provider not reachable: {}", chain(.0))]
    Http(#[from] reqwest::Error),
    /// The relaying router failed.
    #[error("router's relay failed: {0}")]
    Relay(#[from] ogong_net::Error),
    /// The relay's stream ended early or out of order.
    #[error("router's relay was cut off")]
    Cut,
    /// The answer is longer than it may be.
    #[error("provider's answer is over {WHOLE_BYTES_MAX} bytes")]
    TooLong,
}

fn chain(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}

/// A provider's answer as it comes in.
pub struct Reply {
    /// HTTP status.
    pub status: StatusCode,
    /// `content-type`, where there is one.
    pub content_type: Option<Vec<u8>>,
    /// The body, piece by piece.
    pub body: BoxStream<'static, Result<Bytes, Error>>,
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reply").field("status", &self.status).finish_non_exhaustive()
    }
}

impl Reply {
    /// The whole body.
    ///
    /// # Errors
    /// When it breaks off or is too long.
    pub async fn whole(self) -> Result<Bytes, Error> {
        let bytes = self
            .body
            .try_fold(Vec::new(), |mut whole, piece| async move {
                if whole.len() + piece.len() > WHOLE_BYTES_MAX {
                    return Err(Error::TooLong);
                }
                whole.extend_from_slice(&piece);
                Ok(whole)
            })
            .await?;
        Ok(bytes.into())
    }
}

/// One provider's address for one request.
#[derive(Clone, Debug)]
pub enum Upstream {
    /// Its own endpoint.
    Direct {
        /// A client that trusts exactly this provider.
        client: reqwest::Client,
        /// Base URL.
        base: String,
    },
    /// The router's relay.
    Relay {
        /// The router.
        market: Market,
        /// The provider.
        node: NodeId,
        /// The model of the offer.
        model: ModelId,
    },
}

/// HTTP clients, one for each certificate pin, so that connections to a provider are used again.
#[derive(Debug, Default)]
pub struct Clients(Mutex<HashMap<Option<Hash32>, reqwest::Client>>);

impl Clients {
    fn client(&self, pin: Option<Hash32>) -> Result<reqwest::Client, Error> {
        // The map is valid after every statement that changes it.
        let mut clients = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&pin) {
            return Ok(client.clone());
        }
        let tls =
            https::client_config(pin.map(|hash| *hash.as_bytes())).map_err(|error| Error::NoWay(error.to_string()))?;
        let client = reqwest::Client::builder()
            .use_preconfigured_tls(tls)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_WAIT)
            .read_timeout(READ_WAIT)
            .build()?;
        if clients.len() >= CLIENTS_MAX {
            clients.clear();
        }
        clients.insert(pin, client.clone());
        Ok(client)
    }
}

impl Upstream {
    /// The way to the provider of `offer`.
    ///
    /// # Errors
    /// When it has no endpoint and the router does not relay, or TLS cannot be set up.
    pub fn new(offer: &Offer, relay: bool, market: &Market, clients: &Clients) -> Result<Self, Error> {
        if relay {
            return Ok(Self::Relay { market: market.clone(), node: offer.node_id, model: offer.model_id.clone() });
        }
        if offer.endpoint.is_empty() {
            return Err(Error::NoWay("the offer names no endpoint and the router does not relay".into()));
        }
        Ok(Self::Direct { client: clients.client(offer.tls_cert)?, base: offer.endpoint.clone() })
    }

    /// Sends the frozen body.
    ///
    /// # Errors
    /// When no answer begins.
    pub async fn post(&self, path: &str, headers: &[(&'static str, String)], body: Bytes) -> Result<Reply, Error> {
        self.send("POST", path, headers, body).await
    }

    /// Fetches a path.
    ///
    /// # Errors
    /// When no answer begins.
    pub async fn get(&self, path: &str, headers: &[(&'static str, String)]) -> Result<Reply, Error> {
        self.send("GET", path, headers, Bytes::new()).await
    }

    async fn send(
        &self,
        method: &'static str,
        path: &str,
        headers: &[(&'static str, String)],
        body: Bytes,
    ) -> Result<Reply, Error> {
        match self {
            Self::Direct { client, base } => direct(client, method, &format!("{base}{path}"), headers, body).await,
            Self::Relay { market, node, model } => {
                let forward = Forward {
                    node_id: node.as_bytes().to_vec(),
                    model_id: model.to_string(),
                    method: method.to_owned(),
                    path: path.to_owned(),
                    headers: headers
                        .iter()
                        .map(|(name, value)| HttpHeader { name: (*name).to_owned(), value: value.clone().into_bytes() })
                        .collect(),
                    body: body.to_vec(),
                };
                relayed(market.forward(forward).await?).await
            }
        }
    }
}

async fn direct(
    client: &reqwest::Client,
    method: &str,
    url: &str,
    headers: &[(&'static str, String)],
    body: Bytes,
) -> Result<Reply, Error> {
    let mut request = if method == "GET" {
        client.get(url)
    } else {
        client.post(url).header("content-type", "application/json").body(body)
    };
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    let response = request.send().await?;
    Ok(Reply {
        status: response.status(),
        content_type: response.headers().get("content-type").map(|value| value.as_bytes().to_vec()),
        body: response.bytes_stream().map_err(Error::from).boxed(),
    })
}

async fn relayed(mut stream: ResponseStream) -> Result<Reply, Error> {
    stream.set_timeout(READ_WAIT);
    let Some(Response::ForwardHead(head)) = stream.next().await? else { return Err(Error::Cut) };
    let status =
        u16::try_from(head.status).ok().and_then(|status| StatusCode::from_u16(status).ok()).ok_or(Error::Cut)?;
    let content_type = head.headers.into_iter().find(|header| header.name == "content-type").map(|header| header.value);
    let body = futures::stream::try_unfold(Some(stream), |stream| async move {
        let Some(mut stream) = stream else { return Ok(None) };
        match stream.next().await? {
            Some(Response::ForwardChunk(chunk)) => Ok(Some((Bytes::from(chunk.data), Some(stream)))),
            Some(Response::ForwardEnd(_)) => Ok(None),
            _ => Err(Error::Cut),
        }
    });
    Ok(Reply { status, content_type, body: body.boxed() })
}
