//! Speculation changes how fast an answer comes, never what it says.

mod common;

use common::server::Server;
use common::{config, model};
use ogong_text::speculate::Method;
use ogong_text::{Engine, EngineConfig};
use serde_json::{Value, json};

const REPETITIVE: &str = "Repeat after me, word for word, three times: The quick brown fox jumps over the lazy dog near the old \
     river bank while seven wise owls watch from the tall oak tree.\n\nThe quick brown fox jumps over the lazy dog near the old \
     river bank while seven wise owls watch from the tall oak tree.\n\nThe quick brown fox jumps over the lazy dog near the old";

async fn answers(method: Method, draft: Option<&str>) -> (Vec<Value>, String) {
    let config = EngineConfig {
        parallel: 2,
        commit: false,
        plain: true,
        speculation: method,
        draft_model: draft.map(model),
        ..config("Q8_0")
    };
    let server = Server::start(config).await;
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
        let (drafted, metrics) = answers(method, draft).await;
        let text = |choices: &[Value]| choices.iter().map(|choice| choice["text"].clone()).collect::<Vec<_>>();
        assert_eq!(text(&drafted), text(&plain), "{method:?}");
        let ids = |choice: &Value| choice["logprobs"]["tokens"].clone();
        assert_eq!(ids(&drafted[1]), ids(&plain[1]));
        let (offered, accepted) =
            (counted(&metrics, "draft_tokens_total"), counted(&metrics, "draft_accepted_tokens_total"));
        assert!(accepted > 10 && accepted <= offered, "{method:?}: {accepted} of {offered}");
    }
}

#[test]
fn a_drafter_that_cannot_is_refused() {
    let refused = |config: EngineConfig| Engine::load(&config).expect_err("refused").to_string();
    let no_model = refused(EngineConfig { speculation: Method::Draft, ..config("Q8_0") });
    assert!(no_model.contains("--model-draft"), "{no_model}");
    let foreign = EngineConfig { speculation: Method::Draft, draft_model: Some(common::minilm()), ..config("Q8_0") };
    assert!(refused(foreign).contains("vocabulary"));
}
