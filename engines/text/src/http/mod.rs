//! The HTTP front: routes, shared state, and the serve loop.
//!
//! It listens before the model is loaded, so that a taken port shows at once and `/health` can say `loading`.

mod answer;
mod embeddings;
mod error;
mod frame;
mod inspect;
mod reader;
mod stream;
mod tokens;

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::HeaderMap;
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use ogong_base::params::BODY_BYTES_MAX;
use ogong_daemon::Shutdown;
use ogong_openai::ErrorKind;
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use crate::engine::Engine;
use error::Refusal;

/// Bytes of a request at most; a score holds its body in base64.
const REQUEST_BYTES_MAX: usize = 2 * BODY_BYTES_MAX;
/// Bytes of an oversized request that are read and dropped at most.
const LINGER_BYTES_MAX: usize = 4 * REQUEST_BYTES_MAX;
/// How long they are read.
const LINGER: Duration = Duration::from_secs(5);
/// How long replies under way may go on once the process shall end.
const DRAIN: Duration = Duration::from_secs(5);
/// How long connections may take to end after that.
const CLOSE: Duration = Duration::from_secs(3);

/// What every handler sees.
#[derive(Clone)]
pub struct App {
    engine: Arc<OnceLock<Engine>>,
    /// Callers off loopback must present it to see prompts.
    token: Option<Arc<str>>,
    /// The only model name that plain requests may use.
    alias: Option<Arc<str>>,
    /// Unix seconds at which the process began.
    created: u64,
}

impl App {
    /// State of a server whose engine is still loading.
    pub fn new(token: Option<String>, alias: Option<String>) -> Self {
        Self {
            engine: Arc::default(),
            token: token.map(Arc::from),
            alias: alias.map(Arc::from),
            created: ogong_daemon::clock::now_ms() / 1000,
        }
    }

    /// Puts the loaded engine into service.
    pub fn serve_with(&self, engine: Engine) {
        if self.engine.set(engine).is_err() {
            warn!("a second engine was offered and dropped");
        }
    }

    /// A plain request must name the model it gets, where the operator has named it.
    fn check_model(&self, model: Option<&str>) -> Result<(), Refusal> {
        match (&self.alias, model) {
            (Some(alias), Some(model)) if **alias != *model => {
                let message = format!("model {model:?} is not served here, {alias:?} is; hint: see /v1/models");
                Err(Refusal::new(ErrorKind::NotFound, "model_not_found", message))
            }
            _ => Ok(()),
        }
    }

    /// Whether the engine is loaded.
    pub fn is_ready(&self) -> bool {
        self.engine.get().is_some()
    }

    fn engine(&self) -> Result<&Engine, Refusal> {
        self.engine.get().ok_or_else(Refusal::loading)
    }

    /// Lets loopback callers and bearers of the token see what holds prompts.
    fn authorize(&self, peer: SocketAddr, headers: &HeaderMap) -> Result<(), Refusal> {
        if peer.ip().to_canonical().is_loopback() {
            return Ok(());
        }
        let presented = headers
            .get("authorization")
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "));
        match (&self.token, presented) {
            (Some(token), Some(presented)) if same_secret(token.as_bytes(), presented.trim().as_bytes()) => Ok(()),
            _ => Err(Refusal::unauthorized()),
        }
    }
}

/// Equality in time that does not depend on where the first difference is.
fn same_secret(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

/// The routes.
pub fn router(app: App) -> Router {
    Router::new()
        .route("/health", get(inspect::health))
        .route("/v1/health", get(inspect::health))
        .route("/v1/models", get(inspect::models))
        .route("/v1/capabilities", get(inspect::capabilities))
        .route("/v1/chat/completions", post(answer::chat))
        .route("/v1/completions", post(answer::completions))
        .route("/v1/embeddings", post(embeddings::embeddings))
        .route("/embeddings", post(embeddings::embeddings))
        .route("/metrics", get(inspect::metrics))
        .route("/infill", post(answer::infill))
        .route("/tokenize", post(tokens::tokenize))
        .route("/detokenize", post(tokens::detokenize))
        .route("/apply-template", post(tokens::apply_template))
        .route("/props", get(inspect::props))
        .route("/v1/score", post(inspect::score))
        .route("/v1/trajectory/{reply_id}", get(inspect::trajectory))
        .route("/v1/replay/{reply_id}", get(inspect::replay))
        .fallback(error::no_such_path)
        .method_not_allowed_fallback(error::no_such_method)
        .with_state(app)
}

/// Serves until `shutdown`, then lets replies under way end for a while.
///
/// # Errors
/// When the listener fails.
pub async fn serve(listener: TcpListener, app: App, shutdown: Shutdown) -> std::io::Result<()> {
    let service = router(app.clone()).into_make_service_with_connect_info::<SocketAddr>();
    // Streamed tokens are small and each is wanted at once.
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            warn!(%error, "TCP_NODELAY could not be set");
        }
    });
    let ending = {
        let shutdown = shutdown.clone();
        async move { shutdown.cancelled().await }
    };
    let server = axum::serve(listener, service).with_graceful_shutdown(ending);
    let closing = async {
        shutdown.cancelled().await;
        let Some(engine) = app.engine.get().cloned() else { return };
        engine.drain();
        sleep(DRAIN).await;
        info!("replies under way are ended");
        stop(engine).await;
        sleep(CLOSE).await;
    };
    tokio::select! {
        outcome = server => outcome?,
        () = closing => {}
    }
    if let Some(engine) = app.engine.get().cloned() {
        stop(engine).await;
    }
    Ok(())
}

/// Waits for the decode call under way: the process must not end beneath llama.cpp.
async fn stop(engine: Engine) {
    // A panic of the engine's thread has been reported by then.
    let _ = tokio::task::spawn_blocking(move || engine.stop()).await;
}

/// A name that nothing else has.
fn random_id() -> String {
    let mut random = [0; 12];
    // Without randomness the id is not unique, which harms nobody.
    let _ = getrandom::fill(&mut random);
    random.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads a request body within the bound.
async fn read_body(body: Body) -> Result<Bytes, Refusal> {
    let mut whole = BytesMut::new();
    let mut stream = body.into_data_stream();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|error| Refusal::unreadable(&error))?;
        if whole.len() + chunk.len() > REQUEST_BYTES_MAX {
            // Time out or not, the answer is the same.
            let _ = timeout(LINGER, discard(stream)).await;
            return Err(Refusal::too_large(REQUEST_BYTES_MAX));
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole.freeze())
}

/// Reads on for a while: most clients look for the answer only once they have sent everything, and a connection that is
/// closed under them gives them an error of the network in place of ours.
async fn discard(mut stream: axum::body::BodyDataStream) {
    let mut left = LINGER_BYTES_MAX;
    while let Some(Ok(chunk)) = stream.next().await {
        let Some(rest) = left.checked_sub(chunk.len()) else { return };
        left = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_are_for_loopback_and_bearers() {
        let app = App::new(Some("secret".into()), None);
        let near: SocketAddr = "127.0.0.1:9".parse().expect("address");
        let mapped: SocketAddr = "[::ffff:127.0.0.1]:9".parse().expect("address");
        let far: SocketAddr = "10.0.0.7:9".parse().expect("address");
        let mut headers = HeaderMap::new();
        assert!(app.authorize(near, &headers).is_ok() && app.authorize(mapped, &headers).is_ok());
        assert!(app.authorize(far, &headers).is_err());
        headers.insert("authorization", "Bearer wrong!".parse().expect("header"));
        assert!(app.authorize(far, &headers).is_err());
        headers.insert("authorization", "Bearer secret".parse().expect("header"));
        assert!(app.authorize(far, &headers).is_ok());
        assert!(App::new(None, None).authorize(far, &headers).is_err());
    }
}
