//! `/v1/responses`: input items, tools and formats, as the engine's chat request.

use crate::read::{self, Error};
use serde_json::{Map, Value, json};

/// A request, read and checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The model as the client wrote it.
    pub model: String,
    /// Whether events are wanted.
    pub stream: bool,
    /// Whether the response may be asked for later.
    pub store: bool,
    /// The response that this one goes on from.
    pub previous: Option<String>,
    /// What this request adds to the conversation, in the engine's shape.
    pub messages: Vec<Value>,
    /// The input items as they came, a string as the message that it is.
    pub items: Vec<Value>,
    /// System prompt of this response only.
    pub instructions: Option<String>,
    body: Map<String, Value>,
    /// Members that the response repeats.
    pub echoed: Map<String, Value>,
}

/// What this server has not, with why.
const NOT_TAKEN: &[(&str, &str)] = &[
    ("conversation", "conversations are not kept here; use previous_response_id"),
    ("prompt", "prompt templates are not kept here; send instructions and input"),
];

impl Request {
    /// Reads a request.
    ///
    /// # Errors
    /// Names the member that is wrong.
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        let request = read::object(bytes)?;
        for (member, why) in NOT_TAKEN {
            if request.get(*member).is_some_and(|value| !value.is_null()) {
                return Err(Error::member(*member, *why));
            }
        }
        if read::flag(&request, "background")? == Some(true) {
            return Err(Error::member("background", "responses are answered while the client waits"));
        }
        let items = items(&request)?;
        let mut messages = Vec::new();
        for (index, item) in items.iter().enumerate() {
            translate(item, &format!("input[{index}]"), &mut messages)?;
        }
        let mut body = Map::new();
        for (theirs, ours) in [
            ("temperature", "temperature"),
            ("top_p", "top_p"),
            ("max_output_tokens", "max_tokens"),
            ("parallel_tool_calls", "parallel_tool_calls"),
            ("top_logprobs", "top_logprobs"),
            ("seed", "seed"),
        ] {
            if let Some(value) = request.get(theirs).filter(|value| !value.is_null()) {
                body.insert(ours.into(), value.clone());
            }
        }
        if body.contains_key("top_logprobs") {
            body.insert("logprobs".into(), true.into());
        }
        tools(&request, &mut body)?;
        format(&request, &mut body)?;
        if let Some(effort) =
            request.get("reasoning").and_then(|reasoning| reasoning.get("effort")).filter(|effort| effort.is_string())
        {
            body.insert(
                "chat_template_kwargs".into(),
                json!({"enable_thinking": effort != "none", "reasoning_effort": effort}),
            );
        }
        Ok(Self {
            model: read::model(&request)?,
            stream: read::flag(&request, "stream")?.unwrap_or(false),
            store: read::flag(&request, "store")?.unwrap_or(true),
            previous: read::text(&request, "previous_response_id")?,
            instructions: read::text(&request, "instructions")?,
            messages,
            items,
            body,
            echoed: echoed(&request),
        })
    }

    /// The body for `/v1/chat/completions`, after an earlier conversation: always a stream.
    pub fn engine_body(&self, earlier: &[Value]) -> Value {
        let instructions = self.instructions.iter().map(|text| json!({"role": "system", "content": text}));
        let messages: Vec<Value> =
            instructions.chain(earlier.iter().cloned()).chain(self.messages.iter().cloned()).collect();
        let mut body = Map::new();
        body.insert("model".into(), self.model.clone().into());
        body.insert("messages".into(), messages.into());
        body.extend(self.body.clone());
        body.insert("stream".into(), true.into());
        body.insert("stream_options".into(), json!({"include_usage": true}));
        Value::Object(body)
    }
}

fn items(request: &Map<String, Value>) -> Result<Vec<Value>, Error> {
    match request.get("input") {
        Some(Value::String(text)) => {
            Ok(vec![json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]})])
        }
        Some(Value::Array(items)) if !items.is_empty() => Ok(items.clone()),
        _ => Err(Error::member("input", "must be a string or an array of items")),
    }
}

fn translate(item: &Value, at: &str, out: &mut Vec<Value>) -> Result<(), Error> {
    let text = |member: &str| {
        let value = item.get(member).and_then(Value::as_str);
        value.ok_or_else(|| Error::member(format!("{at}.{member}"), "must be a string"))
    };
    match item.get("type").and_then(Value::as_str).unwrap_or("message") {
        "message" => {
            let role = match text("role")? {
                "developer" => "system",
                role @ ("user" | "assistant" | "system") => role,
                _ => return Err(Error::member(format!("{at}.role"), "must be user, assistant, system or developer")),
            };
            out.push(json!({"role": role, "content": content(item.get("content"), at)?}));
        }
        "function_call" => {
            let call = json!({"id": text("call_id")?, "type": "function", "function": {"name": text("name")?, "arguments": text("arguments")?}});
            // Calls of one answer stand in one message.
            match out.last_mut().filter(|last| last["role"] == "assistant").and_then(Value::as_object_mut) {
                Some(last) => match last.entry("tool_calls").or_insert_with(|| json!([])) {
                    Value::Array(calls) => calls.push(call),
                    other => *other = json!([call]),
                },
                None => out.push(json!({"role": "assistant", "content": "", "tool_calls": [call]})),
            }
        }
        "function_call_output" => {
            let output = match item.get("output") {
                Some(Value::String(text)) => text.clone().into(),
                other => content(other, at)?,
            };
            out.push(json!({"role": "tool", "tool_call_id": text("call_id")?, "content": output}));
        }
        // What a model thought before is not said to it again.
        "reasoning" => {}
        other => return Err(Error::member(at, format!("items of type {other:?} are not supported"))),
    }
    Ok(())
}

fn content(content: Option<&Value>, at: &str) -> Result<Value, Error> {
    let parts = match content {
        Some(Value::String(text)) => return Ok(text.clone().into()),
        Some(Value::Array(parts)) => parts,
        _ => return Err(Error::member(format!("{at}.content"), "must be a string or an array of parts")),
    };
    let mut text = String::new();
    let mut written = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        let kind = part.get("type").and_then(Value::as_str).unwrap_or_default();
        match (kind, part.get("text").and_then(Value::as_str), part.get("image_url").and_then(Value::as_str)) {
            ("input_text" | "output_text" | "text", Some(piece), _) => {
                text.push_str(piece);
                written.push(json!({"type": "text", "text": piece}));
            }
            ("input_image", _, Some(url)) => written.push(json!({"type": "image_url", "image_url": {"url": url}})),
            _ => {
                return Err(Error::member(
                    format!("{at}.content[{index}]"),
                    format!("parts of type {kind:?} are not supported"),
                ));
            }
        }
    }
    let only_text = written.iter().all(|part| part["type"] == "text");
    Ok(if only_text { text.into() } else { written.into() })
}

fn tools(request: &Map<String, Value>, body: &mut Map<String, Value>) -> Result<(), Error> {
    let mut tools = Vec::new();
    for (index, tool) in read::array(request, "tools")?.iter().enumerate() {
        if tool.get("type").and_then(Value::as_str) != Some("function") {
            return Err(Error::member(format!("tools[{index}]"), "only tools of type function are offered here"));
        }
        let mut function = tool.as_object().cloned().unwrap_or_default();
        function.remove("type");
        tools.push(json!({"type": "function", "function": function}));
    }
    if !tools.is_empty() {
        body.insert("tools".into(), tools.into());
    }
    match request.get("tool_choice") {
        None | Some(Value::Null) => {}
        Some(choice @ Value::String(_)) => drop(body.insert("tool_choice".into(), choice.clone())),
        Some(choice) => match (choice.get("type").and_then(Value::as_str), choice.get("name")) {
            (Some("function"), Some(name)) => {
                body.insert("tool_choice".into(), json!({"type": "function", "function": {"name": name}}));
            }
            _ => return Err(Error::member("tool_choice", "must be auto, none, required or a function by name")),
        },
    }
    Ok(())
}

fn format(request: &Map<String, Value>, body: &mut Map<String, Value>) -> Result<(), Error> {
    let Some(format) = request.get("text").and_then(|text| text.get("format")).filter(|format| !format.is_null())
    else {
        return Ok(());
    };
    let written = match format.get("type").and_then(Value::as_str) {
        Some("text") => return Ok(()),
        Some("json_object") => json!({"type": "json_object"}),
        Some("json_schema") => {
            let mut schema = format.as_object().cloned().unwrap_or_default();
            schema.remove("type");
            json!({"type": "json_schema", "json_schema": schema})
        }
        _ => return Err(Error::member("text.format.type", "must be text, json_object or json_schema")),
    };
    body.insert("response_format".into(), written);
    Ok(())
}

fn echoed(request: &Map<String, Value>) -> Map<String, Value> {
    let or = |member: &str, value: Value| {
        (member.to_owned(), request.get(member).filter(|given| !given.is_null()).cloned().unwrap_or(value))
    };
    Map::from_iter([
        or("instructions", Value::Null),
        or("max_output_tokens", Value::Null),
        or("metadata", json!({})),
        or("parallel_tool_calls", json!(true)),
        or("previous_response_id", Value::Null),
        or("reasoning", json!({"effort": null, "summary": null})),
        or("store", json!(true)),
        or("temperature", Value::Null),
        or("text", json!({"format": {"type": "text"}})),
        or("tool_choice", json!("auto")),
        or("tools", json!([])),
        or("top_p", Value::Null),
        or("truncation", json!("disabled")),
        or("user", Value::Null),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: Value) -> Result<Request, Error> {
        Request::read(value.to_string().as_bytes())
    }

    #[test]
    fn items_become_messages() {
        let request = read(json!({"model": "m", "instructions": "be brief", "max_output_tokens": 5, "input": [
            {"role": "user", "content": "weather?"},
            {"type": "reasoning", "summary": []},
            {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"},
            {"type": "function_call", "call_id": "c2", "name": "look", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": "rain"},
        ], "tools": [{"type": "function", "name": "look", "parameters": {"type": "object"}}], "tool_choice": {"type": "function", "name": "look"}}))
        .expect("a request");
        let body = request.engine_body(&[json!({"role": "user", "content": "earlier"})]);
        let roles: Vec<&str> = body["messages"]
            .as_array()
            .expect("messages")
            .iter()
            .filter_map(|message| message["role"].as_str())
            .collect();
        assert_eq!(roles, ["system", "user", "user", "assistant", "tool"]);
        assert_eq!(body["messages"][3]["tool_calls"].as_array().map(Vec::len), Some(2));
        assert_eq!((&body["tools"][0]["function"]["name"], &body["max_tokens"]), (&json!("look"), &json!(5)));
        assert_eq!(body["tool_choice"]["function"]["name"], "look");
    }

    #[test]
    fn formats_and_images_are_translated() {
        let request = read(json!({"model": "m", "input": [{"role": "user", "content": [
            {"type": "input_text", "text": "what?"}, {"type": "input_image", "image_url": "data:image/png;base64,AA"}]}],
            "text": {"format": {"type": "json_schema", "name": "s", "schema": {"type": "object"}, "strict": true}}}))
        .expect("a request");
        let body = request.engine_body(&[]);
        assert_eq!(body["messages"][0]["content"][1]["image_url"]["url"], "data:image/png;base64,AA");
        assert_eq!(body["response_format"]["json_schema"]["name"], "s");
    }

    #[test]
    fn what_is_not_kept_is_refused() {
        for (bad, name) in [
            (json!({"model": "m"}), "input"),
            (json!({"model": "m", "input": []}), "input"),
            (json!({"input": "x"}), "model"),
            (json!({"model": "m", "input": "x", "background": true}), "background"),
            (json!({"model": "m", "input": "x", "conversation": "c"}), "conversation"),
            (json!({"model": "m", "input": "x", "tools": [{"type": "web_search"}]}), "tools[0]"),
            (json!({"model": "m", "input": [{"type": "item_reference", "id": "x"}]}), "input[0]"),
        ] {
            assert_eq!(read(bad).expect_err(name).param(), Some(name));
        }
    }
}
