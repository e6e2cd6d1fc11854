//! Answers whose text is another than the engine wrote: asked for whole, told as they were asked for.

use super::Asked;
use anyhow::{Context, Result};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header;
use ogong_openai::sse::data_event;
use serde_json::{Value, json};

/// The same request for an answer in one piece.
pub fn plain(body: &[u8]) -> Result<Bytes> {
    let mut body: Value = serde_json::from_slice(body)?;
    let members = body.as_object_mut().context("the body is no object")?;
    members.insert("stream".to_owned(), json!(false));
    members.remove("stream_options");
    Ok(body.to_string().into())
}

/// The engine's answer with another text, in one piece or as a stream, as the consumer asked.
pub fn answer(asked: &Asked, answer: &[u8], raw_text: &[u8]) -> Result<Response> {
    let text = String::from_utf8_lossy(raw_text);
    let mut answer: Value = serde_json::from_slice(answer)?;
    let choice = answer["choices"].get_mut(0).context("no choice")?;
    if choice.get("message").is_some() {
        choice["message"]["content"] = json!(text);
    } else {
        choice["text"] = json!(text);
    }
    let body: Value = serde_json::from_slice(&asked.body)?;
    if body["stream"] != json!(true) {
        return Ok(([(header::CONTENT_TYPE, "application/json")], answer.to_string()).into_response());
    }
    let events = if asked.path.ends_with("/chat/completions") { chat(&answer) } else { vec![answer] };
    let mut stream: String = events.iter().map(|event| data_event(&event.to_string())).collect();
    stream.push_str(&data_event("[DONE]"));
    Ok(([(header::CONTENT_TYPE, "text/event-stream")], stream).into_response())
}

fn chat(answer: &Value) -> Vec<Value> {
    let choice = &answer["choices"][0];
    let chunk = |delta: Value, finish: &Value| {
        json!({
            "id": answer["id"], "object": "chat.completion.chunk", "created": answer["created"], "model": answer["model"],
            "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }],
        })
    };
    vec![
        chunk(json!({ "role": "assistant", "content": choice["message"]["content"] }), &Value::Null),
        chunk(json!({}), &choice["finish_reason"]),
    ]
}
