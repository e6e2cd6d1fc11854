//! An engine behind HTTP for the tests.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use ogong_daemon::Shutdown;
use ogong_engine::{EngineClient, Error};
use ogong_openai::sse::{EventReader, Payload};
use ogong_text::http::{App, serve};
use ogong_text::{Engine, EngineConfig};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Far more than any of the tests' requests takes.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// An engine behind HTTP, in this process.
pub struct Server {
    pub client: EngineClient,
    pub engine: Engine,
    shutdown: Shutdown,
    task: JoinHandle<std::io::Result<()>>,
}

impl Server {
    /// Loads the model and serves it on a free port.
    pub async fn start(config: EngineConfig) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address: SocketAddr = listener.local_addr().expect("address");
        let app = App::new(None, config.alias.clone());
        let shutdown = Shutdown::new();
        let task = tokio::spawn(serve(listener, app.clone(), shutdown.clone()));
        let client = EngineClient::new(&format!("http://{address}")).expect("client");
        assert!(!client.health().await.expect("it listens already"), "not healthy while loading");
        assert!(matches!(client.capabilities().await, Err(Error::Refused { status: 503, .. })));
        let engine = tokio::task::spawn_blocking(move || Engine::load(&config)).await.expect("join").expect("engine");
        app.serve_with(engine.clone());
        assert!(client.health().await.expect("health"));
        Self { client, engine, shutdown, task }
    }

    /// Posts a body and returns status and answer.
    pub async fn post(&self, path: &str, body: impl Into<Bytes>) -> (u16, Bytes) {
        let response = self.client.forward(path, body.into(), None).await.expect("an answer");
        (response.status().as_u16(), response.bytes().await.expect("body"))
    }

    /// The answer to `body`, which must be one.
    pub async fn ask(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.post(path, body.to_string()).await;
        assert_eq!(status, 200, "{path} {body}: {}", String::from_utf8_lossy(&answer));
        serde_json::from_slice(&answer).expect("json")
    }

    /// The chunks of the answer to `body`, which must end properly.
    pub async fn chunks(&self, path: &str, body: Value) -> Vec<Value> {
        let mut response = self.client.forward(path, body.to_string().into(), None).await.expect("an answer");
        let mut reader = EventReader::new(1 << 20);
        let (mut chunks, mut done) = (Vec::new(), false);
        while let Some(bytes) = response.chunk().await.expect("stream") {
            for event in reader.push(&bytes).expect("events") {
                match event.payload {
                    Payload::Data(data) => chunks.push(serde_json::from_slice(&data).expect("json")),
                    Payload::Done => done = true,
                    _ => {}
                }
            }
        }
        assert!(done, "no end marker: {chunks:?}");
        chunks
    }

    /// What `path` says.
    pub async fn get(&self, path: &str) -> Bytes {
        let url = format!("{}{path}", self.client.base_url());
        reqwest::get(url).await.expect("an answer").error_for_status().expect("200").bytes().await.expect("body")
    }

    /// Ends it.
    pub async fn stop(self) {
        drop(self.engine);
        self.shutdown.trigger();
        timeout(PATIENCE, self.task).await.expect("it ends").expect("join").expect("no error");
    }
}
