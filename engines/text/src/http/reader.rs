//! Reads a chat's answer as it comes: thinking, content and tool calls, by the parser that llama.cpp made for the template.

use std::sync::Arc;

use llama_cpp_4::chat::ChatParams;
use serde::Deserialize;
use serde_json::{Value, json};

use super::random_id;

/// What an answer has said so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
struct Said {
    #[serde(default)]
    content: Option<String>,
    #[serde(default)]
    reasoning_content: Option<String>,
    #[serde(default)]
    tool_calls: Vec<Call>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
struct Call {
    #[serde(default)]
    id: Option<String>,
    function: Function,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
struct Function {
    #[serde(default)]
    name: String,
    #[serde(default)]
    arguments: String,
}

/// Reads one answer.
pub struct Reader {
    params: Arc<ChatParams>,
    raw: String,
    said: Said,
    ids: Vec<String>,
}

impl Reader {
    /// A reader for an answer to the chat that `params` rendered, which the prompt has already `begun`.
    pub fn new((params, begun): (Arc<ChatParams>, String)) -> Self {
        Self { params, raw: begun, said: Said::default(), ids: Vec::new() }
    }

    /// Takes more text and returns what it adds, as the deltas of chat chunks.
    pub fn push(&mut self, text: &str) -> Vec<Value> {
        self.raw.push_str(text);
        match self.parse(true) {
            Some(said) => self.advance(said),
            None => Vec::new(),
        }
    }

    /// Takes the end of the answer; `cut` when it ran into a limit, so that what it says may be incomplete.
    pub fn finish(&mut self, cut: bool) -> Vec<Value> {
        // What no parser of the family understands is shown as it stands.
        let as_is = || Said { content: Some(self.raw.clone()), ..Said::default() };
        let said = self.parse(cut).or_else(|| self.parse(true)).unwrap_or_else(as_is);
        self.advance(said)
    }

    /// Whether the answer calls tools.
    pub fn calls_tools(&self) -> bool {
        !self.said.tool_calls.is_empty()
    }

    /// The whole message.
    pub fn message(&self) -> Value {
        let Said { content, reasoning_content, tool_calls } = &self.said;
        let mut message = json!({"role": "assistant", "content": content});
        if let Some(thought) = reasoning_content.as_ref().filter(|thought| !thought.is_empty()) {
            message["reasoning_content"] = json!(thought);
        }
        if tool_calls.is_empty() {
            if content.is_none() {
                message["content"] = json!("");
            }
            return message;
        }
        if content.as_ref().is_some_and(String::is_empty) {
            message["content"] = Value::Null;
        }
        let calls = tool_calls.iter().zip(&self.ids).map(|(call, id)| {
            let Function { name, arguments } = &call.function;
            json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}})
        });
        message["tool_calls"] = calls.collect();
        message
    }

    fn parse(&self, partial: bool) -> Option<Said> {
        let text = self.params.parse(&self.raw, partial).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// Goes on to `said` and returns the deltas that lead there. What would take back something shown is passed over.
    fn advance(&mut self, said: Said) -> Vec<Value> {
        let mut deltas = Vec::new();
        let added = |before: Option<&String>, after: Option<&String>| {
            let before = before.map_or("", String::as_str);
            after.and_then(|after| after.strip_prefix(before)).filter(|added| !added.is_empty()).map(str::to_owned)
        };
        if let Some(thought) = added(self.said.reasoning_content.as_ref(), said.reasoning_content.as_ref()) {
            deltas.push(json!({"reasoning_content": thought}));
        }
        if let Some(content) = added(self.said.content.as_ref(), said.content.as_ref()) {
            deltas.push(json!({"content": content}));
        }
        for (index, call) in said.tool_calls.iter().enumerate() {
            if index >= self.ids.len() {
                let id = call.id.clone().filter(|id| !id.is_empty()).unwrap_or_else(|| format!("call_{}", random_id()));
                let function = json!({"name": call.function.name, "arguments": ""});
                deltas.push(json!({
                    "tool_calls": [{"index": index, "id": id, "type": "function", "function": function}]
                }));
                self.ids.push(id);
            }
            let before = self.said.tool_calls.get(index).map(|call| &call.function.arguments);
            if let Some(arguments) = added(before, Some(&call.function.arguments)) {
                deltas.push(json!({"tool_calls": [{"index": index, "function": {"arguments": arguments}}]}));
            }
        }
        if said.tool_calls.len() >= self.said.tool_calls.len() {
            self.said = said;
        }
        deltas
    }
}
