//! A local server as a process, and requests to it.

use super::{PROGRAM, models};
use serde_json::Value;
use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};
use tokio::process::{Child, Command};

/// How long a model may take to load on a machine that is busy with other tests.
pub const LOADING: Duration = Duration::from_secs(240);
const LOOK: Duration = Duration::from_millis(20);

/// A running server with a home of its own; killed when dropped.
pub struct Local {
    pub home: tempfile::TempDir,
    pub url: String,
    pub http: reqwest::Client,
    _child: Child,
}

/// A home whose library holds the shipped model under these file names.
pub fn home_with(names: &[&str]) -> tempfile::TempDir {
    let home = tempfile::tempdir().expect("a directory");
    let dir = home.path().join("models");
    std::fs::create_dir_all(&dir).expect("made");
    for name in names {
        std::os::unix::fs::symlink(shipped(), dir.join(name)).expect("linked");
    }
    home
}

/// The model that a package carries.
pub fn shipped() -> PathBuf {
    let path = models().join("SmolLM2-135M-Instruct.Q4_1.gguf");
    assert!(path.is_file(), "{} is missing; hint: run `cargo xtask setup`", path.display());
    path
}

impl Local {
    /// Starts `local` with these flags and waits until it listens.
    pub async fn start(home: tempfile::TempDir, args: &[&str]) -> Self {
        let ready = home.path().join("ready.json");
        let mut command = Command::new(PROGRAM);
        command.env("OGONG_HOME", home.path()).args([
            "local",
            "--listen",
            "127.0.0.1:0",
            "--threads",
            "1",
            "--ready-file",
        ]);
        let log = std::fs::File::create(home.path().join("local.log")).expect("a log");
        command.arg(&ready).args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).kill_on_drop(true);
        let mut child = command.spawn().expect("it starts");
        let address = loop {
            if let Ok(text) = std::fs::read_to_string(&ready)
                && let Ok(json) = serde_json::from_str::<Value>(&text)
            {
                break json["listen"].as_str().expect("an address").to_owned();
            }
            let ended = child.try_wait().expect("its state");
            assert!(ended.is_none(), "{}", log_of(home.path()));
            tokio::time::sleep(LOOK).await;
        };
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        Self { home, url: format!("http://{address}"), http, _child: child }
    }

    /// `POST` of JSON, with the status of the answer.
    pub async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.post_bytes(path, body.to_string().into_bytes()).await
    }

    /// `POST` of any bytes.
    pub async fn post_bytes(&self, path: &str, body: Vec<u8>) -> (u16, Value) {
        let response = self.stream(path, body).await;
        let status = response.status().as_u16();
        let text = response.text().await.expect("a body");
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// `POST`, with the response as it comes.
    pub async fn stream(&self, path: &str, body: Vec<u8>) -> reqwest::Response {
        let request =
            self.http.post(format!("{}{path}", self.url)).header("content-type", "application/json").body(body);
        request.send().await.expect("an answer")
    }

    /// `GET` of JSON.
    pub async fn get(&self, path: &str) -> (u16, Value) {
        let response = self.http.get(format!("{}{path}", self.url)).send().await.expect("an answer");
        let status = response.status().as_u16();
        let text = response.text().await.expect("a body");
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// `/api/ps`'s models.
    pub async fn loaded(&self) -> Vec<Value> {
        self.get("/api/ps").await.1["models"].as_array().cloned().unwrap_or_default()
    }

    /// Waits until `/api/ps` shows what is wanted.
    pub async fn until(&self, what: &str, wanted: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let looking = async {
            loop {
                let loaded = self.loaded().await;
                if wanted(&loaded) {
                    return loaded;
                }
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::time::timeout(LOADING, looking).await.unwrap_or_else(|_| panic!("{what}: {}", log_of(self.home.path())))
    }

    /// What the server logged.
    pub fn log(&self) -> String {
        log_of(self.home.path())
    }
}

fn log_of(home: &Path) -> String {
    std::fs::read_to_string(home.join("local.log")).unwrap_or_default()
}
