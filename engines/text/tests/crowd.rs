//! Many clients, slow ones, and prompts far too long: nobody's trouble is another's.

mod common;

use common::config;
use common::server::Server;
use ogong_engine::EngineClient;
use ogong_openai::ErrorBody;
use ogong_text::EngineConfig;
use serde_json::{Value, json};

const COMPLETIONS: &str = "/v1/completions";

async fn server(parallel: u32) -> Server {
    Server::start(EngineConfig { parallel, n_ctx: 256, commit: false, plain: true, ..config("Q8_0") }).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_clients_share_four_slots() {
    let server = server(4).await;
    let client: &EngineClient = &server.client;
    let answers = (0..64).map(|n| async move {
        let body = json!({"prompt": format!("Number {n} comes before"), "max_tokens": 3, "temperature": 0});
        let response = client.forward(COMPLETIONS, body.to_string().into(), None).await.expect("an answer");
        let status = response.status().as_u16();
        let answer: Value = serde_json::from_slice(&response.bytes().await.expect("body")).expect("json");
        (status, answer["usage"]["completion_tokens"].as_u64())
    });
    for (status, tokens) in futures::future::join_all(answers).await {
        assert_eq!(status, 200);
        assert!(tokens.is_some_and(|tokens| (1..=3).contains(&tokens)));
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prompts_in_company_are_answered_as_alone() {
    let server = server(8).await;
    // Some longer than what a call has left, some that begin alike.
    let prompt = |n: u32| {
        let from = 10 * n.min(5);
        (from..from + 12 + 5 * n).map(|number| format!("{number}, ")).collect::<String>()
    };
    let body = |n: u32| json!({"prompt": prompt(n), "max_tokens": 8, "temperature": 0, "ignore_eos": true});
    let text = |answer: Value| answer["choices"][0]["text"].as_str().expect("text").to_owned();
    let together = futures::future::join_all((0..8).map(|n| server.ask(COMPLETIONS, body(n)))).await;
    let together: Vec<String> = together.into_iter().map(text).collect();
    for n in 0..8 {
        let alone = with_no_memory(body(n));
        assert_eq!(text(server.ask(COMPLETIONS, alone).await), together[n as usize], "prompt {n}");
    }
    server.stop().await;
}

fn with_no_memory(mut body: Value) -> Value {
    body["cache_prompt"] = json!(false);
    body
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_reader_delays_nobody_and_loses_nothing() {
    let server = server(2).await;
    let body = json!({
        "prompt": "0, 1, 2, 3, 4, 5, 6,", "max_tokens": 90, "temperature": 0, "stream": true, "ignore_eos": true,
        "stream_options": {"include_usage": true},
    });
    let mut slow = server.client.forward(COMPLETIONS, body.to_string().into(), None).await.expect("an answer");
    assert!(slow.chunk().await.expect("a chunk").is_some());
    for _ in 0..3 {
        let quick = server.ask(COMPLETIONS, json!({"prompt": "Hello", "max_tokens": 4})).await;
        assert!(quick["usage"]["completion_tokens"].as_u64().is_some_and(|tokens| tokens > 0));
    }
    let mut rest = Vec::new();
    while let Some(chunk) = slow.chunk().await.expect("a chunk") {
        rest.extend(chunk);
    }
    let rest = String::from_utf8(rest).expect("text");
    assert!(rest.contains(r#""completion_tokens":90"#) && rest.trim_end().ends_with("data: [DONE]"), "{rest}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prompt_of_a_megabyte_is_refused_in_words() {
    let server = server(1).await;
    let prompt = "all work and no play ".repeat(50_000);
    for (path, body) in [
        (COMPLETIONS, json!({"prompt": prompt})),
        ("/v1/chat/completions", json!({"messages": [{"role": "user", "content": prompt}]})),
    ] {
        let (status, refused) = server.post(path, body.to_string()).await;
        let error = ErrorBody::from_json(&refused).expect("an error").error;
        assert_eq!((status, error.code.as_deref()), (400, Some("context_length_exceeded")), "{}", error.message);
        assert!(error.message.contains("hint:"), "{}", error.message);
    }
    let tokens = server.ask("/tokenize", json!({"content": prompt})).await;
    assert!(tokens["tokens"].as_array().is_some_and(|tokens| tokens.len() > 200_000));
    let cut = server
        .ask(COMPLETIONS, json!({"prompt": "Go on and on:", "max_tokens": -1, "ignore_eos": true, "temperature": 1.5}))
        .await;
    assert_eq!(cut["choices"][0]["finish_reason"], "length", "the end of the context is the end");
    assert_eq!(cut["usage"]["total_tokens"], 256);
    server.stop().await;
}
