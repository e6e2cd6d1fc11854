//! A response object and the events that build it: `response.created`, then per output item its beginning, deltas and end, then
//! `response.completed` or `response.incomplete`. Events are numbered.

use super::Request;
use crate::piece::{Call, Piece, Turn};
use serde_json::{Map, Value, json};

/// Which output item is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Item {
    Reasoning,
    Message,
    Call(usize),
}

/// Writes one response.
#[derive(Clone, Debug)]
pub struct Writer {
    /// Hexadecimal; the response is `resp_` and this, its items are named after it.
    name: String,
    model: String,
    created: u64,
    echoed: Map<String, Value>,
    turn: Turn,
    open: Option<(Item, usize)>,
    /// Items that are whole.
    output: Vec<Value>,
    /// Text of the open item.
    pending: String,
    sequence: u64,
}

impl Writer {
    /// A writer for the response to `request`, named by `name`, begun at `created` (Unix seconds).
    pub fn new(name: &str, request: &Request, created: u64) -> Self {
        Self {
            name: name.to_owned(),
            model: request.model.clone(),
            created,
            echoed: request.echoed.clone(),
            turn: Turn::default(),
            open: None,
            output: Vec::new(),
            pending: String::new(),
            sequence: 0,
        }
    }

    /// The response's id.
    pub fn id(&self) -> String {
        format!("resp_{}", self.name)
    }

    /// What the answer adds to the conversation, in the engine's shape.
    pub fn answer(&self) -> Value {
        let mut message = json!({"role": "assistant", "content": self.turn.text});
        if !self.turn.calls.is_empty() {
            let call = |call: &Call| json!({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}});
            message["tool_calls"] = self.turn.calls.iter().map(call).collect();
        }
        message
    }

    /// The first events.
    pub fn start(&mut self) -> Vec<Value> {
        let response = self.response("in_progress");
        vec![
            self.event("response.created", json!({"response": response})),
            self.event("response.in_progress", json!({"response": response})),
        ]
    }

    /// Takes a piece; the events for it.
    pub fn push(&mut self, piece: &Piece) -> Vec<Value> {
        self.turn.push(piece);
        let mut events = Vec::new();
        if !piece.thinking.is_empty() {
            self.enter(Item::Reasoning, &mut events);
            self.pending.push_str(&piece.thinking);
            events.push(self.part_event("response.reasoning_text.delta", json!({"delta": piece.thinking})));
        }
        if !piece.text.is_empty() {
            self.enter(Item::Message, &mut events);
            self.pending.push_str(&piece.text);
            events.push(
                self.part_event("response.output_text.delta", json!({"delta": piece.text, "logprobs": piece.logprobs})),
            );
        }
        for call in &piece.calls {
            self.enter(Item::Call(call.index), &mut events);
            if !call.arguments.is_empty() {
                events
                    .push(self.item_event("response.function_call_arguments.delta", json!({"delta": call.arguments})));
            }
        }
        events
    }

    /// The last events, and the whole response.
    pub fn finish(&mut self) -> (Vec<Value>, Value) {
        let mut events = Vec::new();
        self.leave(&mut events);
        let cut = self.turn.finish.as_deref() == Some("length");
        let response = self.response(if cut { "incomplete" } else { "completed" });
        let name = if cut { "response.incomplete" } else { "response.completed" };
        events.push(self.event(name, json!({"response": response})));
        (events, response)
    }

    /// The event of an answer that failed on the way.
    pub fn fail(&mut self, code: &str, message: &str) -> Value {
        let mut response = self.response("failed");
        response["error"] = json!({"code": code, "message": message});
        self.event("response.failed", json!({"response": response}))
    }

    fn enter(&mut self, item: Item, events: &mut Vec<Value>) {
        if self.open.is_some_and(|(open, _)| open == item) {
            return;
        }
        self.leave(events);
        let index = self.output.len();
        self.open = Some((item, index));
        let begun = self.item(item, index, "in_progress");
        events.push(self.event("response.output_item.added", json!({"output_index": index, "item": begun})));
        if item == Item::Message {
            events.push(self.part_event("response.content_part.added", json!({"part": text_part("", &[])})));
        }
    }

    fn leave(&mut self, events: &mut Vec<Value>) {
        let Some((item, index)) = self.open else { return };
        match item {
            Item::Reasoning => {
                events.push(self.part_event("response.reasoning_text.done", json!({"text": self.pending})))
            }
            Item::Message => {
                let part = text_part(&self.pending, &self.turn.logprobs);
                events.push(self.part_event(
                    "response.output_text.done",
                    json!({"text": self.pending, "logprobs": self.turn.logprobs}),
                ));
                events.push(self.part_event("response.content_part.done", json!({"part": part})));
            }
            Item::Call(call) => {
                let call = self.turn.calls.get(call).cloned().unwrap_or_default();
                events.push(self.item_event(
                    "response.function_call_arguments.done",
                    json!({"arguments": call.arguments, "name": call.name}),
                ));
            }
        }
        let whole = self.item(item, index, "completed");
        events.push(self.event("response.output_item.done", json!({"output_index": index, "item": whole})));
        self.output.push(whole);
        self.pending.clear();
        self.open = None;
    }

    fn item(&self, item: Item, index: usize, status: &str) -> Value {
        let id = self.item_id(item, index);
        match item {
            Item::Reasoning => {
                json!({"id": id, "type": "reasoning", "status": status, "summary": [], "content": [{"type": "reasoning_text", "text": self.pending}]})
            }
            Item::Message => {
                let content = if status == "completed" {
                    vec![text_part(&self.pending, &self.turn.logprobs)]
                } else {
                    Vec::new()
                };
                json!({"id": id, "type": "message", "status": status, "role": "assistant", "content": content})
            }
            Item::Call(call) => {
                let call = self.turn.calls.get(call).cloned().unwrap_or_default();
                let arguments = if status == "completed" { call.arguments } else { String::new() };
                json!({"id": id, "type": "function_call", "status": status, "call_id": call.id, "name": call.name, "arguments": arguments})
            }
        }
    }

    fn item_id(&self, item: Item, index: usize) -> String {
        let prefix = match item {
            Item::Reasoning => "rs",
            Item::Message => "msg",
            Item::Call(_) => "fc",
        };
        format!("{prefix}_{}{index:02}", self.name)
    }

    fn event(&mut self, name: &str, members: Value) -> Value {
        let mut event = Map::new();
        event.insert("type".into(), name.into());
        event.insert("sequence_number".into(), self.sequence.into());
        self.sequence += 1;
        if let Value::Object(members) = members {
            event.extend(members);
        }
        Value::Object(event)
    }

    /// An event of the open item.
    fn item_event(&mut self, name: &str, mut members: Value) -> Value {
        if let Some((item, index)) = self.open {
            members["item_id"] = self.item_id(item, index).into();
            members["output_index"] = index.into();
        }
        self.event(name, members)
    }

    /// An event of the open item's only part.
    fn part_event(&mut self, name: &str, mut members: Value) -> Value {
        members["content_index"] = 0.into();
        self.item_event(name, members)
    }

    fn response(&self, status: &str) -> Value {
        let mut response = Map::new();
        let usage = self.turn.usage;
        let cached = self.turn.timings.map_or(0, |timings| timings.cache_n);
        for (member, value) in [
            ("id", self.id().into()),
            ("object", "response".into()),
            ("created_at", self.created.into()),
            ("status", status.into()),
            ("error", Value::Null),
            (
                "incomplete_details",
                if status == "incomplete" { json!({"reason": "max_output_tokens"}) } else { Value::Null },
            ),
            ("model", self.model.clone().into()),
            ("output", self.output.clone().into()),
        ] {
            response.insert(member.into(), value);
        }
        response.extend(self.echoed.clone());
        let counts = json!({"input_tokens": usage.prompt_tokens, "input_tokens_details": {"cached_tokens": cached}, "output_tokens": usage.completion_tokens,
            "output_tokens_details": {"reasoning_tokens": self.turn.thinking_pieces}, "total_tokens": usage.total_tokens});
        response.insert("usage".into(), if status == "in_progress" { Value::Null } else { counts });
        Value::Object(response)
    }
}

fn text_part(text: &str, logprobs: &[Value]) -> Value {
    json!({"type": "output_text", "text": text, "annotations": [], "logprobs": logprobs})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(chunks: &[&str]) -> (Vec<Value>, Value) {
        let request = Request::read(br#"{"model":"m","input":"hi"}"#).expect("a request");
        let mut writer = Writer::new("ab", &request, 7);
        let mut events = writer.start();
        for chunk in chunks {
            events.extend(writer.push(&Piece::read(chunk.as_bytes()).expect("a chunk")));
        }
        let (last, response) = writer.finish();
        events.extend(last);
        (events, response)
    }

    #[test]
    fn items_are_opened_filled_and_closed_in_order() {
        let (events, response) = written(&[
            r#"{"choices":[{"index":0,"delta":{"reasoning_content":"hm"}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"content":"Yes"}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"content":"."}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"tool_calls"}]}"#,
            r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}"#,
        ]);
        let names: Vec<&str> = events
            .iter()
            .filter_map(|event| event["type"].as_str())
            .map(|name| name.trim_start_matches("response."))
            .collect();
        assert_eq!(
            names,
            [
                "created",
                "in_progress",
                "output_item.added",
                "reasoning_text.delta",
                "reasoning_text.done",
                "output_item.done",
                "output_item.added",
                "content_part.added",
                "output_text.delta",
                "output_text.delta",
                "output_text.done",
                "content_part.done",
                "output_item.done",
                "output_item.added",
                "function_call_arguments.delta",
                "function_call_arguments.done",
                "output_item.done",
                "completed"
            ]
        );
        assert!(events.iter().enumerate().all(|(number, event)| event["sequence_number"] == number));
        assert_eq!(
            (&response["output"][1]["content"][0]["text"], &response["output"][2]["call_id"]),
            (&json!("Yes."), &json!("c"))
        );
        assert_eq!((&response["usage"]["total_tokens"], &response["status"]), (&json!(7), &json!("completed")));
    }

    #[test]
    fn an_answer_that_was_cut_says_so() {
        let (events, response) =
            written(&[r#"{"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":"length"}]}"#]);
        assert_eq!(events.last().map(|event| event["type"].clone()), Some(json!("response.incomplete")));
        assert_eq!(response["incomplete_details"]["reason"], "max_output_tokens");
    }
}
