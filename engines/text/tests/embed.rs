//! Embeddings: of a model made for them (MiniLM), and of one that generates text.

mod common;

use base64::Engine as _;
use common::server::Server;
use common::{config, minilm};
use ogong_openai::ErrorBody;
use ogong_text::EngineConfig;
use serde_json::{Value, json};

const PATH: &str = "/v1/embeddings";

fn vectors(answer: &Value) -> Vec<Vec<f64>> {
    let vector = |entry: &Value| {
        entry["embedding"].as_array().expect("a vector").iter().map(|value| value.as_f64().expect("a number")).collect()
    };
    answer["data"].as_array().expect("data").iter().map(vector).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn minilm_knows_what_is_alike() {
    let config = EngineConfig { threads: 1, commit: false, plain: true, ..EngineConfig::new(minilm()) };
    let server = Server::start(config).await;
    // Source: the model card's own example, sentence-transformers in f32.
    let card = server.ask(PATH, json!({"input": "This is an example sentence"})).await;
    let card = vectors(&card).remove(0);
    for (got, expected) in card.iter().zip([0.067_657, 0.063_496, 0.048_713]) {
        assert!((got - expected).abs() < 1e-3, "{got} for {expected}");
    }
    let inputs = json!({"input": [
        "A man is eating his dinner.", "Somebody has a meal.", "Stock markets fell sharply on Monday.",
    ], "model": "all-MiniLM-L6-v2.F32"});
    let answer = server.ask(PATH, inputs.clone()).await;
    let [dinner, meal, markets] = vectors(&answer).try_into().expect("three vectors");
    assert_eq!(dinner.len(), 384);
    assert!((dot(&dinner, &dinner) - 1.0).abs() < 1e-4);
    assert!(
        dot(&dinner, &meal) > 0.4 && dot(&dinner, &markets) < 0.2,
        "{} {}",
        dot(&dinner, &meal),
        dot(&dinner, &markets)
    );
    assert!(answer["usage"]["prompt_tokens"].as_u64().is_some_and(|tokens| tokens > 15));

    let alone = vectors(&server.ask(PATH, json!({"input": "Somebody has a meal."})).await).remove(0);
    assert!(dot(&alone, &meal) > 0.9999, "company changes next to nothing");
    let packed = server.ask(PATH, json!({"input": "Somebody has a meal.", "encoding_format": "base64"})).await;
    let packed = packed["data"][0]["embedding"].as_str().expect("base64").to_owned();
    let bytes = base64::engine::general_purpose::STANDARD.decode(packed).expect("base64");
    let (words, rest) = bytes.as_chunks::<4>();
    assert!(rest.is_empty() && words.len() == 384);
    assert!((f64::from(f32::from_le_bytes(words[0])) - alone[0]).abs() < 1e-6);
    let short = vectors(&server.ask(PATH, json!({"input": "Somebody has a meal.", "dimensions": 64})).await).remove(0);
    assert!(short.len() == 64 && (dot(&short, &short) - 1.0).abs() < 1e-4);

    let long = common::long_text(700);
    let (status, refused) = server.post(PATH, json!({"input": long}).to_string()).await;
    let code = ErrorBody::from_json(&refused).and_then(|body| body.error.code);
    assert_eq!((status, code.as_deref()), (400, Some("context_length_exceeded")));
    let cut = server.ask(PATH, json!({"input": long, "truncate": true})).await;
    assert_eq!(cut["usage"]["prompt_tokens"], 512);
    let many: Vec<String> = (0..40).map(|n| format!("sentence number {n}")).collect();
    assert_eq!(vectors(&server.ask(PATH, json!({"input": many})).await).len(), 40);
    for (bad, status) in
        [(json!({}), 400), (json!({"input": []}), 400), (json!({"input": [""]}), 200), (json!({"input": 7}), 400)]
    {
        assert_eq!(server.post(PATH, bad.to_string()).await.0, status, "{bad}");
    }
    let (status, refused) = server.post("/v1/completions", r#"{"prompt":"x"}"#).await;
    let code = ErrorBody::from_json(&refused).and_then(|body| body.error.code);
    assert_eq!((status, code.as_deref()), (400, Some("generation_unavailable")));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_that_generates_embeds_beside_it() {
    let server = Server::start(EngineConfig { parallel: 1, commit: false, plain: true, ..config("Q8_0") }).await;
    let (text, embedded) = tokio::join!(
        server.ask("/v1/completions", json!({"prompt": "One two three", "max_tokens": 8})),
        server.ask(PATH, json!({"input": ["rain", [1, 2, 3]]}))
    );
    assert!(!text["choices"][0]["text"].as_str().expect("text").is_empty());
    let found = vectors(&embedded);
    assert!(found.len() == 2 && found[0].len() == 576 && (dot(&found[0], &found[0]) - 1.0).abs() < 1e-4);
    server.stop().await;
}
