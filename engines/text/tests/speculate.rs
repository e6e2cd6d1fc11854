//! Speculation changes how fast an answer comes, never what it says.

mod common;

use std::path::PathBuf;

use common::server::Server;
use common::{config, model, tiny};
use ogong_text::speculate::Method;
use ogong_text::{Engine, EngineConfig};
use serde_json::{Value, json};

const REPETITIVE: &str = "Repeat after me, word for word, three times: The quick brown fox jumps over the lazy dog near the old \
     river bank while seven wise owls watch from the tall oak tree.\n\nThe quick brown fox jumps over the lazy dog near the old \
     river bank while seven wise owls watch from the tall oak tree.\n\nThe quick brown fox jumps over the lazy dog near the old";

async fn answers(speculation: Method, draft_model: Option<PathBuf>) -> (Vec<Value>, String) {
    of_engine(EngineConfig { speculation, draft_model, ..config("Q8_0") }).await
}

async fn of_engine(config: EngineConfig) -> (Vec<Value>, String) {
    let server = Server::start(EngineConfig { parallel: 2, commit: false, plain: true, ..config }).await;
    let ask = |body: Value| server.ask("/v1/completions", body);
    let mut list =
        vec![ask(json!({"prompt": REPETITIVE, "max_tokens": 60, "temperature": 0, "ignore_eos": true})).await];
    list.push(ask(json!({"prompt": REPETITIVE, "max_tokens": 40, "temperature": 0.7, "seed": 4, "logprobs": 1})).await);
    let (a, b) = tokio::join!(
        ask(json!({"prompt": "One day a fox", "max_tokens": 20, "seed": 9})),
        ask(json!({"prompt": REPETITIVE, "max_tokens": 30, "temperature": 0, "stop": ["owls"]}))
    );
    list.extend([a, b]);
    // What comes after drafts that were taken back still attends to the right tokens.
    list.push(ask(json!({"prompt": "One day a fox", "max_tokens": 20, "seed": 9})).await);
    let metrics = String::from_utf8(server.get("/metrics").await.to_vec()).expect("text");
    server.stop().await;
    (list.into_iter().map(|answer| answer["choices"][0].clone()).collect(), metrics)
}

fn counted(metrics: &str, name: &str) -> u64 {
    let line = metrics.lines().find(|line| line.starts_with(&format!("ogong_text_{name} "))).expect("the counter");
    line.rsplit(' ').next().and_then(|value| value.parse().ok()).expect("a number")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drafted_answers_are_the_same() {
    let (plain, _) = answers(Method::None, None).await;
    for (method, draft) in [(Method::NgramSimple, None), (Method::NgramMap, None), (Method::Draft, Some("Q4_0"))] {
        let (drafted, metrics) = answers(method, draft.map(model)).await;
        assert_eq!(texts(&drafted), texts(&plain), "{method:?}");
        let ids = |choice: &Value| choice["logprobs"]["tokens"].clone();
        assert_eq!(ids(&drafted[1]), ids(&plain[1]));
        let (offered, accepted) =
            (counted(&metrics, "draft_tokens_total"), counted(&metrics, "draft_accepted_tokens_total"));
        assert!(accepted > 10 && accepted <= offered, "{method:?}: {accepted} of {offered}");
    }
}

fn texts(choices: &[Value]) -> Vec<Value> {
    choices.iter().map(|choice| choice["text"].clone()).collect()
}

fn share_accepted(metrics: &str) -> f64 {
    let (offered, accepted) = (counted(metrics, "draft_tokens_total"), counted(metrics, "draft_accepted_tokens_total"));
    assert!(offered > 60, "{offered} offered");
    accepted as f64 / offered as f64
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heads_that_know_are_believed() {
    let dir = tempfile::tempdir().expect("a directory");
    let base = EngineConfig { n_ctx: 512, threads: 1, ..EngineConfig::new(tiny::copying(dir.path())) };
    let own = EngineConfig { speculation: Method::Mtp, ..base.clone() };
    // In a file of their own, found out by its name.
    let named = dir.path().join("mtp-copying.gguf");
    std::fs::copy(dir.path().join("copying.gguf"), &named).expect("a copy");
    let beside = EngineConfig { speculation: Method::OfDrafter, draft_model: Some(named), ..base.clone() };
    let eagle = Some(tiny::copying_eagle(dir.path()));
    let llama = EngineConfig { model: tiny::copying_llama(dir.path()), ..base };
    let eagle = EngineConfig { speculation: Method::OfDrafter, draft_model: eagle, ..llama };
    for config in [own, beside, eagle] {
        let of = (config.speculation, config.draft_model.clone());
        let bare = EngineConfig { speculation: Method::None, draft_model: None, ..config.clone() };
        let (plain, _) = of_engine(bare).await;
        let (drafted, metrics) = of_engine(config).await;
        assert_eq!(texts(&drafted), texts(&plain), "{of:?}");
        // Sampled answers go their own ways; the ones at temperature 0 repeat, as foretold.
        assert!(share_accepted(&metrics) > 0.3, "{of:?}: {}", share_accepted(&metrics));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heads_that_know_nothing_change_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let (plain, _) = answers(Method::None, None).await;
    let (drafted, metrics) = answers(Method::Eagle3, Some(tiny::ignorant_eagle(dir.path()))).await;
    assert_eq!(texts(&drafted), texts(&plain));
    assert!(share_accepted(&metrics) < 0.2, "{}", share_accepted(&metrics));
}

#[test]
fn a_drafter_that_cannot_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let plain = || EngineConfig { commit: false, plain: true, ..config("Q8_0") };
    let drafted = |speculation, draft_model| EngineConfig { speculation, draft_model, ..plain() };
    for (config, says) in [
        (drafted(Method::Mtp, None), "no heads"),
        (drafted(Method::Mtp, Some(model("Q4_0"))), "no heads"),
        (drafted(Method::Eagle3, None), "--model-draft"),
        (drafted(Method::Eagle3, Some(model("Q4_0"))), "none for EAGLE-3"),
        (drafted(Method::OfDrafter, Some(tiny::copying_eagle(dir.path()))), "another model"),
        (
            EngineConfig {
                model: tiny::copying(dir.path()),
                ..drafted(Method::Eagle3, Some(tiny::copying_eagle(dir.path())))
            },
            "does not show",
        ),
        (EngineConfig { plain: false, ..drafted(Method::Eagle3, Some(tiny::ignorant_eagle(dir.path()))) }, "--plain"),
    ] {
        let error = Engine::load(&config).expect_err("refused").to_string();
        assert!(error.contains(says), "{error}");
    }
    let refused = |config: EngineConfig| Engine::load(&config).expect_err("refused").to_string();
    let no_model = refused(EngineConfig { speculation: Method::Draft, ..config("Q8_0") });
    assert!(no_model.contains("--model-draft"), "{no_model}");
    let foreign = EngineConfig { speculation: Method::Draft, draft_model: Some(common::minilm()), ..config("Q8_0") };
    assert!(refused(foreign).contains("vocabulary"));
}
