//! A message and its events: `message_start`, per block start, deltas and stop, `message_delta` with the counts, `message_stop`.

use crate::piece::{CallPiece, Piece, Turn};
use serde_json::{Value, json};

/// Which block is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Block {
    Thinking,
    Text,
    Call(usize),
}

/// Writes the events of one answer.
#[derive(Clone, Debug)]
pub struct Writer {
    id: String,
    model: String,
    turn: Turn,
    open: Option<Block>,
    /// Blocks begun so far.
    blocks: usize,
}

impl Writer {
    /// A writer for an answer named `id` of `model`, as the client wrote it.
    pub fn new(id: &str, model: &str) -> Self {
        Self { id: id.to_owned(), model: model.to_owned(), turn: Turn::default(), open: None, blocks: 0 }
    }

    /// The first event.
    pub fn start(&self) -> Value {
        let message = json!({"id": self.id, "type": "message", "role": "assistant", "model": self.model, "content": [],
            "stop_reason": null, "stop_sequence": null, "usage": {"input_tokens": 0, "output_tokens": 0}});
        json!({"type": "message_start", "message": message})
    }

    /// Takes a piece; the events for it.
    pub fn push(&mut self, piece: &Piece) -> Vec<Value> {
        self.turn.push(piece);
        let mut events = Vec::new();
        if !piece.thinking.is_empty() {
            self.enter(Block::Thinking, || json!({"type": "thinking", "thinking": "", "signature": ""}), &mut events);
            events.push(self.delta(json!({"type": "thinking_delta", "thinking": piece.thinking})));
        }
        if !piece.text.is_empty() {
            self.enter(Block::Text, || json!({"type": "text", "text": ""}), &mut events);
            events.push(self.delta(json!({"type": "text_delta", "text": piece.text})));
        }
        for call in &piece.calls {
            self.call(call, &mut events);
        }
        events
    }

    fn call(&mut self, call: &CallPiece, events: &mut Vec<Value>) {
        let (id, name) = (call.id.clone().unwrap_or_default(), call.name.clone().unwrap_or_default());
        self.enter(
            Block::Call(call.index),
            || json!({"type": "tool_use", "id": id, "name": name, "input": {}}),
            events,
        );
        if !call.arguments.is_empty() {
            events.push(self.delta(json!({"type": "input_json_delta", "partial_json": call.arguments})));
        }
    }

    fn enter(&mut self, block: Block, content: impl FnOnce() -> Value, events: &mut Vec<Value>) {
        if self.open == Some(block) {
            return;
        }
        events.extend(self.leave());
        events.push(json!({"type": "content_block_start", "index": self.blocks, "content_block": content()}));
        self.open = Some(block);
        self.blocks += 1;
    }

    fn leave(&mut self) -> Option<Value> {
        self.open.take().map(|_| json!({"type": "content_block_stop", "index": self.blocks.saturating_sub(1)}))
    }

    fn delta(&self, delta: Value) -> Value {
        json!({"type": "content_block_delta", "index": self.blocks.saturating_sub(1), "delta": delta})
    }

    /// The last events.
    pub fn finish(mut self) -> Vec<Value> {
        let mut events: Vec<Value> = self.leave().into_iter().collect();
        let delta = json!({"stop_reason": stop_reason(&self.turn), "stop_sequence": null});
        events.push(json!({"type": "message_delta", "delta": delta, "usage": usage(&self.turn)}));
        events.push(json!({"type": "message_stop"}));
        events
    }
}

/// A whole message.
pub fn message(id: &str, model: &str, turn: &Turn) -> Value {
    let mut content = Vec::new();
    if !turn.thinking.is_empty() {
        content.push(json!({"type": "thinking", "thinking": turn.thinking, "signature": ""}));
    }
    if !turn.text.is_empty() {
        content.push(json!({"type": "text", "text": turn.text}));
    }
    for call in &turn.calls {
        content.push(json!({"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments_value()}));
    }
    json!({"id": id, "type": "message", "role": "assistant", "model": model, "content": content,
        "stop_reason": stop_reason(turn), "stop_sequence": null, "usage": usage(turn)})
}

/// One event as it goes over the wire.
pub fn frame(event: &Value) -> String {
    format!("event: {}\ndata: {event}\n\n", event.get("type").and_then(Value::as_str).unwrap_or("error"))
}

fn stop_reason(turn: &Turn) -> &'static str {
    match turn.finish.as_deref() {
        Some("length") => "max_tokens",
        Some("tool_calls") => "tool_use",
        _ => "end_turn",
    }
}

fn usage(turn: &Turn) -> Value {
    // Anthropic counts what came from a cache apart.
    let cached = turn.timings.map_or(0, |timings| timings.cache_n).min(turn.usage.prompt_tokens);
    json!({"input_tokens": turn.usage.prompt_tokens - cached, "cache_read_input_tokens": cached, "cache_creation_input_tokens": 0,
        "output_tokens": turn.usage.completion_tokens})
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHUNKS: [&str; 5] = [
        r#"{"choices":[{"index":0,"delta":{"reasoning_content":"hm"}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"content":"Yes"}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"content":"."}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"t","function":{"name":"f","arguments":"{}"}}]}}]}"#,
        r#"{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}"#,
    ];

    #[test]
    fn events_open_and_close_each_block_once() {
        let mut writer = Writer::new("msg_1", "m");
        let mut events = vec![writer.start()];
        for chunk in CHUNKS {
            events.extend(writer.push(&Piece::read(chunk.as_bytes()).expect("a chunk")));
        }
        events.extend(writer.finish());
        let names: Vec<String> = events
            .iter()
            .map(|event| {
                format!(
                    "{}{}",
                    event["type"].as_str().unwrap_or_default(),
                    event.get("index").map_or(String::new(), |index| format!(" {index}"))
                )
            })
            .collect();
        assert_eq!(
            names,
            [
                "message_start",
                "content_block_start 0",
                "content_block_delta 0",
                "content_block_stop 0",
                "content_block_start 1",
                "content_block_delta 1",
                "content_block_delta 1",
                "content_block_stop 1",
                "content_block_start 2",
                "content_block_delta 2",
                "content_block_stop 2",
                "message_delta",
                "message_stop"
            ]
        );
        assert_eq!(events[11]["delta"]["stop_reason"], "tool_use");
        assert!(frame(&events[12]).starts_with("event: message_stop\ndata: {"));
    }

    #[test]
    fn a_whole_message_holds_the_same() {
        let mut turn = Turn::default();
        for chunk in CHUNKS {
            turn.push(&Piece::read(chunk.as_bytes()).expect("a chunk"));
        }
        let message = message("msg_1", "m", &turn);
        assert_eq!((&message["content"][1]["text"], &message["content"][2]["input"]), (&json!("Yes."), &json!({})));
        assert_eq!(message["usage"]["output_tokens"], 4);
    }
}
