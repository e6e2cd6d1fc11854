//! `--upstream` before a real server, and the media adapters before one that records what reaches it.

use crate::common::local::{Local, home_with};
use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use futures::StreamExt;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

const MODEL: &str = "smollm2-135m-instruct";
const FILE: &str = "SmolLM2-135M-Instruct.Q4_1.gguf";

fn ask(stream: bool) -> Value {
    json!({"model": MODEL, "messages": [{"role": "user", "content": "Name a colour."}], "max_tokens": 6, "temperature": 0, "seed": 1,
        "stream": stream, "stream_options": if stream { json!({"include_usage": true}) } else { Value::Null }})
}

/// The text of a stream, and the usage of its last chunk.
fn streamed(events: &str) -> (String, Value) {
    let chunks =
        events.split("\n\n").filter_map(|event| serde_json::from_str::<Value>(event.strip_prefix("data: ")?).ok());
    let (mut text, mut usage) = (String::new(), Value::Null);
    for chunk in chunks {
        text.push_str(chunk["choices"][0]["delta"]["content"].as_str().unwrap_or_default());
        usage = chunk["usage"].clone();
    }
    (text, usage)
}

#[tokio::test]
async fn a_real_server_is_fronted() {
    let behind = Local::start(home_with(&[FILE]), &["--model", MODEL, "--n-ctx", "1024", "--parallel", "1"]).await;
    behind.until("the model to be loaded", |loaded| loaded.len() == 1).await;
    let front = Local::start(home_with(&[]), &["--upstream", &format!("{}/v1", behind.url)]).await;
    let (_, direct) = behind.post("/v1/chat/completions", ask(false)).await;
    let (status, fronted) = front.post("/v1/chat/completions", ask(false)).await;
    assert_eq!(status, 200, "{fronted}");
    assert_eq!(fronted["choices"], direct["choices"]);
    let said = direct["choices"][0]["message"]["content"].as_str().expect("a text").to_owned();
    let events = front.stream("/v1/chat/completions", ask(true).to_string().into()).await;
    assert_eq!(events.headers()["content-type"], "text/event-stream");
    let events = events.text().await.expect("events");
    let (text, usage) = streamed(&events);
    assert!(text == said && usage["completion_tokens"] == 6 && events.ends_with("data: [DONE]\n\n"), "{events}");

    // The other APIs are translated before it, as before an engine.
    let options = json!({"num_predict": 6, "temperature": 0, "seed": 1, "repeat_penalty": 1.0});
    let chat = json!({"model": MODEL, "messages": ask(false)["messages"], "stream": false, "options": options});
    let (_, ollama) = front.post("/api/chat", chat).await;
    assert_eq!((&ollama["message"]["content"], &ollama["eval_count"]), (&json!(said), &json!(6)), "{ollama}");
    let messages =
        json!({"model": MODEL, "max_tokens": 6, "temperature": 0, "seed": 1, "messages": ask(false)["messages"]});
    assert_eq!(front.post("/v1/messages", messages).await.1["content"][0]["text"], json!(said));
    let responses =
        json!({"model": MODEL, "input": "Name a colour.", "max_output_tokens": 6, "temperature": 0, "seed": 1});
    assert_eq!(front.post("/v1/responses", responses).await.1["output"][0]["content"][0]["text"], json!(said));
    let embed = json!({"model": MODEL, "input": "a king"});
    let (_, vectors) = front.post("/v1/embeddings", embed.clone()).await;
    assert_eq!(vectors["data"], behind.post("/v1/embeddings", embed).await.1["data"]);
    assert_eq!(front.get("/v1/models").await.1["data"][0]["id"], MODEL);
    assert_eq!(front.get("/api/tags").await.1["models"][0]["name"], MODEL);

    // Its errors are its own; what it cannot do is said.
    let mut unknown = ask(false);
    unknown["model"] = "nobody".into();
    let (status, error) = front.post("/v1/chat/completions", unknown.clone()).await;
    assert_eq!((status, &error["error"]["code"]), (404, &json!("model_not_found")));
    assert_eq!(front.post("/api/chat", unknown).await.0, 404);
    let (status, error) = front.post("/api/pull", json!({"model": "x"})).await;
    assert!(status == 400 && error["error"].as_str().is_some_and(|text| text.contains("--upstream")), "{error}");

    drop(behind);
    for (path, body) in
        [("/v1/chat/completions", ask(false)), ("/api/chat", ask(false)), ("/v1/embeddings", ask(false))]
    {
        let (status, error) = front.post(path, body).await;
        assert!(status == 502 && error.to_string().contains("is it running?"), "{path}: {status} {error}");
    }
    assert_eq!(front.get("/v1/models").await.0, 502);
    assert_eq!(front.get("/health").await.0, 200);
}

/// What reached the server: method, path with query, content type, authorization, body.
type Seen = Arc<Mutex<Vec<(String, String, String, bool, Bytes)>>>;

async fn record(State(seen): State<Seen>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.expect("a body");
    let kind = head.headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default().to_owned();
    let path = head.uri.to_string();
    let keyed = head.headers.contains_key("authorization") || head.headers.contains_key("cookie");
    seen.lock().expect("seen").push((head.method.to_string(), path.clone(), kind, keyed, body));
    match path.as_str() {
        "/v1/audio/speech" => {
            let pieces = futures::stream::iter((0..4_u8).map(|n| Ok::<_, std::io::Error>(vec![n; 1000])));
            ([("content-type", "audio/wav"), ("set-cookie", "a=b")], Body::from_stream(pieces)).into_response()
        }
        "/v1/videos/none" => {
            (StatusCode::NOT_FOUND, [("content-type", "application/json")], r#"{"error":{"message":"no such video"}}"#)
                .into_response()
        }
        "/v1/videos/broken" => {
            let pieces = [Ok(Bytes::from_static(b"half")), Err(std::io::Error::other("gone"))];
            Body::from_stream(futures::stream::iter(pieces)).into_response()
        }
        _ => (StatusCode::CREATED, [("content-type", "application/json")], r#"{"data":[]}"#).into_response(),
    }
}

#[tokio::test]
async fn media_reach_their_servers_as_they_came() {
    let seen = Seen::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let routes = Router::new().fallback(record).with_state(Arc::clone(&seen));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    let dead = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address");
    let local = Local::start(
        home_with(&[]),
        &["--image-upstream", &format!("{url}/v1/"), "--audio-upstream", &url, "--video-upstream", &url],
    )
    .await;
    let send = |method: reqwest::Method, path: &str, kind: &str, body: &str| {
        let request = local.http.request(method, format!("{}{path}", local.url)).header("content-type", kind);
        request.header("authorization", "Bearer mine").header("cookie", "c=d").body(body.to_owned()).send()
    };
    let form = "--x\r\ncontent-disposition: form-data; name=\"prompt\"\r\n\r\na hat\r\n--x--\r\n";
    let multipart = "multipart/form-data; boundary=x";
    let wanted = [
        ("POST", "/v1/images/generations", "application/json", r#"{"prompt":"a hat"}"#),
        ("POST", "/v1/images/edits?n=2", multipart, form),
        ("POST", "/v1/audio/transcriptions", multipart, form),
        ("POST", "/v1/videos", "application/json", "{}"),
        ("DELETE", "/v1/videos/7", "text/plain", ""),
    ];
    for (method, path, kind, body) in wanted {
        let answer = send(method.parse().expect("a method"), path, kind, body).await.expect("an answer");
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["content-type"]),
            (201, &"application/json".parse().expect("a value"))
        );
        assert_eq!(answer.text().await.expect("a body"), r#"{"data":[]}"#);
    }
    let reached = std::mem::take(&mut *seen.lock().expect("seen"));
    let reached: Vec<(&str, &str, &str, &[u8])> = reached
        .iter()
        .map(|(method, path, kind, keyed, body)| {
            assert!(!keyed, "{path}: the client's key is not the upstream's");
            (method.as_str(), path.as_str(), kind.as_str(), body.as_ref())
        })
        .collect();
    let wanted: Vec<_> =
        wanted.iter().map(|(method, path, kind, body)| (*method, *path, *kind, body.as_bytes())).collect();
    assert_eq!(reached, wanted);

    let speech = send(reqwest::Method::POST, "/v1/audio/speech", "application/json", "{}").await.expect("an answer");
    assert_eq!(speech.headers()["content-type"], "audio/wav");
    assert!(!speech.headers().contains_key("set-cookie"));
    let sound: Vec<u8> = speech.bytes_stream().map(|piece| piece.expect("bytes").to_vec()).concat().await;
    assert_eq!(sound, (0..4_u8).flat_map(|n| vec![n; 1000]).collect::<Vec<u8>>());

    let (status, error) = local.get("/v1/videos/none").await;
    assert_eq!((status, &error["error"]["message"]), (404, &json!("no such video")));
    let broken = local.http.get(format!("{}/v1/videos/broken", local.url)).send().await.expect("an answer");
    // Cut off before its head was through, it is an answer that cannot be had; afterwards, a body that does not end as if it were whole.
    assert!(broken.status() == 502 || broken.bytes().await.is_err());

    let without = Local::start(home_with(&[]), &["--image-upstream", &format!("http://{dead}")]).await;
    let (status, error) = without.post("/v1/images/generations", json!({})).await;
    assert!(status == 502 && error["error"]["code"] == "upstream_unreachable", "{error}");
    let (status, error) = without.post("/v1/audio/speech", json!({})).await;
    assert!(
        status == 404 && error["error"]["message"].as_str().is_some_and(|text| text.contains("--audio-upstream")),
        "{error}"
    );
}
