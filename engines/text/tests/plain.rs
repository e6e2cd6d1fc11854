//! Plain requests with the real model: sampling, several answers, log-probabilities, grammars, schemas and tools.

mod common;

use common::config;
use common::server::Server;
use ogong_text::EngineConfig;
use serde_json::{Value, json};

const CHAT: &str = "/v1/chat/completions";
const COMPLETIONS: &str = "/v1/completions";

async fn server() -> Server {
    Server::start(EngineConfig { parallel: 4, ..config("Q8_0") }).await
}

fn chat(content: &str) -> Value {
    json!({"messages": [{"role": "user", "content": content}]})
}

/// `body` with `more` members.
fn with(mut body: Value, more: Value) -> Value {
    let (Some(body_members), Value::Object(more)) = (body.as_object_mut(), more) else { panic!("objects") };
    body_members.extend(more);
    body
}

fn content(answer: &Value) -> &str {
    answer["choices"][0]["message"]["content"].as_str().unwrap_or_else(|| panic!("no content: {answer}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seed_repeats_and_answers_of_one_request_differ() {
    let server = server().await;
    let ask = |more: Value| with(chat("Tell me of a place you like."), with(json!({"max_tokens": 20}), more));
    let first = server.ask(CHAT, ask(json!({"seed": 11}))).await;
    // The same again beside others, and after other prompts with the same beginning.
    let other = server.ask(CHAT, ask(json!({"seed": 12}))).await;
    let (again, _) = tokio::join!(
        server.ask(CHAT, ask(json!({"seed": 11}))),
        server.ask(CHAT, with(chat("Tell me of a place you hate."), json!({"max_tokens": 20})))
    );
    assert_eq!(content(&first), content(&again));
    assert_ne!(content(&first), content(&other));

    let several = server.ask(CHAT, ask(json!({"seed": 11, "n": 3}))).await;
    let texts: Vec<&str> = several["choices"]
        .as_array()
        .expect("choices")
        .iter()
        .map(|c| c["message"]["content"].as_str().expect("text"))
        .collect();
    assert_eq!(texts.len(), 3);
    assert_eq!((texts[0], texts[1]), (content(&first), content(&other)), "answer i samples with seed + i");
    assert_eq!(several["usage"]["prompt_tokens"], first["usage"]["prompt_tokens"], "the prompt counts once");

    let chunks = server.chunks(CHAT, ask(json!({"seed": 11, "n": 3, "stream": true}))).await;
    let mut streamed = vec![String::new(); 3];
    for choice in chunks.iter().filter_map(|chunk| chunk["choices"].get(0)) {
        let index = choice["index"].as_u64().expect("index") as usize;
        streamed[index].push_str(choice["delta"]["content"].as_str().unwrap_or_default());
    }
    assert_eq!(streamed, texts);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logprobs_are_the_models_own_and_biases_count() {
    let server = server().await;
    let ask = json!({"prompt": "The capital of France is", "max_tokens": 3, "temperature": 0});
    let chat_ask = with(
        chat("What is the capital of France? Answer in one word."),
        json!({"max_tokens": 4, "temperature": 0, "logprobs": true, "top_logprobs": 3}),
    );
    let answer = server.ask(CHAT, chat_ask.clone()).await;
    let entries = answer["choices"][0]["logprobs"]["content"].as_array().expect("entries").clone();
    assert_eq!(entries.len() as u64, answer["usage"]["completion_tokens"].as_u64().expect("a count"));
    for entry in &entries {
        let top = entry["top_logprobs"].as_array().expect("top");
        assert_eq!((top.len(), &top[0]["id"]), (3, &entry["id"]), "greedy takes the likeliest");
        let mass: f64 = top.iter().map(|t| t["logprob"].as_f64().expect("a number").exp()).sum();
        assert!(mass > 0.0 && mass <= 1.0 + 1e-6, "{mass}");
    }
    let streamed: Vec<Value> = server
        .chunks(CHAT, with(chat_ask, json!({"stream": true})))
        .await
        .iter()
        .filter_map(|chunk| chunk["choices"][0]["logprobs"]["content"].as_array().cloned())
        .flatten()
        .collect();
    assert_eq!(streamed, entries);

    let plain = server.ask(COMPLETIONS, with(ask.clone(), json!({"logprobs": 2}))).await;
    let columns = &plain["choices"][0]["logprobs"];
    assert_eq!(columns["tokens"].as_array().map(Vec::len), Some(3));
    assert_eq!(columns["text_offset"][0], json!(0));
    let text = plain["choices"][0]["text"].as_str().expect("text").to_owned();
    let first = server.ask("/tokenize", json!({"content": text})).await["tokens"][0].as_u64().expect("a token");
    for bias in [json!({first.to_string(): -100}), json!([[first, false]])] {
        let banned = server.ask(COMPLETIONS, with(ask.clone(), json!({"logit_bias": bias, "logprobs": 1}))).await;
        assert_ne!(banned["choices"][0]["logprobs"]["tokens"][0], columns["tokens"][0]);
    }
    let two = server.ask(COMPLETIONS, json!({"prompt": ["One, two,", [1, 2, 3]], "max_tokens": 2})).await;
    assert_eq!(two["choices"].as_array().map(Vec::len), Some(2));
    server.stop().await;
}

/// The shape that the schema test asks for.
fn is_person(value: &Value) -> bool {
    let Some(person) = value.as_object() else { return false };
    let keys: Vec<&str> = person.keys().map(String::as_str).collect();
    let kinds = ["red", "green", "blue"];
    keys.iter().all(|key| ["name", "age", "colour", "tags"].contains(key))
        && person.get("name").is_some_and(|name| name.as_str().is_some_and(|name| name.len() <= 64))
        && person.get("age").is_some_and(|age| age.as_i64().is_some_and(|age| (0..=150).contains(&age)))
        && person.get("colour").is_some_and(|colour| kinds.contains(&colour.as_str().unwrap_or_default()))
        && person.get("tags").is_some_and(|tags| {
            tags.as_array().is_some_and(|tags| tags.len() <= 3 && tags.iter().all(Value::is_boolean))
        })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schemas_and_grammars_bind_the_answer() {
    let server = server().await;
    let schema = json!({
        "type": "object", "additionalProperties": false, "required": ["name", "age", "colour", "tags"],
        "properties": {
            "name": {"type": "string", "maxLength": 12},
            "age": {"type": "integer", "minimum": 0, "maximum": 150},
            "colour": {"enum": ["red", "green", "blue"]},
            "tags": {"type": "array", "maxItems": 3, "items": {"type": "boolean"}},
        },
    });
    let format = json!({"type": "json_schema", "json_schema": {"name": "person", "schema": schema}});
    for seed in 0..2 {
        let more = json!({"temperature": 1, "top_p": 1, "top_k": 0, "min_p": 0, "seed": seed, "n": 4, "max_tokens": 200, "response_format": format});
        let answer = server.ask(CHAT, with(chat("Invent a person."), more)).await;
        for choice in answer["choices"].as_array().expect("choices") {
            let text = choice["message"]["content"].as_str().expect("content");
            let value: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
            assert!(is_person(&value), "{value}");
            assert_eq!(choice["finish_reason"], "stop");
        }
    }
    let object = with(
        chat("A short JSON object."),
        json!({"response_format": {"type": "json_object"}, "max_tokens": 120, "seed": 3, "logit_bias": {"\n": -100}}),
    );
    let answer = server.ask(CHAT, object).await;
    if answer["choices"][0]["finish_reason"] == "stop" {
        assert!(serde_json::from_str::<Value>(content(&answer)).expect("json").is_object());
    } else {
        assert!(content(&answer).starts_with('{'), "{answer}");
    }
    let grammar = json!({"grammar": "root ::= \"yes\" | \"no\"", "temperature": 1});
    let answer = server.ask(CHAT, with(chat("Is water wet?"), grammar.clone())).await;
    assert!(["yes", "no"].contains(&content(&answer)), "{answer}");
    let completion = server.ask(COMPLETIONS, with(json!({"prompt": "Answer:"}), grammar)).await;
    assert!(["yes", "no"].contains(&completion["choices"][0]["text"].as_str().expect("text")));
    server.stop().await;
}

fn weather_tools() -> Value {
    let tool = |name: &str| {
        json!({"type": "function", "function": {
            "name": name, "description": "The weather of a city.",
            "parameters": {
                "type": "object", "additionalProperties": false, "required": ["city"],
                "properties": {"city": {"type": "string", "maxLength": 16}},
            },
        }})
    };
    json!([tool("get_weather"), tool("get_forecast")])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_required_tool_is_called_and_its_result_goes_back() {
    let server = server().await;
    let question = "What is the weather in Paris?";
    let ask =
        |more: Value| with(with(chat(question), json!({"tools": weather_tools(), "max_tokens": 120, "seed": 5})), more);
    let answer = server.ask(CHAT, ask(json!({"tool_choice": "required"}))).await;
    let choice = &answer["choices"][0];
    assert_eq!(choice["finish_reason"], "tool_calls", "{answer}");
    let call = &choice["message"]["tool_calls"][0];
    assert_eq!(choice["message"]["tool_calls"].as_array().map(Vec::len), Some(1), "one, unless several are allowed");
    assert!(call["id"].as_str().is_some_and(|id| !id.is_empty()));
    assert_eq!(call["type"], "function");
    let arguments: Value = serde_json::from_str(call["function"]["arguments"].as_str().expect("text")).expect("json");
    assert!(arguments["city"].is_string(), "{arguments}");

    let streamed = server.chunks(CHAT, ask(json!({"tool_choice": "required", "stream": true}))).await;
    let (mut name, mut pieces) = (String::new(), String::new());
    for delta in streamed.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["tool_calls"].get(0)) {
        assert_eq!(delta["index"], 0);
        name.push_str(delta["function"]["name"].as_str().unwrap_or_default());
        pieces.push_str(delta["function"]["arguments"].as_str().unwrap_or_default());
    }
    assert_eq!(json!({"name": name, "arguments": pieces}), call["function"], "deltas add up to the whole");
    let last = streamed.iter().rev().find_map(|chunk| chunk["choices"].get(0)).expect("a choice");
    assert_eq!(last["finish_reason"], "tool_calls");

    let named = ask(json!({"tool_choice": {"type": "function", "function": {"name": "get_forecast"}}}));
    let named = server.ask(CHAT, named).await;
    assert_eq!(named["choices"][0]["message"]["tool_calls"][0]["function"]["name"], "get_forecast");

    let history = json!([
        {"role": "user", "content": question}, choice["message"],
        {"role": "tool", "tool_call_id": call["id"], "content": "{\"sky\":\"clear\",\"celsius\":21}"},
    ]);
    let after =
        json!({"messages": history, "tools": weather_tools(), "tool_choice": "none", "max_tokens": 30, "seed": 5});
    let answer = server.ask(CHAT, after).await;
    assert!(!content(&answer).is_empty() && answer["choices"][0]["message"]["tool_calls"].is_null(), "{answer}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn text_and_tokens_and_templates_convert() {
    let server = server().await;
    let text = "Grüße, 世界 🙂 <|im_start|>";
    let tokens = server.ask("/tokenize", json!({"content": text})).await["tokens"].clone();
    assert_eq!(server.ask("/detokenize", json!({"tokens": tokens})).await["content"], text);
    let literal = server.ask("/tokenize", json!({"content": text, "parse_special": false, "with_pieces": true})).await;
    assert!(literal["tokens"].as_array().expect("tokens").len() > tokens.as_array().expect("tokens").len());
    let rendered = server.ask("/apply-template", chat("Hello?")).await;
    assert!(
        rendered["prompt"].as_str().expect("a prompt").contains("<|im_start|>user\nHello?<|im_end|>"),
        "{rendered}"
    );
    let props: Value = serde_json::from_slice(&server.get("/props").await).expect("json");
    assert_eq!((&props["total_slots"], &props["eos_token"]), (&json!(4), &json!("<|im_end|>")));
    assert!(props["chat_template"].as_str().is_some_and(|template| template.contains("im_start")));
    let continued = json!({
        "messages": [{"role": "user", "content": "Count."}, {"role": "assistant", "content": "One, two, three, four,"}],
        "continue_final_message": true, "temperature": 0, "max_tokens": 3,
    });
    let answer = server.ask(CHAT, continued).await;
    assert!(content(&answer).contains("five"), "{answer}");
    server.stop().await;
}
