//! Answers of `/api/chat` and `/api/generate`: one JSON object a line, the last with counts and durations.

use super::format;
use crate::{
    piece::{Call, Piece, Turn},
    time::rfc3339,
};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Which of the two a client asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `message` objects.
    Chat,
    /// `response` strings.
    Generate,
}

/// What the server measured around an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// From the request's arrival to its end.
    pub total: Duration,
    /// Waiting for the model to be loaded.
    pub load: Duration,
    /// From asking the engine to its first token; stands in for the prompt's time where the engine gives none.
    pub first: Duration,
}

/// Writes the lines of one answer.
#[derive(Clone, Debug)]
pub struct Writer {
    kind: Kind,
    model: String,
    show_thinking: bool,
    turn: Turn,
}

impl Writer {
    /// A writer for an answer of `model`, as the client wrote it.
    pub fn new(kind: Kind, model: &str, show_thinking: bool) -> Self {
        Self { kind, model: model.to_owned(), show_thinking, turn: Turn::default() }
    }

    /// Everything so far.
    pub fn turn(&self) -> &Turn {
        &self.turn
    }

    /// Takes a piece; the line to send for it, if there is something to show. Tool calls come whole, in [`Writer::finish`].
    pub fn push(&mut self, piece: &Piece, now_micros: u64) -> Option<Value> {
        self.turn.push(piece);
        let thinking = if self.show_thinking { piece.thinking.as_str() } else { "" };
        if piece.text.is_empty() && thinking.is_empty() {
            return None;
        }
        let mut line = self.line(&piece.text, thinking, &[], now_micros);
        line.insert("done".into(), false.into());
        if !piece.logprobs.is_empty() {
            line.insert("logprobs".into(), piece.logprobs.iter().map(format::logprob).collect());
        }
        Some(Value::Object(line))
    }

    /// The lines that end a stream: the tool calls, if there are some, and the counts.
    pub fn finish(self, measured: Measured, context: Option<Vec<u32>>, now_micros: u64) -> Vec<Value> {
        let mut lines = Vec::new();
        if !self.turn.calls.is_empty() {
            let mut line = self.line("", "", &self.turn.calls, now_micros);
            line.insert("done".into(), false.into());
            lines.push(Value::Object(line));
        }
        let line = self.line("", "", &[], now_micros);
        lines.push(self.counted(line, measured, context));
        lines
    }

    /// The one object of an answer that is not streamed.
    pub fn whole(self, measured: Measured, context: Option<Vec<u32>>, now_micros: u64) -> Value {
        let thinking = if self.show_thinking { self.turn.thinking.as_str() } else { "" };
        let mut line = self.line(&self.turn.text, thinking, &self.turn.calls, now_micros);
        if !self.turn.logprobs.is_empty() {
            line.insert("logprobs".into(), self.turn.logprobs.iter().map(format::logprob).collect());
        }
        self.counted(line, measured, context)
    }

    fn line(&self, text: &str, thinking: &str, calls: &[Call], now_micros: u64) -> Map<String, Value> {
        let mut line = head(&self.model, now_micros);
        match self.kind {
            Kind::Chat => {
                let mut message = Map::new();
                message.insert("role".into(), "assistant".into());
                message.insert("content".into(), text.into());
                if !thinking.is_empty() {
                    message.insert("thinking".into(), thinking.into());
                }
                if !calls.is_empty() {
                    message.insert("tool_calls".into(), calls.iter().enumerate().map(written_call).collect());
                }
                line.insert("message".into(), message.into());
            }
            Kind::Generate => {
                line.insert("response".into(), text.into());
                if !thinking.is_empty() {
                    line.insert("thinking".into(), thinking.into());
                }
            }
        }
        line
    }

    fn counted(&self, mut line: Map<String, Value>, measured: Measured, context: Option<Vec<u32>>) -> Value {
        line.insert("done".into(), true.into());
        // Ollama knows no reason of its own for tool calls.
        let reason = if self.turn.finish.as_deref() == Some("length") { "length" } else { "stop" };
        line.insert("done_reason".into(), reason.into());
        if let Some(context) = context {
            line.insert("context".into(), context.into());
        }
        let asked = measured.total.saturating_sub(measured.load);
        let (prompt, answer) = match self.turn.timings {
            Some(timings) => (milliseconds(timings.prompt_ms), milliseconds(timings.predicted_ms)),
            None => (nanos(measured.first), nanos(asked.saturating_sub(measured.first))),
        };
        for (member, value) in [
            ("total_duration", nanos(measured.total)),
            ("load_duration", nanos(measured.load)),
            ("prompt_eval_count", self.turn.usage.prompt_tokens.into()),
            ("prompt_eval_duration", prompt),
            ("eval_count", self.turn.usage.completion_tokens.into()),
            ("eval_duration", answer),
        ] {
            line.insert(member.into(), value.into());
        }
        Value::Object(line)
    }
}

/// The one object for a request that only loaded (`load`) or unloaded (`unload`) the model.
pub fn loaded(kind: Kind, model: &str, reason: &str, now_micros: u64) -> Value {
    let mut line = head(model, now_micros);
    match kind {
        Kind::Chat => line.insert("message".into(), json!({"role": "assistant", "content": ""})),
        Kind::Generate => line.insert("response".into(), "".into()),
    };
    line.insert("done".into(), true.into());
    line.insert("done_reason".into(), reason.into());
    Value::Object(line)
}

fn head(model: &str, now_micros: u64) -> Map<String, Value> {
    let mut line = Map::new();
    line.insert("model".into(), model.into());
    line.insert("created_at".into(), rfc3339(now_micros).into());
    line
}

fn written_call((index, call): (usize, &Call)) -> Value {
    json!({"id": call.id, "function": {"index": index, "name": call.name, "arguments": call.arguments_value()}})
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn milliseconds(ms: f64) -> u64 {
    Duration::try_from_secs_f64(ms / 1_000.0).map_or(0, nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(json: &str) -> Piece {
        Piece::read(json.as_bytes()).expect("a chunk")
    }

    fn written(writer: &mut Writer) -> Vec<Value> {
        [
            r#"{"choices":[{"index":0,"delta":{"role":"assistant"}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"reasoning_content":"so"}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"content":"Hi"}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"{\"x\":1}"}}]}}]}"#,
            r#"{"choices":[{"index":0,"delta":{},"finish_reason":"length"}],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7},"timings":{"prompt_n":3,"prompt_ms":1.5,"predicted_n":4,"predicted_ms":2.5}}"#,
        ]
        .iter()
        .filter_map(|chunk| writer.push(&piece(chunk), 0))
        .collect()
    }

    #[test]
    fn a_chat_streams_lines_and_ends_with_counts() {
        let mut writer = Writer::new(Kind::Chat, "m", true);
        let lines = written(&mut writer);
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0]["message"]["thinking"], "so");
        assert_eq!(
            lines[1].to_string(),
            r#"{"model":"m","created_at":"1970-01-01T00:00:00.000000Z","message":{"role":"assistant","content":"Hi"},"done":false}"#
        );
        let measured = Measured { total: Duration::from_millis(9), ..Measured::default() };
        let end = writer.finish(measured, None, 0);
        assert_eq!(end[0]["message"]["tool_calls"][0]["function"]["arguments"]["x"], 1);
        assert_eq!((&end[1]["done"], &end[1]["done_reason"]), (&json!(true), &json!("length")));
        assert_eq!((&end[1]["eval_count"], &end[1]["eval_duration"]), (&json!(4), &json!(2_500_000)));
        assert_eq!(
            (&end[1]["prompt_eval_duration"], &end[1]["total_duration"]),
            (&json!(1_500_000), &json!(9_000_000))
        );
    }

    #[test]
    fn an_answer_in_one_piece_holds_everything() {
        let mut writer = Writer::new(Kind::Generate, "m", false);
        written(&mut writer);
        let whole = writer.whole(Measured::default(), Some(vec![1, 2]), 0);
        assert_eq!((&whole["response"], &whole["context"]), (&json!("Hi"), &json!([1, 2])));
        assert!(whole.get("thinking").is_none(), "not wanted, not shown");
    }

    #[test]
    fn without_the_engines_timings_the_servers_count() {
        let mut writer = Writer::new(Kind::Chat, "m", true);
        writer.push(&piece(r#"{"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":"stop"}]}"#), 0);
        let measured = Measured {
            total: Duration::from_millis(100),
            load: Duration::from_millis(20),
            first: Duration::from_millis(30),
        };
        let whole = writer.whole(measured, None, 0);
        assert_eq!((&whole["prompt_eval_duration"], &whole["eval_duration"]), (&json!(30_000_000), &json!(50_000_000)));
    }
}
