//! What sequences hold is used again: across slots, after an answer, moved up; never where an answer must be repeatable or
//! proven.

mod common;

use common::server::Server;
use common::{body, commit, config, long_text, recomputed, reply_id};
use ogong_engine::wire::{ScoreMode, ScoreRequest};
use ogong_text::{Engine, EngineConfig};
use serde_json::{Value, json};

const CHAT: &str = "/v1/chat/completions";

fn ask(system: &str, question: &str, more: Value) -> Value {
    let mut body = json!({
        "messages": [{"role": "system", "content": system}, {"role": "user", "content": question}], "max_tokens": 12,
    });
    let (Some(members), Value::Object(more)) = (body.as_object_mut(), more) else { panic!("objects") };
    members.extend(more);
    body
}

fn cached(answer: &Value) -> u64 {
    assert_eq!(answer["usage"]["prompt_tokens_details"]["cached_tokens"], answer["timings"]["cache_n"]);
    answer["timings"]["cache_n"].as_u64().expect("a count")
}

fn content(answer: &Value) -> String {
    answer["choices"][0]["message"]["content"].as_str().expect("content").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slots_share_a_beginning() {
    let server = Server::start(EngineConfig { parallel: 3, commit: false, plain: true, ..config("Q8_0") }).await;
    let system = long_text(300);
    let total = |answer: &Value| answer["usage"]["prompt_tokens"].as_u64().expect("a count");
    // All three come before any of them is computed; two find what the first computes.
    let (a, b, c) = tokio::join!(
        server.ask(CHAT, ask(&system, "What is a river?", json!({}))),
        server.ask(CHAT, ask(&system, "Name a stone.", json!({}))),
        server.ask(CHAT, ask(&system, "Why is copper red?", json!({})))
    );
    let mut found = [cached(&a), cached(&b), cached(&c)];
    found.sort_unstable();
    assert_eq!(found[0], 0);
    assert!(found[1] > total(&a) - 30 && found[2] > total(&a) - 30, "{found:?} of {}", total(&a));
    let off = server.ask(CHAT, ask(&system, "What is a river?", json!({"cache_prompt": false}))).await;
    assert_eq!(cached(&off), 0);
    // The next turn goes on where the answer ended.
    let turn = json!({"messages": [
        {"role": "system", "content": system}, {"role": "user", "content": "What is a river?"},
        {"role": "assistant", "content": content(&a)}, {"role": "user", "content": "And a lake?"},
    ], "max_tokens": 4});
    let next = server.ask(CHAT, turn).await;
    assert!(cached(&next) >= total(&a) - 1, "{next}");
    let metrics = String::from_utf8(server.get("/metrics").await.to_vec()).expect("text");
    let value = |name: &str| {
        let line = metrics
            .lines()
            .find(|line| line.split(' ').next() == Some(name))
            .unwrap_or_else(|| panic!("{name}: {metrics}"));
        line.split(' ').nth(1).and_then(|value| value.parse::<f64>().ok()).expect("a number")
    };
    assert_eq!(value("ogong_text_requests_total{outcome=\"done\"}"), 5.0);
    assert_eq!(value("ogong_text_prompt_cached_tokens_total"), (found[1] + found[2] + cached(&next)) as f64);
    assert_eq!(value("ogong_text_first_token_seconds_count"), 5.0);
    assert!(value("ogong_text_kv_usage_ratio") > 0.0 && value("ogong_text_slots_busy") == 0.0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seeded_answer_is_the_same_whatever_came_before() {
    let fresh = Server::start(EngineConfig { parallel: 2, ..config("Q8_0") }).await;
    let question = ask(&long_text(280), "Say something of it.", json!({"seed": 77, "max_tokens": 16}));
    let first = fresh.ask(CHAT, question.clone()).await;
    assert_eq!(cached(&first), 0);
    let again = fresh.ask(CHAT, question.clone()).await;
    assert_eq!(
        (content(&again), cached(&again)),
        (content(&first), first["usage"]["prompt_tokens"].as_u64().expect("n") - 1)
    );
    fresh.stop().await;
    let used = Server::start(EngineConfig { parallel: 2, ..config("Q8_0") }).await;
    for other in ["Say nothing.", "Say something else of it all."] {
        used.ask(CHAT, ask(&long_text(280), other, json!({}))).await;
    }
    let third = used.ask(CHAT, question).await;
    assert_eq!(content(&third), content(&first));
    assert_eq!(cached(&third) % 512, 0, "only whole chunks of other prompts are the same");
    used.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_passage_moves_up_when_what_stood_before_it_goes() {
    let server =
        Server::start(EngineConfig { parallel: 1, cache_reuse: 64, commit: false, plain: true, ..config("Q8_0") })
            .await;
    let passage = long_text(120);
    let prompt = |lead: &str| json!({"prompt": format!("{lead} {passage} So"), "max_tokens": 4});
    let first = server.ask("/v1/completions", prompt("The sea was calm, and nobody spoke for a long while.")).await;
    let moved = server.ask("/v1/completions", prompt("The sea")).await;
    let total = moved["usage"]["prompt_tokens"].as_u64().expect("a count");
    assert_eq!(cached(&first), 0);
    assert!(cached(&moved) > 100 && cached(&moved) < total, "{moved}");
    assert!(!moved["choices"][0]["text"].as_str().expect("text").is_empty());
    server.stop().await;
}

#[test]
fn what_is_committed_was_computed_anew() {
    let engine = Engine::load(&EngineConfig { parallel: 1, ..config("Q8_0") }).expect("engine");
    let text = long_text(90);
    let clean = commit(&engine, 1, body(&text, ""), 40);
    // Plain company leaves tokens, copies and holes in the very sequence.
    for more in ["", " And more of it.", " And less."] {
        let plain = body(&format!("{text}{more}"), r#","max_tokens":9"#);
        let mut prepared = engine.prepare_plain(&plain).expect("a request");
        let (_, done) =
            ogong_text::engine::wait(engine.generate(prepared.jobs.remove(0)).expect("queued")).expect("a reply");
        assert!(done.n_tokens > 0);
    }
    let after = commit(&engine, 1, body(&text, ""), 40);
    assert_eq!(after.trajectory, clean.trajectory);
    let windows = (0..u32::try_from(after.trajectory.leaves.len()).expect("few")).collect();
    let request =
        ScoreRequest::new(reply_id(1), &after.body, &after.trajectory.ids, windows, ScoreMode::Exact, after.limits);
    let score = engine.score(&request).expect("a score");
    assert_eq!(recomputed(&after, &score), after.trajectory.leaves);
}
