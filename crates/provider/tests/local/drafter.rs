//! A drafter is pulled with its model and turns speculation on, which changes no answer.

use crate::common::{
    file_server::{FileServer, Manner},
    local::{LOADING, Local, home_with},
    model, run, stderr, stdout,
};
use serde_json::{Value, json};
use std::{fs, path::Path, process::Command};

fn counting() -> Value {
    json!({"model": "counter", "prompt": "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13,", "max_tokens": 40, "temperature": 0})
}

fn entry(home: &Path, draft_url: &str) {
    let text = format!(
        "model_id = \"ogong/verified/test/counter\"\nlicense = \"Apache-2.0\"\nfile = \"counter.Q4_1.gguf\"\n\
         sources = [\"http://127.0.0.1:1/none.gguf\"]\ndraft_url = {draft_url:?}\n"
    );
    fs::create_dir_all(home.join("catalog")).expect("made");
    fs::write(home.join("catalog/counter.toml"), text).expect("written");
}

/// What the engine was started with, what it said, and how many tokens were drafted for it.
async fn answered(local: &Local) -> (String, String, f64) {
    let (status, said) = local.post("/v1/completions", counting()).await;
    assert_eq!(status, 200, "{said} {}", local.log());
    let pid = local.loaded().await[0]["ogong"]["pid"].to_string();
    let engine = Command::new("ps").args(["-o", "args=", "-ww", "-p", &pid]).output().expect("ps");
    let drafted = async {
        loop {
            let text = local.get("/metrics").await.1;
            let of = |name: &str| {
                let line = text.as_str()?.lines().find(|line| line.starts_with(name))?;
                line.rsplit_once(' ')?.1.parse::<f64>().ok()
            };
            if of("ogong_text_requests_total{model=\"counter\",outcome=\"done\"}") == Some(1.0) {
                return of("ogong_text_draft_tokens_total").expect("a count");
            }
            tokio::task::yield_now().await;
        }
    };
    let drafted = tokio::time::timeout(LOADING, drafted).await.expect("the answer is counted");
    (stdout(&engine), said["choices"][0]["text"].as_str().expect("a text").to_owned(), drafted)
}

#[tokio::test]
async fn a_drafter_is_pulled_found_and_used() {
    let home = home_with(&["counter.Q4_1.gguf"]);
    let server = FileServer::start();
    entry(home.path(), &server.url("/none.gguf"));
    let output = run(home.path(), &["pull", "counter"]);
    assert!(output.status.success() && stderr(&output).contains("without speculation"), "{}", stderr(&output));

    server.put("/small.gguf", fs::read(model("Q4_0")).expect("a model"), Manner::Honest);
    entry(home.path(), &server.url("/small.gguf"));
    let output = run(home.path(), &["pull", "counter"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let drafter = home.path().join("models/small.gguf");
    assert!(drafter.is_file(), "{}", stderr(&output));
    let listed = run(home.path(), &["list"]);
    assert!(stdout(&listed).contains("counter") && !stdout(&listed).contains("small"), "{}", stdout(&listed));
    let plain = run(home.path(), &["local", "--model", "counter", "--estimate-only", "--spec-type", "none"]);
    let drafting = run(home.path(), &["local", "--model", "counter", "--estimate-only"]);
    assert_ne!(stdout(&plain), stdout(&drafting), "the drafter's memory counts");

    let flags = ["--model", "counter", "--n-ctx", "512", "--parallel", "1"];
    let local = Local::start(home, &flags).await;
    let (engine, with, drafted) = answered(&local).await;
    assert!(engine.contains(&format!("--draft-model {}", drafter.display())) && drafted > 0.0, "{drafted} {engine}");
    drop(local);

    let local = Local::start(home_with(&["counter.gguf"]), &flags).await;
    let (engine, without, drafted) = answered(&local).await;
    assert!(!engine.contains("--draft-model") && drafted == 0.0, "{drafted} {engine}");
    assert_eq!(with, without, "speculation changes no answer");
}
