//! A node that lies, dies or loses answers: it stands between the client and the real chain and does what a test says.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
};

/// What the node does with one request.
#[derive(Debug, Clone)]
pub enum Act {
    /// Passes it on, and the answer back.
    Pass,
    /// Passes it on, and dies before the answer.
    LoseAnswer,
    /// Passes it on and never answers.
    Hang,
    /// Passes it on and answers with something that is no JSON.
    Garbage,
    /// Answers with this result and passes nothing on.
    Say(Value),
    /// Refuses with 503 and passes nothing on.
    Busy,
}

type Script = Box<dyn Fn(&str, usize) -> Act + Send + Sync>;

/// The node. Its script gets a request's method and how many of that method came before.
pub struct Proxy {
    pub url: String,
    state: Arc<State>,
}

struct State {
    target: String,
    script: Script,
    seen: Mutex<HashMap<String, usize>>,
    sent: Mutex<Vec<Vec<u8>>>,
    passed_on: Notify,
}

impl Proxy {
    pub async fn start(target: &str, script: impl Fn(&str, usize) -> Act + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let state = Arc::new(State {
            target: target.to_owned(),
            script: Box::new(script),
            seen: Mutex::default(),
            sent: Mutex::default(),
            passed_on: Notify::new(),
        });
        let serving = state.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serving.clone().serve(stream));
            }
        });
        Self { url, state }
    }

    /// Requests of a method so far.
    pub fn count(&self, method: &str) -> usize {
        self.state.seen.lock().expect("lock").get(method).copied().unwrap_or_default()
    }

    /// The transactions that clients sent, as bytes.
    pub fn sent(&self) -> Vec<Vec<u8>> {
        self.state.sent.lock().expect("lock").clone()
    }

    /// Returns once a request that is not answered as it should be has been carried out.
    pub async fn passed_on(&self) {
        self.state.passed_on.notified().await;
    }
}

impl State {
    /// One request a connection: whatever is left of it is closed.
    async fn serve(self: Arc<Self>, mut stream: TcpStream) {
        let Some(body) = request(&mut stream).await else { return };
        let call: Value = serde_json::from_slice(&body).expect("a client speaks JSON");
        let method = call["method"].as_str().expect("a method").to_owned();
        if let Some(transaction) = call["params"][0].as_str().filter(|_| method == "sendTransaction") {
            self.sent.lock().expect("lock").push(BASE64_STANDARD.decode(transaction).expect("base64"));
        }
        let before = {
            let mut seen = self.seen.lock().expect("lock");
            let count = seen.entry(method.clone()).or_default();
            *count += 1;
            *count - 1
        };
        match (self.script)(&method, before) {
            Act::Pass => reply(&mut stream, "200 OK", &self.forward(body).await).await,
            Act::Garbage => {
                self.forward(body).await;
                reply(&mut stream, "200 OK", b"<html>try later</html>").await;
            }
            Act::Say(result) => {
                let answer = json!({ "jsonrpc": "2.0", "id": call["id"], "result": result });
                reply(&mut stream, "200 OK", answer.to_string().as_bytes()).await;
            }
            Act::Busy => reply(&mut stream, "503 Service Unavailable", b"").await,
            Act::LoseAnswer => {
                self.forward(body).await;
                self.passed_on.notify_one();
            }
            Act::Hang => {
                self.forward(body).await;
                self.passed_on.notify_one();
                std::future::pending::<()>().await;
            }
        }
    }

    async fn forward(&self, body: Vec<u8>) -> Vec<u8> {
        let sent = reqwest::Client::new()
            .post(&self.target)
            .header("content-type", "application/json")
            .body(body)
            .send()
            .await
            .expect("the real chain answers");
        sent.bytes().await.expect("whole").to_vec()
    }
}

async fn request(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        let Some(head) = bytes.windows(4).position(|end| end == b"\r\n\r\n") else { continue };
        let text = String::from_utf8_lossy(&bytes[..head]).to_lowercase();
        let length: usize = text.split("content-length:").nth(1)?.lines().next()?.trim().parse().ok()?;
        if bytes.len() >= head + 4 + length {
            return Some(bytes[head + 4..head + 4 + length].to_vec());
        }
    }
}

async fn reply(stream: &mut TcpStream, status: &str, body: &[u8]) {
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    // A client that was killed meanwhile does not read it.
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.write_all(body).await;
}
