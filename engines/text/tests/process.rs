//! The program itself: how it ends, what it says, and that the supervisor keeps it alive.

mod common;

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use common::model;
use ogong_engine::{Error, Supervisor, SupervisorConfig};

const PROGRAM: &str = env!("CARGO_BIN_EXE_ogong-text-server");

fn run(args: &[&str]) -> Output {
    Command::new(PROGRAM).args(args).stdin(Stdio::null()).output().expect("the program runs")
}

fn error_of(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr)
        .lines()
        .filter(|line| line.starts_with("error:") || line.starts_with("hint:"))
        .collect::<Vec<_>>()
        .join("\n")
}

fn supervised(dir: &tempfile::TempDir) -> SupervisorConfig {
    SupervisorConfig {
        program: Some(PathBuf::from(PROGRAM)),
        parallel: Some(1),
        n_ctx: Some(256),
        threads: Some(1),
        ..SupervisorConfig::new(model("Q8_0"), dir.path().join("engine.log"))
    }
}

#[test]
fn bad_models_and_taken_ports_end_with_a_hint() {
    let dir = tempfile::tempdir().expect("a directory");
    let broken = common::file(dir.path(), "broken.gguf", b"GGUF, but not really");
    let mut head = std::fs::read(model("Q8_0")).expect("the model");
    head.truncate(head.len() / 2);
    let cut = common::file(dir.path(), "cut.gguf", &head);
    let unknown = common::file(dir.path(), "unknown.gguf", &head_of("no-such-architecture"));
    let missing = dir.path().join("missing.gguf");
    for path in [&broken, &cut, &unknown, &missing] {
        let output = run(&["--model", path.to_str().expect("utf-8"), "--port", "0"]);
        let error = error_of(&output);
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(error.contains(path.to_str().expect("utf-8")) && error.contains("hint:"), "{error}");
    }
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("address").port().to_string();
    let output = run(&["--model", missing.to_str().expect("utf-8"), "--port", &port]);
    let error = error_of(&output);
    assert!(output.status.code() == Some(1) && error.contains(&port) && error.contains("--port"), "{error}");
    assert_eq!(run(&["--model", "x", "--cache-type-k", "q9"]).status.code(), Some(2));
    assert_eq!(run(&[]).status.code(), Some(2));
}

/// The head of a model without tensors.
fn head_of(architecture: &str) -> Vec<u8> {
    let text = |text: &str| [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat();
    let counts = [0u64.to_le_bytes(), 1u64.to_le_bytes()].concat();
    let entry = [text("general.architecture"), 8u32.to_le_bytes().to_vec(), text(architecture)].concat();
    [b"GGUF".to_vec(), 3u32.to_le_bytes().to_vec(), counts, entry, vec![0; 64]].concat()
}

#[test]
fn the_root_of_a_model_is_that_of_its_files() {
    let path = model("Q8_0");
    let output = run(&["model-root", path.to_str().expect("utf-8")]);
    let root = ogong_text::model::root_of_files(&[path]).expect("root");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), root.to_hex());
}

#[tokio::test]
async fn the_supervisor_starts_restarts_and_stops() {
    let dir = tempfile::tempdir().expect("a directory");
    let supervisor = Supervisor::start(supervised(&dir)).await.expect("an engine");
    let client = supervisor.client().clone();
    assert!(client.capabilities().await.expect("capabilities").commit);
    let first = supervisor.pid().expect("it runs");
    let killed = Command::new("kill").args(["-9", &first.to_string()]).status().expect("kill");
    assert!(killed.success());
    let back = async {
        while !supervisor.is_ready() || supervisor.pid() == Some(first) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), back).await.expect("it comes back");
    assert!(client.health().await.expect("at the same address"));
    assert_eq!(supervisor.restarts(), 1);
    supervisor.stop().await;
    assert!(client.health().await.is_err(), "nobody listens any more");
    let log = std::fs::read_to_string(dir.path().join("engine.log")).expect("a log");
    assert!(log.contains("model loaded") && log.contains("stopping"), "{log}");
}

#[tokio::test]
async fn the_supervisor_tells_why_an_engine_did_not_start() {
    let dir = tempfile::tempdir().expect("a directory");
    let config = SupervisorConfig { model: dir.path().join("none.gguf"), ..supervised(&dir) };
    match Supervisor::start(config).await {
        Err(Error::Exited { tail, .. }) => assert!(tail.contains("hint:") || tail.contains("none.gguf"), "{tail}"),
        other => panic!("{other:?}"),
    }
    let config = SupervisorConfig { program: Some("/nonexistent/engine".into()), ..supervised(&dir) };
    assert!(matches!(Supervisor::start(config).await, Err(Error::Spawn { .. })));
}

#[test]
fn the_engine_ends_with_the_one_who_started_it() {
    let path = model("Q8_0");
    let args = [
        "--model",
        path.to_str().expect("utf-8"),
        "--port",
        "0",
        "--parallel",
        "1",
        "--n-ctx",
        "256",
        "--threads",
        "1",
        "--exit-on-stdin-close",
    ];
    // At whatever moment of its loading that comes.
    for pause_ms in [0, 100, 200, 300, 400, 600, 900, 1400, 2000] {
        let mut child = Command::new(PROGRAM)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        std::thread::sleep(Duration::from_millis(pause_ms));
        drop(child.stdin.take());
        assert_eq!(child.wait().expect("it ends").code(), Some(0), "after {pause_ms} ms");
    }
}

/// A worker's process, ended with its guard.
struct Worker(std::process::Child, String);

impl Worker {
    fn start() -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = free.local_addr().expect("address").port().to_string();
        drop(free);
        let program = env!("CARGO_BIN_EXE_rpc-server");
        let worker = Command::new(program).args(["--port", &port, "--threads", "1"]).stderr(Stdio::null()).spawn();
        let endpoint = format!("127.0.0.1:{port}");
        let worker = Self(worker.expect("the program runs"), endpoint);
        let until = std::time::Instant::now() + Duration::from_secs(60);
        while std::net::TcpStream::connect(&worker.1).is_err() {
            assert!(std::time::Instant::now() < until, "the worker does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        worker
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An answer of a supervised engine, one token long.
async fn answer(client: &ogong_engine::EngineClient) -> Result<String, Error> {
    let body = r#"{"messages":[{"role":"user","content":"Say hi."}],"max_tokens":6,"temperature":0}"#;
    let answer = client.forward("/v1/chat/completions", body.into(), None).await?;
    let answer: serde_json::Value = serde_json::from_slice(&answer.bytes().await.expect("body")).expect("json");
    Ok(answer["choices"][0]["message"]["content"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_model_is_spread_over_two_workers() {
    let dir = tempfile::tempdir().expect("a directory");
    let alone = Supervisor::start(supervised(&dir)).await.expect("an engine");
    let expected = answer(alone.client()).await.expect("an answer");
    alone.stop().await;

    let workers = [Worker::start(), Worker::start()];
    let list = workers.each_ref().map(|worker| worker.1.as_str()).join(",");
    let extra_args = vec!["--rpc".to_owned(), list.clone()];
    let config = SupervisorConfig { extra_args, commit: false, plain: true, ..supervised(&dir) };
    let spread = Supervisor::start(config).await.expect("an engine");
    assert_eq!(answer(spread.client()).await.expect("an answer"), expected, "where it is computed changes nothing");
    drop(workers);
    assert!(answer(spread.client()).await.is_err(), "its layers are gone with the workers");
    spread.stop().await;

    let path = model("Q8_0");
    let output = run(&["--model", path.to_str().expect("utf-8"), "--port", "0", "--rpc", &list]);
    let error = error_of(&output);
    assert!(output.status.code() == Some(1) && error.contains("rpc-server"), "{error}");
}
