//! `/api/chat`: messages with images, tools, thinking and a format, as the engine's chat request.

use super::{format, keep_alive::KeepAlive, options::Options};
use crate::read::{self, Error};
use serde_json::{Map, Value, json};

/// A chat, read and checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Chat {
    /// The model as the client wrote it.
    pub model: String,
    /// Whether lines are wanted as they come; Ollama's default is yes.
    pub stream: bool,
    /// Messages in the engine's shape; none means: load the model.
    pub messages: Vec<Value>,
    /// Sampling and context.
    pub options: Options,
    /// How long the model shall stay.
    pub keep_alive: Option<KeepAlive>,
    /// Whether reasoning is shown.
    pub show_thinking: bool,
    extra: Map<String, Value>,
}

impl Chat {
    /// Reads a request.
    ///
    /// # Errors
    /// Names the member that is wrong.
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        let request = read::object(bytes)?;
        let mut extra = Map::new();
        format::response_format(&request, &mut extra)?;
        let show_thinking = format::think(&request, &mut extra)?;
        format::logprobs(&request, &mut extra);
        let tools = read::array(&request, "tools")?;
        if !tools.is_empty() {
            extra.insert("tools".into(), tools.into());
        }
        Ok(Self {
            model: read::model(&request)?,
            stream: read::flag(&request, "stream")?.unwrap_or(true),
            messages: messages(read::array(&request, "messages")?)?,
            options: Options::read(request.get("options"))?,
            keep_alive: KeepAlive::read(request.get("keep_alive"))?,
            show_thinking,
            extra,
        })
    }

    /// The body to ask the engine with at `/v1/chat/completions`: always a stream, so that a client that leaves ends the work.
    /// `options` are those of the model with the request's over them.
    pub fn engine_body(&self, messages: Vec<Value>, options: &Options) -> Value {
        let mut body = Map::new();
        body.insert("model".into(), self.model.clone().into());
        body.insert("messages".into(), messages.into());
        body.extend(self.extra.clone());
        body.extend(options.engine.clone());
        streamed(body)
    }
}

/// The members that make the engine stream with counts at the end.
pub(super) fn streamed(mut body: Map<String, Value>) -> Value {
    body.insert("stream".into(), true.into());
    body.insert("stream_options".into(), json!({"include_usage": true}));
    body.insert("timings_per_token".into(), false.into());
    Value::Object(body)
}

/// Messages in the engine's shape. Ollama's tool results name their function, the engine's name the call: they are matched in order.
///
/// # Errors
/// Names the message that is wrong.
pub fn messages(given: &[Value]) -> Result<Vec<Value>, Error> {
    let mut calls: Vec<(String, String)> = Vec::new();
    let mut count = 0;
    given
        .iter()
        .enumerate()
        .map(|(index, message)| {
            let at = format!("messages[{index}]");
            let Some(message) = message.as_object() else { return Err(Error::member(at, "must be an object")) };
            one_message(message, &at, &mut calls, &mut count)
        })
        .collect()
}

fn one_message(
    message: &Map<String, Value>,
    at: &str,
    calls: &mut Vec<(String, String)>,
    count: &mut usize,
) -> Result<Value, Error> {
    let inside = |error: Error| match error {
        Error::Member { member, why } => Error::member(format!("{at}.{member}"), why),
        other => other,
    };
    let role = read::text(message, "role").map_err(inside)?;
    let role = role.ok_or_else(|| Error::member(format!("{at}.role"), "missing"))?;
    let mut written = Map::new();
    written.insert("role".into(), role.clone().into());
    written.insert("content".into(), content(message, at)?);
    if let Some(thinking) = read::text(message, "thinking").map_err(inside)?.filter(|text| !text.is_empty()) {
        written.insert("reasoning_content".into(), thinking.into());
    }
    let made = read::array(message, "tool_calls").map_err(inside)?;
    if !made.is_empty() {
        let made: Result<Vec<Value>, Error> = made
            .iter()
            .enumerate()
            .map(|(i, call)| tool_call(call, &format!("{at}.tool_calls[{i}]"), calls, count))
            .collect();
        written.insert("tool_calls".into(), made?.into());
    }
    if role == "tool" {
        let name = read::text(message, "tool_name").map_err(inside)?;
        let id = read::text(message, "tool_call_id").map_err(inside)?;
        let found = calls.iter().position(|(call_id, function)| match (&id, &name) {
            (Some(id), _) => id == call_id,
            (None, Some(name)) => name == function,
            (None, None) => true,
        });
        let call_id = found.map(|position| calls.remove(position).0).or(id).unwrap_or_else(|| "call_0".into());
        written.insert("tool_call_id".into(), call_id.into());
        if let Some(name) = name {
            written.insert("name".into(), name.into());
        }
    }
    Ok(Value::Object(written))
}

fn content(message: &Map<String, Value>, at: &str) -> Result<Value, Error> {
    let text = match message.get("content") {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(_) => return Err(Error::member(format!("{at}.content"), "must be a string")),
    };
    let images = read::array(message, "images")?;
    if images.is_empty() {
        return Ok(text.into());
    }
    let parts: Result<Vec<Value>, Error> =
        images.iter().enumerate().map(|(i, image)| format::image_part(image, &format!("{at}.images[{i}]"))).collect();
    let mut parts = parts?;
    parts.insert(0, json!({"type": "text", "text": text}));
    Ok(parts.into())
}

fn tool_call(call: &Value, at: &str, calls: &mut Vec<(String, String)>, count: &mut usize) -> Result<Value, Error> {
    let function = call.get("function").and_then(Value::as_object);
    let name = function.and_then(|function| function.get("name")).and_then(Value::as_str);
    let (Some(function), Some(name)) = (function, name) else {
        return Err(Error::member(at, "must hold function.name and function.arguments"));
    };
    let arguments = match function.get("arguments") {
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None => "{}".to_owned(),
    };
    let id = call.get("id").and_then(Value::as_str).map_or_else(|| format!("call_{count}"), str::to_owned);
    *count += 1;
    calls.push((id.clone(), name.to_owned()));
    Ok(json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: Value) -> Result<Chat, Error> {
        Chat::read(value.to_string().as_bytes())
    }

    #[test]
    fn a_chat_becomes_the_engines_request() {
        let chat = read(json!({
            "model": "m", "messages": [{"role": "user", "content": "hi"}],
            "options": {"num_predict": 3, "seed": 1}, "format": "json", "keep_alive": "1m"
        }))
        .expect("a chat");
        assert!(chat.stream);
        let body = chat.engine_body(chat.messages.clone(), &Options::defaults().overridden_by(chat.options.clone()));
        assert_eq!(body["messages"][0]["content"], "hi");
        assert_eq!((&body["max_tokens"], &body["seed"], &body["top_k"]), (&json!(3), &json!(1), &json!(40)));
        assert_eq!(body["stream_options"]["include_usage"], true);
        assert_eq!(body["response_format"]["type"], "json_object");
    }

    #[test]
    fn tool_results_find_their_calls() {
        let chat = read(json!({"model": "m", "messages": [
            {"role": "user", "content": "weather?"},
            {"role": "assistant", "content": "", "tool_calls": [
                {"function": {"name": "a", "arguments": {"x": 1}}}, {"function": {"name": "b", "arguments": {}}}]},
            {"role": "tool", "content": "B", "tool_name": "b"},
            {"role": "tool", "content": "A"},
        ]}))
        .expect("a chat");
        assert_eq!(chat.messages[1]["tool_calls"][0]["function"]["arguments"], r#"{"x":1}"#);
        assert_eq!(chat.messages[2]["tool_call_id"], "call_1");
        assert_eq!(chat.messages[3]["tool_call_id"], "call_0");
    }

    #[test]
    fn images_are_parts_of_the_message() {
        let chat =
            read(json!({"model": "m", "messages": [{"role": "user", "content": "what?", "images": ["/9j/4AAQ"]}]}))
                .expect("a chat");
        assert_eq!(chat.messages[0]["content"][1]["image_url"]["url"], "data:image/jpeg;base64,/9j/4AAQ");
    }

    #[test]
    fn wrong_members_are_named() {
        for (bad, name) in [
            (json!({"messages": []}), "model"),
            (json!({"model": "m", "messages": {}}), "messages"),
            (json!({"model": "m", "messages": [3]}), "messages[0]"),
            (json!({"model": "m", "messages": [{"content": "x"}]}), "messages[0].role"),
            (json!({"model": "m", "messages": [{"role": "user", "content": 3}]}), "messages[0].content"),
            (json!({"model": "m", "stream": "yes"}), "stream"),
        ] {
            let error = read(bad).expect_err(name);
            assert_eq!(error.param(), Some(name), "{error}");
        }
        assert!(matches!(Chat::read(b"[]"), Err(Error::Json(_))));
        assert!(matches!(Chat::read(b"{\"model\": \"\xff\"}"), Err(Error::Json(_))));
    }
}
