//! `/v1/messages`: messages of content blocks, with tools, as the engine's chat request.

use crate::read::{self, Error};
use serde_json::{Map, Value, json};

/// A request, read and checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Messages {
    /// The model as the client wrote it.
    pub model: String,
    /// Whether events are wanted.
    pub stream: bool,
    body: Map<String, Value>,
}

impl Messages {
    /// Reads a request. `counted` ones only want their tokens counted and need no limit.
    ///
    /// # Errors
    /// Names the member that is wrong.
    pub fn read(bytes: &[u8], counted: bool) -> Result<Self, Error> {
        let request = read::object(bytes)?;
        let mut body = Map::new();
        let model = read::model(&request)?;
        let mut messages = system(&request)?;
        for (index, message) in read::array(&request, "messages")?.iter().enumerate() {
            translate(message, &format!("messages[{index}]"), &mut messages)?;
        }
        if messages.is_empty() {
            return Err(Error::member("messages", "must hold at least one message"));
        }
        body.insert("messages".into(), messages.into());
        match request.get("max_tokens").map(Value::as_u64) {
            Some(Some(limit)) if limit > 0 => drop(body.insert("max_tokens".into(), limit.into())),
            None if counted => {}
            _ => return Err(Error::member("max_tokens", "must be a positive integer")),
        }
        for (theirs, ours) in [
            ("temperature", "temperature"),
            ("top_p", "top_p"),
            ("top_k", "top_k"),
            ("stop_sequences", "stop"),
            ("seed", "seed"),
        ] {
            if let Some(value) = request.get(theirs).filter(|value| !value.is_null()) {
                body.insert(ours.into(), value.clone());
            }
        }
        tools(&request, &mut body)?;
        if let Some(kind) = request.pointer_of("thinking", "type") {
            body.insert("chat_template_kwargs".into(), json!({"enable_thinking": kind == "enabled"}));
            if let Some(budget) =
                request.get("thinking").and_then(|thinking| thinking.get("budget_tokens")).filter(|n| n.is_u64())
            {
                body.insert("reasoning_budget".into(), budget.clone());
            }
        }
        Ok(Self { model, stream: read::flag(&request, "stream")?.unwrap_or(false), body })
    }

    /// The body for `/v1/chat/completions` (always a stream) and for `/apply-template`.
    pub fn engine_body(&self) -> Value {
        let mut body = Map::new();
        body.insert("model".into(), self.model.clone().into());
        body.extend(self.body.clone());
        body.insert("stream".into(), true.into());
        body.insert("stream_options".into(), json!({"include_usage": true}));
        Value::Object(body)
    }
}

/// A string within an object within an object.
trait PointerOf {
    fn pointer_of(&self, outer: &str, inner: &str) -> Option<&str>;
}

impl PointerOf for Map<String, Value> {
    fn pointer_of(&self, outer: &str, inner: &str) -> Option<&str> {
        self.get(outer)?.get(inner)?.as_str()
    }
}

fn system(request: &Map<String, Value>) -> Result<Vec<Value>, Error> {
    let text = match request.get("system") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(blocks)) => {
            let texts: Option<Vec<&str>> = blocks.iter().map(|block| block.get("text")?.as_str()).collect();
            texts.ok_or_else(|| Error::member("system", "must hold text blocks"))?.join("\n\n")
        }
        Some(_) => return Err(Error::member("system", "must be a string or text blocks")),
    };
    Ok(vec![json!({"role": "system", "content": text})])
}

/// One message becomes one of the engine's, and one more for each tool result.
fn translate(message: &Value, at: &str, out: &mut Vec<Value>) -> Result<(), Error> {
    let role = message.get("role").and_then(Value::as_str).unwrap_or_default();
    if !matches!(role, "user" | "assistant") {
        return Err(Error::member(
            format!("{at}.role"),
            "must be user or assistant; the system prompt stands in system",
        ));
    }
    let blocks = match message.get("content") {
        Some(Value::String(text)) => {
            out.push(json!({"role": role, "content": text}));
            return Ok(());
        }
        Some(Value::Array(blocks)) => blocks,
        _ => return Err(Error::member(format!("{at}.content"), "must be a string or blocks")),
    };
    let (mut parts, mut calls, mut thinking) = (Vec::new(), Vec::new(), String::new());
    for (index, block) in blocks.iter().enumerate() {
        let at = format!("{at}.content[{index}]");
        let text = |member: &str| {
            let value = block.get(member).and_then(Value::as_str);
            value.ok_or_else(|| Error::member(format!("{at}.{member}"), "must be a string"))
        };
        match block.get("type").and_then(Value::as_str).unwrap_or_default() {
            "text" => parts.push(json!({"type": "text", "text": text("text")?})),
            "image" => parts.push(image(block, &at)?),
            "thinking" => thinking.push_str(text("thinking")?),
            "redacted_thinking" => {}
            "tool_use" if role == "assistant" => {
                calls.push(json!({"id": text("id")?, "type": "function", "function": {
                    "name": text("name")?, "arguments": block.get("input").unwrap_or(&json!({})).to_string(),
                }}))
            }
            "tool_result" if role == "user" => {
                out.push(json!({"role": "tool", "tool_call_id": text("tool_use_id")?, "content": result(block, &at)?}));
            }
            other => {
                return Err(Error::member(
                    at,
                    format!("blocks of type {other:?} are not supported in a message of the {role}"),
                ));
            }
        }
    }
    if parts.is_empty() && calls.is_empty() && thinking.is_empty() {
        return Ok(());
    }
    let mut message = Map::new();
    message.insert("role".into(), role.into());
    message.insert("content".into(), joined(parts));
    if !thinking.is_empty() {
        message.insert("reasoning_content".into(), thinking.into());
    }
    if !calls.is_empty() {
        message.insert("tool_calls".into(), calls.into());
    }
    out.push(Value::Object(message));
    Ok(())
}

/// Text alone as a string, which every chat template takes.
fn joined(parts: Vec<Value>) -> Value {
    let texts: Option<Vec<&str>> = parts.iter().map(|part| part.get("text").and_then(Value::as_str)).collect();
    match texts {
        Some(texts) => texts.join("").into(),
        None => parts.into(),
    }
}

fn image(block: &Value, at: &str) -> Result<Value, Error> {
    let source = |member: &str| block.get("source").and_then(|source| source.get(member)).and_then(Value::as_str);
    let url = match (source("type"), source("media_type"), source("data"), source("url")) {
        (Some("base64"), Some(kind), Some(data), _) => format!("data:{kind};base64,{data}"),
        (Some("url"), _, _, Some(url)) => url.to_owned(),
        _ => return Err(Error::member(format!("{at}.source"), "must be base64 with media_type and data, or a url")),
    };
    Ok(json!({"type": "image_url", "image_url": {"url": url}}))
}

fn result(block: &Value, at: &str) -> Result<String, Error> {
    match block.get("content") {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Array(blocks)) => {
            let texts: Option<Vec<&str>> = blocks.iter().map(|block| block.get("text")?.as_str()).collect();
            texts
                .map(|texts| texts.join("\n"))
                .ok_or_else(|| Error::member(format!("{at}.content"), "must hold text blocks"))
        }
        Some(_) => Err(Error::member(format!("{at}.content"), "must be a string or text blocks")),
    }
}

fn tools(request: &Map<String, Value>, body: &mut Map<String, Value>) -> Result<(), Error> {
    let mut tools = Vec::new();
    for (index, tool) in read::array(request, "tools")?.iter().enumerate() {
        let (Some(name), Some(schema)) = (tool.get("name").and_then(Value::as_str), tool.get("input_schema")) else {
            return Err(Error::member(
                format!("tools[{index}]"),
                "must have name and input_schema; the server's own tools are not offered here",
            ));
        };
        let description = tool.get("description").and_then(Value::as_str).unwrap_or_default();
        tools.push(
            json!({"type": "function", "function": {"name": name, "description": description, "parameters": schema}}),
        );
    }
    if tools.is_empty() {
        return Ok(());
    }
    body.insert("tools".into(), tools.into());
    let choice = match request.pointer_of("tool_choice", "type") {
        None => return Ok(()),
        Some("auto") => json!("auto"),
        Some("any") => json!("required"),
        Some("none") => json!("none"),
        Some("tool") => {
            json!({"type": "function", "function": {"name": request.pointer_of("tool_choice", "name").unwrap_or_default()}})
        }
        Some(_) => return Err(Error::member("tool_choice.type", "must be auto, any, tool or none")),
    };
    body.insert("tool_choice".into(), choice);
    if let Some(Value::Bool(disabled)) =
        request.get("tool_choice").and_then(|choice| choice.get("disable_parallel_tool_use"))
    {
        body.insert("parallel_tool_calls".into(), (!disabled).into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(value: Value) -> Result<Value, Error> {
        Messages::read(value.to_string().as_bytes(), false).map(|messages| messages.engine_body())
    }

    #[test]
    fn blocks_become_the_engines_messages() {
        let body = body(json!({"model": "m", "max_tokens": 9, "system": [{"type": "text", "text": "be brief"}], "stop_sequences": ["x"],
            "messages": [
                {"role": "user", "content": "weather?"},
                {"role": "assistant", "content": [{"type": "text", "text": "I look."}, {"type": "tool_use", "id": "t1", "name": "look", "input": {"at": "Oslo"}}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "rain"}]}, {"type": "text", "text": "so?"}]},
            ],
            "tools": [{"name": "look", "input_schema": {"type": "object"}}], "tool_choice": {"type": "any", "disable_parallel_tool_use": true}}))
        .expect("a request");
        let roles: Vec<&str> = body["messages"]
            .as_array()
            .expect("messages")
            .iter()
            .filter_map(|message| message["role"].as_str())
            .collect();
        assert_eq!(roles, ["system", "user", "assistant", "tool", "user"]);
        assert_eq!(body["messages"][2]["tool_calls"][0]["function"]["arguments"], r#"{"at":"Oslo"}"#);
        assert_eq!(
            (&body["messages"][3]["tool_call_id"], &body["messages"][3]["content"]),
            (&json!("t1"), &json!("rain"))
        );
        assert_eq!(
            (&body["tool_choice"], &body["parallel_tool_calls"], &body["stop"]),
            (&json!("required"), &json!(false), &json!(["x"]))
        );
    }

    #[test]
    fn images_and_thinking_are_kept() {
        let body = body(json!({"model": "m", "max_tokens": 1, "thinking": {"type": "enabled", "budget_tokens": 1024}, "messages": [
            {"role": "user", "content": [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA"}}, {"type": "text", "text": "what?"}]}]}))
        .expect("a request");
        assert_eq!(body["messages"][0]["content"][0]["image_url"]["url"], "data:image/png;base64,AA");
        assert_eq!(
            (&body["chat_template_kwargs"]["enable_thinking"], &body["reasoning_budget"]),
            (&json!(true), &json!(1024))
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        let user = json!([{"role": "user", "content": "x"}]);
        for (bad, name) in [
            (json!({"max_tokens": 1, "messages": user}), "model"),
            (json!({"model": "m", "messages": user}), "max_tokens"),
            (json!({"model": "m", "max_tokens": 1, "messages": []}), "messages"),
            (
                json!({"model": "m", "max_tokens": 1, "messages": [{"role": "system", "content": "x"}]}),
                "messages[0].role",
            ),
            (
                json!({"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": [{"type": "document"}]}]}),
                "messages[0].content[0]",
            ),
            (
                json!({"model": "m", "max_tokens": 1, "messages": user, "tools": [{"type": "bash_20250124", "name": "bash"}]}),
                "tools[0]",
            ),
        ] {
            assert_eq!(body(bad).expect_err(name).param(), Some(name));
        }
        assert!(
            Messages::read(json!({"model": "m", "messages": user}).to_string().as_bytes(), true).is_ok(),
            "counting needs no limit"
        );
    }
}
