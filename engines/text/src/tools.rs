//! Tools for models whose template knows none: told in words, called in the form that most open models were trained on.
//!
//! The prompt is rendered by the model's own template, with the tools in its system message and earlier calls and results as
//! text. Grammar and parser come from llama.cpp's code for [`TEMPLATE`], which writes calls the same way:
//! `<tool_call>{"name": …, "arguments": …}</tool_call>`, the form of Hermes and Qwen 2.5.

use std::fmt::Write as _;

use serde_json::{Value, json};

/// A template that llama.cpp makes grammar and parser of.
pub const TEMPLATE: &str = include_str!("tools.jinja");

/// The messages with the tools told and earlier calls and results written out.
pub fn told(messages: &Value, tools: &[Value]) -> Value {
    let mut list: Vec<Value> = messages.as_array().map(|list| list.iter().map(written).collect()).unwrap_or_default();
    let told = introduction(tools);
    match list.first_mut().filter(|first| first["role"] == "system") {
        Some(system) => system["content"] = json!(format!("{}\n\n{told}", text_of(&system["content"]))),
        None => list.insert(0, json!({"role": "system", "content": told})),
    }
    list.into()
}

fn introduction(tools: &[Value]) -> String {
    let mut text = String::from(
        "# Tools\n\nYou may call one or more functions to assist with the user query.\n\nYou are provided with function \
         signatures within <tools></tools> XML tags:\n<tools>\n",
    );
    for tool in tools {
        let _ = writeln!(text, "{tool}");
    }
    text.push_str(
        "</tools>\n\nFor each function call, return a json object with function name and arguments within \
         <tool_call></tool_call> XML tags:\n<tool_call>\n{\"name\": <function-name>, \"arguments\": \
         <args-json-object>}\n</tool_call>",
    );
    text
}

/// A message as text: calls of the assistant, results of tools.
fn written(message: &Value) -> Value {
    match message["role"].as_str() {
        Some("tool") => {
            let content = format!("<tool_response>\n{}\n</tool_response>", text_of(&message["content"]));
            json!({"role": "user", "content": content})
        }
        Some("assistant") if message["tool_calls"].is_array() => {
            let mut content = text_of(&message["content"]);
            for call in message["tool_calls"].as_array().into_iter().flatten() {
                let function = &call["function"];
                // Arguments come as JSON in a string; what is no JSON is shown as it stands.
                let arguments = match &function["arguments"] {
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                let name = &function["name"];
                let _ =
                    write!(content, "\n<tool_call>\n{{\"name\": {name}, \"arguments\": {arguments}}}\n</tool_call>");
            }
            json!({"role": "assistant", "content": content.trim_start()})
        }
        _ => message.clone(),
    }
}

/// The text of a message's content, string or parts.
fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_and_results_become_text() {
        let messages = json!([
            {"role": "user", "content": "Sky?"},
            {"role": "assistant", "content": null, "tool_calls": [
                {"id": "a", "type": "function", "function": {"name": "look", "arguments": "{\"up\":true}"}},
            ]},
            {"role": "tool", "tool_call_id": "a", "content": "blue"},
        ]);
        let told = told(&messages, &[json!({"type": "function", "function": {"name": "look"}})]);
        let list = told.as_array().expect("a list");
        assert_eq!((list.len(), &list[0]["role"]), (4, &json!("system")));
        assert!(list[0]["content"].as_str().is_some_and(|text| text.contains(r#""name":"look""#)));
        assert_eq!(list[2]["content"], "<tool_call>\n{\"name\": \"look\", \"arguments\": {\"up\":true}}\n</tool_call>");
        assert_eq!(list[3], json!({"role": "user", "content": "<tool_response>\nblue\n</tool_response>"}));
        let own = super::told(&json!([{"role": "system", "content": "Be brief."}]), &[]);
        assert!(own[0]["content"].as_str().is_some_and(|text| text.starts_with("Be brief.\n\n# Tools")));
    }
}
