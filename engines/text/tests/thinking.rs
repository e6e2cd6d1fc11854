//! Thinking models: what they think stands apart from what they say. The template is in the manner of Qwen 3; a grammar makes
//! the small model think in the right places.

mod common;

use common::config;
use common::server::Server;
use ogong_text::EngineConfig;
use serde_json::{Value, json};

const CHAT: &str = "/v1/chat/completions";
const GRAMMAR: &str = r#"root ::= "<think>\nRivers " [a-z ]{3,20} ".\n</think>\n\n" ("Yes." | "No.")"#;

fn ask(more: Value) -> Value {
    let mut body = json!({
        "messages": [{"role": "user", "content": "Do rivers flow?"}], "grammar": GRAMMAR, "max_tokens": 80, "seed": 3,
    });
    let (Some(members), Value::Object(more)) = (body.as_object_mut(), more) else { panic!("objects") };
    members.extend(more);
    body
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thinking_stands_apart() {
    let template = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/thinking.jinja").into();
    let config =
        EngineConfig { parallel: 1, commit: false, plain: true, chat_template: Some(template), ..config("Q8_0") };
    let server = Server::start(config).await;
    let answer = server.ask(CHAT, ask(json!({}))).await;
    let message = &answer["choices"][0]["message"];
    let thought = message["reasoning_content"].as_str().unwrap_or_else(|| panic!("no thought: {answer}"));
    assert!(thought.trim().starts_with("Rivers "), "{thought:?}");
    assert!(["Yes.", "No."].contains(&message["content"].as_str().expect("content").trim()), "{message}");

    let (mut thoughts, mut said, mut order) = (String::new(), String::new(), Vec::new());
    for chunk in server.chunks(CHAT, ask(json!({"stream": true}))).await {
        let delta = &chunk["choices"][0]["delta"];
        for (member, text) in [("reasoning_content", &mut thoughts), ("content", &mut said)] {
            if let Some(piece) = delta[member].as_str().filter(|piece| !piece.is_empty()) {
                text.push_str(piece);
                order.push(member);
            }
        }
    }
    assert_eq!((thoughts.as_str(), said.as_str()), (thought, message["content"].as_str().expect("content")));
    assert!(order.is_sorted_by_key(|member| *member == "content") && order.len() > 2, "{order:?}");

    let raw = server.ask(CHAT, ask(json!({"reasoning_format": "none"}))).await;
    let raw = raw["choices"][0]["message"]["content"].as_str().expect("content").to_owned();
    assert!(raw.contains("<think>") && raw.contains("</think>"), "{raw}");
    let off =
        json!({"messages": [{"role": "user", "content": "x"}], "chat_template_kwargs": {"enable_thinking": false}});
    let prompt = server.ask("/apply-template", off).await;
    assert!(prompt["prompt"].as_str().is_some_and(|prompt| prompt.ends_with("<think>\n\n</think>\n\n")), "{prompt}");
    server.stop().await;
}
