//! Filling in the middle with a model that has the tokens for it: what is asked becomes the prompt that code models are trained on.

mod common;

use common::server::Server;
use common::{config, tiny};
use ogong_text::EngineConfig;
use serde_json::{Value, json};

/// What the answer's first token could be, of the model's own distribution, and the prompt's length.
fn told(answer: &Value) -> (Value, u64) {
    let choice = &answer["choices"][0];
    (choice["logprobs"]["top_logprobs"][0].clone(), answer["usage"]["prompt_tokens"].as_u64().expect("a count"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gap_is_shown_between_what_stands_around_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let model = tiny::code(dir.path());
    let server = Server::start(EngineConfig { model, commit: false, plain: true, ..config("Q8_0") }).await;
    let ids = async |text: &str| {
        let answer = server.ask("/tokenize", json!({"content": text})).await;
        let list = answer["tokens"].as_array().expect("tokens").iter();
        list.map(|id| id.as_u64().and_then(|id| u32::try_from(id).ok()).expect("an id")).collect::<Vec<u32>>()
    };
    let limits = json!({"max_tokens": 1, "temperature": 0, "seed": 1, "logprobs": 5});
    let with = |mut body: Value| {
        let more = limits.as_object().expect("an object").clone();
        body.as_object_mut().expect("an object").extend(more);
        body
    };
    let [pre, suf, mid, rep, sep] = tiny::MARKS;
    let (before, begun, after) =
        (ids("def add(a, b):\n").await, ids("    return").await, ids("\n\nprint(add(1, 2))").await);
    let gap = [&[pre], &before[..], &begun, &[suf], &after, &[mid]].concat();
    let literal = told(&server.ask("/v1/completions", with(json!({"prompt": gap}))).await);
    assert_eq!(literal.1, gap.len() as u64);

    let infill =
        json!({"input_prefix": "def add(a, b):\n", "prompt": "    return", "input_suffix": "\n\nprint(add(1, 2))"});
    assert_eq!(told(&server.ask("/infill", with(infill.clone())).await), literal);
    // A completion with a suffix has no third text: what was begun stands in the prefix.
    let both = [&[pre], &before[..], &[suf], &after, &[mid]].concat();
    let suffix = json!({"prompt": "def add(a, b):\n", "suffix": "\n\nprint(add(1, 2))"});
    let suffixed = told(&server.ask("/v1/completions", with(suffix)).await);
    assert_eq!(suffixed, told(&server.ask("/v1/completions", with(json!({"prompt": both}))).await));
    assert_ne!(suffixed.0, literal.0, "the model tells one prompt from another");

    // Other files come first.
    let mut extra = infill;
    extra["input_extra"] = json!([{"filename": "sub.py", "text": "def sub(a, b):"}]);
    let parts = ["myproject\n", "sub.py\n", "def sub(a, b):", "filename\n"];
    let mut lists = Vec::new();
    for part in parts {
        lists.push(ids(part).await);
    }
    let files = [&[rep], &lists[0][..], &[sep], &lists[1], &lists[2], &[sep], &lists[3]].concat();
    let whole = [files, gap].concat();
    let shown = told(&server.ask("/v1/completions", with(json!({"prompt": whole}))).await);
    assert_eq!(told(&server.ask("/infill", with(extra)).await), shown);
    server.stop().await;
}
