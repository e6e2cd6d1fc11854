//! `ogong-provider local` and `run` with the real engine and model: both dialects, and what clients, engines and memory do to them.

use crate::common::{
    PROGRAM,
    local::{Local, home_with, shipped},
    run, stderr, stdout,
};
use futures::{StreamExt, future::join_all};
use serde_json::{Value, json};
use std::{
    io::Write,
    process::{Command, Stdio},
    time::Duration,
};

const MODEL: &str = "smollm2-135m-instruct";
const FILE: &str = "SmolLM2-135M-Instruct.Q4_1.gguf";

fn ask(tokens: u32) -> Value {
    json!({"model": MODEL, "messages": [{"role": "user", "content": "Name a colour."}], "max_tokens": tokens, "temperature": 0, "seed": 1})
}

fn with(mut body: Value, member: &str, value: Value) -> Value {
    body[member] = value;
    body
}

/// The lines of a stream of JSON.
async fn lines(response: reqwest::Response) -> Vec<Value> {
    assert_eq!(response.headers()["content-type"], "application/x-ndjson");
    let text = response.text().await.expect("a body");
    text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

#[tokio::test]
async fn both_dialects_say_the_same() {
    let local = Local::start(home_with(&[FILE]), &["--model", MODEL, "--n-ctx", "1024"]).await;
    let (status, openai) = local.post("/v1/chat/completions", ask(8)).await;
    assert_eq!(status, 200, "{openai}");
    let said = openai["choices"][0]["message"]["content"].as_str().expect("an answer").to_owned();
    assert!(!said.is_empty() && openai["usage"]["completion_tokens"] == 8, "{openai}");

    let streamed = local.stream("/v1/chat/completions", with(ask(8), "stream", json!(true)).to_string().into()).await;
    let events = streamed.text().await.expect("events");
    assert!(events.ends_with("data: [DONE]\n\n"), "{events}");

    let options = json!({"num_predict": 8, "temperature": 0, "seed": 1, "repeat_penalty": 1.0});
    let chat = json!({"model": format!("{MODEL}:latest"), "messages": ask(8)["messages"], "options": options});
    let told = lines(local.stream("/api/chat", chat.to_string().into()).await).await;
    let text: String = told.iter().filter_map(|line| line["message"]["content"].as_str()).collect();
    assert_eq!(text, said);
    let last = told.last().expect("a last line");
    assert!(last["done"] == true && last["eval_count"] == 8 && last["done_reason"] == "length", "{last}");
    for duration in ["total_duration", "eval_duration", "prompt_eval_duration"] {
        assert!(last[duration].as_u64().is_some_and(|nanos| nanos > 0), "{duration}: {last}");
    }
    assert!(told[..told.len() - 1].iter().all(|line| line["done"] == false));

    let generate = json!({"model": MODEL, "prompt": "Name a colour.", "stream": false, "options": options});
    let (_, generated) = local.post("/api/generate", generate.clone()).await;
    assert_eq!(generated["response"], said.as_str(), "{generated}");
    let (_, raw) = local.post("/api/generate", with(generate, "raw", json!(true))).await;
    assert!(
        raw["done"] == true && raw["response"] != said.as_str(),
        "without the template it is another prompt: {raw}"
    );
    responses_and_messages(&local, &said).await;
    lists_and_makes(&local).await;
    refuses(&local).await;
}

async fn responses_and_messages(local: &Local, said: &str) {
    let request =
        json!({"model": MODEL, "input": "Name a colour.", "max_output_tokens": 8, "temperature": 0, "seed": 1});
    let (status, response) = local.post("/v1/responses", request.clone()).await;
    assert_eq!(status, 200, "{response}");
    assert_eq!(
        (&response["output"][0]["content"][0]["text"], &response["status"]),
        (&json!(said), &json!("incomplete"))
    );
    let id = response["id"].as_str().expect("an id").to_owned();
    assert_eq!(local.get(&format!("/v1/responses/{id}")).await.1["output"], response["output"]);
    assert_eq!(local.get(&format!("/v1/responses/{id}/input_items")).await.1["data"][0]["role"], "user");
    let next = json!({"model": MODEL, "input": "Another.", "previous_response_id": id, "max_output_tokens": 2, "stream": true});
    let events = local.stream("/v1/responses", next.to_string().into()).await.text().await.expect("events");
    assert!(
        events.starts_with("event: response.created\n") && events.contains("event: response.output_text.delta\n"),
        "{events}"
    );
    let last: Value = serde_json::from_str(events.trim_end().rsplit("data: ").next().expect("an event")).expect("json");
    let tokens = |response: &Value| response["usage"]["input_tokens"].as_u64().expect("a count");
    assert!(tokens(&last["response"]) > tokens(&response), "the second prompt holds the first: {last}");
    let (status, error) = local.post("/v1/responses", with(request, "previous_response_id", json!("resp_none"))).await;
    assert!(status == 404 && error["error"]["param"] == "previous_response_id", "{error}");

    let request = json!({"model": MODEL, "max_tokens": 8, "temperature": 0, "seed": 1, "messages": [{"role": "user", "content": "Name a colour."}]});
    let (_, message) = local.post("/v1/messages", request.clone()).await;
    assert_eq!((&message["content"][0]["text"], &message["stop_reason"]), (&json!(said), &json!("max_tokens")));
    let events = local
        .stream("/v1/messages", with(request, "stream", json!(true)).to_string().into())
        .await
        .text()
        .await
        .expect("events");
    assert!(
        events.starts_with("event: message_start\n") && events.trim_end().ends_with("{\"type\":\"message_stop\"}"),
        "{events}"
    );
    let (status, error) = local
        .post(
            "/v1/messages",
            json!({"model": "nobody", "max_tokens": 1, "messages": [{"role": "user", "content": "x"}]}),
        )
        .await;
    assert!(status == 404 && error["type"] == "error" && error["error"]["type"] == "not_found_error", "{error}");
}

async fn lists_and_makes(local: &Local) {
    let (_, tags) = local.get("/api/tags").await;
    assert_eq!(
        (&tags["models"][0]["name"], &tags["models"][0]["details"]["quantization_level"]),
        (&json!(format!("{MODEL}:latest")), &json!("Q4_1"))
    );
    let (_, shown) = local.post("/api/show", json!({"model": MODEL})).await;
    assert!(
        shown["model_info"]["general.architecture"] == "llama" && shown["capabilities"][0] == "completion",
        "{shown}"
    );
    assert_eq!(local.get("/v1/models").await.1["data"][0]["id"], MODEL);
    assert_eq!(local.get(&format!("/v1/models/{MODEL}")).await.1["object"], "model");
    for path in ["/", "/api/tags", "/api/version", "/v1/models"] {
        let head = local.http.head(format!("{}{path}", local.url)).send().await.expect("an answer");
        assert_eq!(head.status(), 200, "{path}");
    }
    let made = json!({"model": "me/terse:v1", "from": MODEL, "system": "Be brief.", "parameters": {"temperature": 0, "seed": 1, "num_predict": 4}});
    let made = lines(local.stream("/api/create", made.to_string().into()).await).await;
    assert_eq!(made.last().expect("a line")["status"], "success");
    let (_, answer) =
        local.post("/v1/chat/completions", json!({"model": "me/terse:v1", "messages": ask(1)["messages"]})).await;
    assert_eq!(answer["usage"]["completion_tokens"], 4, "its own limit: {answer}");
    assert_eq!(local.loaded().await.len(), 1, "made models share their base's engine");
    assert_eq!(local.post("/api/copy", json!({"source": "me/terse:v1", "destination": "other"})).await.0, 200);
    assert_eq!(local.post("/api/show", json!({"model": "other"})).await.1["system"], "Be brief.");
    for name in ["me/terse:v1", "other"] {
        let gone = local
            .http
            .delete(format!("{}/api/delete", local.url))
            .body(json!({"model": name}).to_string())
            .send()
            .await;
        assert_eq!(gone.expect("an answer").status(), 200, "{name}");
    }
    assert_eq!(local.get("/api/tags").await.1["models"].as_array().map(Vec::len), Some(1));
    let metrics = local.get("/metrics").await.1;
    assert!(metrics.as_str().is_some_and(|text| text.contains("ogong_local_models_loaded 1")), "{metrics}");
}

async fn refuses(local: &Local) {
    let (status, error) = local.post("/v1/chat/completions", with(ask(1), "model", json!("nobody"))).await;
    assert!(status == 404 && error["error"]["code"] == "model_not_found", "{error}");
    let (status, error) = local.post("/api/chat", json!({"model": "nobody"})).await;
    assert!(status == 404 && error["error"].is_string(), "{error}");
    let (status, error) =
        local.post("/api/create", json!({"model": "x", "from": MODEL, "template": "{{ .Prompt }}"})).await;
    assert!(status == 400 && error["error"].as_str().is_some_and(|text| text.contains("Go templates")), "{error}");
    for path in ["/v1/chat/completions", "/api/chat", "/api/generate"] {
        let (status, error) = local.post_bytes(path, b"{\"model\": \"\xff\xfe\"}".to_vec()).await;
        assert_eq!(status, 400, "{path}: {error}");
    }
    let long = "colour ".repeat(1 << 20 >> 3);
    let (status, error) = local
        .post("/v1/chat/completions", json!({"model": MODEL, "messages": [{"role": "user", "content": long}]}))
        .await;
    assert!(status == 400 && error["error"]["code"] == "context_length_exceeded", "{error}");
    let (status, error) =
        local.post("/api/chat", json!({"model": MODEL, "messages": [{"role": "user", "content": long}]})).await;
    assert!(status == 400 && error["error"].is_string(), "{error}");
    shows_an_image_to_who_sees_none(local).await;
    assert_eq!(local.get("/api/nothing").await.0, 404);
    assert_eq!(local.get("/api/chat").await.0, 405);
    let page = local.http.get(format!("{}/api/tags", local.url)).header("origin", "https://evil.example").send().await;
    assert_eq!(page.expect("an answer").status(), 401);
}

/// The engine's own refusal, in each API's shape.
async fn shows_an_image_to_who_sees_none(local: &Local) {
    const PNG: &str =
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
    let url = format!("data:image/png;base64,{PNG}");
    let part = json!({"type": "image_url", "image_url": {"url": url}});
    let openai = json!({"model": MODEL, "messages": [{"role": "user", "content": [part]}], "max_tokens": 1});
    let (status, error) = local.post("/v1/chat/completions", openai).await;
    assert!(status == 400 && error["error"]["message"].is_string(), "{error}");
    let item = json!({"role": "user", "content": [{"type": "input_image", "image_url": url}]});
    let (status, error) = local.post("/v1/responses", json!({"model": MODEL, "input": [item]})).await;
    assert!(status == 400 && error["error"]["message"].is_string(), "{error}");
    let block = json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}});
    let anthropic = json!({"model": MODEL, "max_tokens": 1, "messages": [{"role": "user", "content": [block]}]});
    let (status, error) = local.post("/v1/messages", anthropic).await;
    assert!(status == 400 && error["error"]["type"] == "invalid_request_error", "{error}");
    let message = json!({"role": "user", "content": "What is it?", "images": [PNG]});
    let (status, error) = local.post("/api/chat", json!({"model": MODEL, "messages": [message]})).await;
    assert!(status == 400 && error["error"].is_string(), "{error}");
    let generate = json!({"model": MODEL, "prompt": "What is it?", "images": [PNG]});
    let (status, error) = local.post("/api/generate", generate).await;
    assert!(status == 400 && error["error"].is_string(), "{error}");
    let (_, shown) = local.post("/api/show", json!({"model": MODEL})).await;
    assert!(!shown["capabilities"].as_array().is_some_and(|all| all.contains(&json!("vision"))), "{shown}");
}

#[tokio::test]
async fn clients_and_engines_come_and_go() {
    let local = Local::start(home_with(&[FILE]), &["--model", MODEL, "--n-ctx", "512", "--parallel", "4"]).await;
    // A slow reader: it takes one piece and then nothing more, and holds one slot at most.
    let slow = local.stream("/v1/chat/completions", with(ask(400), "stream", json!(true)).to_string().into()).await;
    let mut slow = slow.bytes_stream();
    slow.next().await.expect("a piece").expect("bytes");
    let answers = join_all((0..64).map(|_| local.post("/v1/chat/completions", ask(2)))).await;
    assert!(answers.iter().all(|(status, body)| *status == 200 && body["usage"]["completion_tokens"] == 2));
    // It hangs up, and its slot is free.
    drop(slow);
    local.until("the slot of who hung up", |loaded| loaded[0]["ogong"]["users"] == 0).await;

    let streaming = local
        .stream(
            "/api/chat",
            json!({"model": MODEL, "messages": ask(1)["messages"], "options": {"num_predict": 400, "temperature": 0, "seed": 1}})
                .to_string()
                .into(),
        )
        .await;
    let mut streaming = streaming.bytes_stream();
    let first = streaming.next().await.expect("a line").expect("bytes");
    assert!(serde_json::from_slice::<Value>(&first).is_ok(), "{first:?}");
    let pid = local.loaded().await[0]["ogong"]["pid"].as_u64().expect("a process");
    let killed = Command::new("kill").args(["-9", &pid.to_string()]).status().expect("kill");
    assert!(killed.success());
    let mut rest = Vec::new();
    while let Some(Ok(bytes)) = streaming.next().await {
        rest.extend_from_slice(&bytes);
    }
    let last: Value = String::from_utf8_lossy(&rest)
        .lines()
        .last()
        .and_then(|line| serde_json::from_str(line).ok())
        .expect("a last line");
    assert!(last["error"].as_str().is_some_and(|text| text.contains("send the request again")), "{last}");
    // Whoever asks meanwhile is told to ask again, or waits and is answered.
    let again = async {
        loop {
            let (status, body) = local.post("/v1/chat/completions", ask(2)).await;
            match status {
                200 => return body,
                503 => tokio::time::sleep(Duration::from_millis(50)).await,
                _ => panic!("{status}: {body}"),
            }
        }
    };
    let answer = tokio::time::timeout(crate::common::local::LOADING, again).await.expect("the engine comes back");
    assert_eq!(answer["usage"]["completion_tokens"], 2);
    assert_eq!(local.loaded().await[0]["ogong"]["restarts"], 1, "{}", local.log());
}

#[tokio::test]
async fn models_take_turns_under_a_budget() {
    let files = ["one.gguf", "two.gguf"];
    let local = Local::start(home_with(&files), &["--memory-budget", "0.3", "--n-ctx", "256", "--parallel", "1"]).await;
    assert!(local.loaded().await.is_empty(), "nothing is loaded before it is asked for");
    let chat = |model: &str, tokens: u32| json!({"model": model, "messages": [{"role": "user", "content": "Count."}], "stream": true, "options": {"num_predict": tokens, "temperature": 0, "seed": 1}});
    let streaming = local.stream("/api/chat", chat("one", 60).to_string().into()).await;
    assert_eq!(local.loaded().await[0]["name"], "one:latest");
    // The first is in use: the second waits for it and is then loaded in its place.
    let second = lines(local.stream("/api/chat", chat("two", 2).to_string().into()).await);
    let (first, second) = tokio::join!(lines(streaming), second);
    assert!(first.last().is_some_and(|line| line["done"] == true && line.get("error").is_none()), "{first:?}");
    assert!(second.last().is_some_and(|line| line["done"] == true), "{second:?}");
    let loaded = local.loaded().await;
    assert!(loaded.len() == 1 && loaded[0]["name"] == "two:latest", "{loaded:?}");
    let (_, unloaded) = local.post("/api/generate", json!({"model": "two", "keep_alive": 0})).await;
    assert_eq!(unloaded["done_reason"], "unload");
    local.until("the model to go", <[Value]>::is_empty).await;
}

#[tokio::test]
async fn a_damaged_model_is_said_and_the_server_stays() {
    let home = home_with(&[]);
    let whole = std::fs::read(shipped()).expect("the model");
    std::fs::write(home.path().join("models/cut.gguf"), &whole[..whole.len() / 2]).expect("written");
    std::fs::write(home.path().join("models/page.gguf"), "<html>").expect("written");
    let local = Local::start(home, &["--model", "cut"]).await;
    for (model, why) in [("cut", "is cut short"), ("page", "is not a GGUF file")] {
        let (status, error) = local.post("/v1/chat/completions", with(ask(1), "model", json!(model))).await;
        assert!(status == 500 && error["error"]["message"].as_str().is_some_and(|text| text.contains(why)), "{error}");
    }
    assert_eq!(local.get("/health").await.0, 200);
    assert!(local.log().contains("is cut short"), "{}", local.log());
    let port = local.url.rsplit(':').next().expect("a port").to_owned();
    let other = tempfile::tempdir().expect("a directory");
    let output = run(other.path(), &["local", "--listen", &format!("127.0.0.1:{port}")]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("--listen"), "{}", stderr(&output));
}

#[test]
fn a_projector_is_for_one_model() {
    let home = home_with(&["one.gguf", "two.gguf"]);
    let projector = home.path().join("mmproj.gguf");
    let given = projector.to_str().expect("UTF-8");
    let refused = |args: &[&str], why: &str| {
        let output = run(home.path(), args);
        assert_eq!(output.status.code(), Some(if why.contains("cannot be used") || why == "required" { 2 } else { 1 }));
        assert!(stderr(&output).contains(why), "{}", stderr(&output));
    };
    let local = ["local", "--listen", "127.0.0.1:0", "--mmproj", given];
    refused(&[&local[..], &["--model", "one"]].concat(), "mmproj.gguf");
    std::fs::write(&projector, "GGUF").expect("written");
    refused(&[&local[..], &["--model", "one", "--model", "two"]].concat(), "single vision model");
    refused(&local, "required");
    refused(&[&local[..], &["--model", "one", "--upstream", "http://127.0.0.1:1"]].concat(), "cannot be used");
    let configured = run(home.path(), &["configure", "--embedded-text", "/m.gguf", "--mmproj", given, "--json"]);
    let config: Value = serde_json::from_slice(&configured.stdout).expect("JSON");
    assert_eq!(config["mmproj"], json!(given), "{}", stderr(&configured));
}

/// The plan that is printed, shown, logged and run is one.
#[tokio::test]
async fn the_plan_is_what_runs() {
    let home = home_with(&[FILE]);
    // Three quarters of it hold the weights, the working memory, and a slot of half of what is wanted by default.
    let sized = ["--memory-budget", "0.32", "--cache-type-k", "q8_0"];
    let estimate = |sized: &[&str]| {
        let output = run(home.path(), &[&["local", "--model", MODEL, "--estimate-only"], sized].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        stdout(&output)
    };
    let printed = estimate(&["--n-ctx", "2048", "--parallel", "2"]);
    assert!(printed.contains("30 layers, dense") && printed.contains("2 of 2048 tokens\n"), "{printed}");
    let printed = estimate(&sized);
    assert!(printed.contains("do not fit") && printed.contains("keys q8_0, values f16"), "{printed}");
    assert!(!home.path().join("logs").exists(), "no engine was started");

    let local = Local::start(home, &[&["--model", MODEL][..], &sized[..]].concat()).await;
    let loaded = local.until("the model to be loaded", |loaded| loaded.len() == 1).await;
    let plan = &loaded[0]["ogong"]["plan"];
    let (slots, n_ctx) = (plan["slots"].as_u64().expect("slots"), plan["n_ctx"].as_u64().expect("tokens"));
    assert!(printed.contains(&format!("{slots} of {n_ctx} tokens: 8192 do not fit")), "{plan} is not {printed}");
    assert_eq!(local.post("/api/show", json!({"model": MODEL})).await.1["ogong"]["plan"], *plan);
    assert_eq!((&loaded[0]["context_length"], &loaded[0]["size_vram"]), (&json!(n_ctx), &json!(0)));
    let chat = json!({"model": MODEL, "messages": ask(1)["messages"], "options": {"num_ctx": 1 << 20, "num_predict": 1}, "stream": false});
    assert_eq!(local.post("/api/chat", chat).await.0, 200);
    assert_eq!(local.loaded().await[0]["ogong"]["pid"], loaded[0]["ogong"]["pid"], "more than it was trained for");
    let log = local.log();
    assert!(log.contains("context shrunk") && log.contains(&format!("kv_bytes={}", plan["kv_bytes"])), "{log}");
    let pid = loaded[0]["ogong"]["pid"].to_string();
    let engine = Command::new("ps").args(["-o", "args=", "-ww", "-p", &pid]).output().expect("ps");
    let engine = stdout(&engine);
    for flag in [format!("--parallel {slots} "), format!("--n-ctx {n_ctx} "), "--cache-type-k q8_0 ".into()] {
        assert!(engine.contains(&flag), "{flag}: {engine}");
    }
}

#[test]
fn run_answers_in_a_pipe() {
    let home = home_with(&[FILE]);
    let mut command = Command::new(PROGRAM);
    command.env("OGONG_HOME", home.path()).args([
        "run",
        MODEL,
        "--n-ctx",
        "512",
        "--threads",
        "1",
        "--verbose",
        "--system",
        "Answer in one word.",
    ]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    child.stdin.take().expect("stdin").write_all(b"Name a colour.\n").expect("written");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", stderr(&output));
    let answer = String::from_utf8(output.stdout.clone()).expect("text");
    assert!(!answer.trim().is_empty() && answer.ends_with('\n') && !answer.contains('\x1b'), "{answer:?}");
    assert!(stderr(&output).contains("tok/s"), "{}", stderr(&output));
    let none = run(home.path(), &["run", MODEL]);
    assert!(none.status.code() == Some(1) && stderr(&none).contains("no prompt"), "{}", stderr(&none));
}
