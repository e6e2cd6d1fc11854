//! What one chunk of an engine's stream says, and what all of them say together. Every other dialect is written from these.
//!
//! The engine speaks llama-server's dialect of OpenAI's API: `choices[0].delta` or `.text`, `usage` and `timings` in the last chunks.

use crate::{answer::Usage, error::ErrorDetail};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How long the engine took, as llama-server reports it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Timings {
    /// Prompt tokens found in the prefix cache.
    pub cache_n: u32,
    /// Prompt tokens that were evaluated; those found in the prefix cache are not among them.
    pub prompt_n: u32,
    /// Milliseconds of prompt evaluation.
    pub prompt_ms: f64,
    /// Answer tokens.
    pub predicted_n: u32,
    /// Milliseconds of generation.
    pub predicted_ms: f64,
}

/// A part of a tool call: the first part names the function, all parts append to the arguments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallPiece {
    /// Position among the calls of the answer.
    pub index: usize,
    /// The call's name for its result; in the first part.
    pub id: Option<String>,
    /// The function; in the first part.
    pub name: Option<String>,
    /// JSON text to append.
    pub arguments: String,
}

/// What a chunk says of its first choice.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Piece {
    /// Answer text to append.
    pub text: String,
    /// Reasoning to append.
    pub thinking: String,
    /// Parts of tool calls.
    pub calls: Vec<CallPiece>,
    /// `logprobs.content`, one entry a token.
    pub logprobs: Vec<Value>,
    /// Why the answer ended: `stop`, `length`, `tool_calls`.
    pub finish: Option<String>,
    /// Token counts; in the last chunk.
    pub usage: Option<Usage>,
    /// Durations; in the last chunk.
    pub timings: Option<Timings>,
}

/// Why a chunk cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The engine failed during the answer and says why.
    #[error("{}", .0.message)]
    Engine(Box<ErrorDetail>),
    /// The bytes are no chunk.
    #[error("engine sent no chunk: {0}")]
    Malformed(String),
}

#[derive(Deserialize)]
struct RawChunk {
    #[serde(default)]
    choices: Vec<RawChoice>,
    #[serde(default)]
    usage: Option<Usage>,
    #[serde(default)]
    timings: Option<Timings>,
    #[serde(default)]
    error: Option<ErrorDetail>,
}

#[derive(Deserialize)]
struct RawChoice {
    #[serde(default)]
    index: u32,
    #[serde(default)]
    delta: Option<RawDelta>,
    #[serde(default)]
    message: Option<RawDelta>,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    finish_reason: Option<String>,
    #[serde(default)]
    logprobs: Option<RawLogprobs>,
}

#[derive(Default, Deserialize)]
struct RawDelta {
    #[serde(default)]
    content: Option<String>,
    #[serde(default)]
    reasoning_content: Option<String>,
    #[serde(default)]
    tool_calls: Option<Vec<RawCall>>,
}

#[derive(Deserialize)]
struct RawLogprobs {
    #[serde(default)]
    content: Option<Vec<Value>>,
}

#[derive(Deserialize)]
struct RawCall {
    #[serde(default)]
    index: Option<usize>,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    function: Option<RawFunction>,
}

#[derive(Deserialize)]
struct RawFunction {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    arguments: Option<String>,
}

impl Piece {
    /// Reads a chunk, or a whole answer, of either text endpoint.
    ///
    /// # Errors
    /// When it is neither, or an error of the engine.
    pub fn read(json: &[u8]) -> Result<Self, Error> {
        let raw: RawChunk = serde_json::from_slice(json).map_err(|error| Error::Malformed(error.to_string()))?;
        if let Some(error) = raw.error {
            return Err(Error::Engine(Box::new(error)));
        }
        let mut piece = Self { usage: raw.usage, timings: raw.timings, ..Self::default() };
        let Some(choice) = raw.choices.into_iter().find(|choice| choice.index == 0) else { return Ok(piece) };
        let delta = choice.delta.or(choice.message).unwrap_or_default();
        piece.text = choice.text.or(delta.content).unwrap_or_default();
        piece.thinking = delta.reasoning_content.unwrap_or_default();
        piece.calls = delta.tool_calls.unwrap_or_default().into_iter().enumerate().map(CallPiece::of).collect();
        piece.logprobs = choice.logprobs.and_then(|logprobs| logprobs.content).unwrap_or_default();
        piece.finish = choice.finish_reason;
        Ok(piece)
    }
}

impl CallPiece {
    fn of((position, raw): (usize, RawCall)) -> Self {
        let function = raw.function.unwrap_or(RawFunction { name: None, arguments: None });
        Self {
            index: raw.index.unwrap_or(position),
            id: raw.id.filter(|id| !id.is_empty()),
            name: function.name.filter(|name| !name.is_empty()),
            arguments: function.arguments.unwrap_or_default(),
        }
    }
}

/// A whole tool call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Call {
    /// The call's name for its result.
    pub id: String,
    /// The function.
    pub name: String,
    /// Its arguments, JSON text.
    pub arguments: String,
}

impl Call {
    /// The arguments as a value; text that is no JSON object stays a string, for the client to see.
    pub fn arguments_value(&self) -> Value {
        match serde_json::from_str(&self.arguments) {
            Ok(Value::Object(arguments)) => Value::Object(arguments),
            _ if self.arguments.trim().is_empty() => Value::Object(serde_json::Map::new()),
            _ => Value::String(self.arguments.clone()),
        }
    }
}

/// All pieces of an answer together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Turn {
    /// The answer.
    pub text: String,
    /// The reasoning before it.
    pub thinking: String,
    /// Pieces of reasoning, which the engine sends token by token.
    pub thinking_pieces: u32,
    /// Pieces that said anything: as many as the answer has tokens, or a few less, where a character is made of several.
    pub pieces: u32,
    /// Tool calls in order.
    pub calls: Vec<Call>,
    /// Log probabilities, one entry a token.
    pub logprobs: Vec<Value>,
    /// Why it ended.
    pub finish: Option<String>,
    /// Token counts.
    pub usage: Usage,
    /// Durations, where the engine gave them.
    pub timings: Option<Timings>,
}

/// Tool calls of one answer at most; an engine that names more has lost its way.
const CALLS_MAX: usize = 128;

impl Turn {
    /// Appends a piece.
    pub fn push(&mut self, piece: &Piece) {
        self.text.push_str(&piece.text);
        self.thinking.push_str(&piece.thinking);
        self.thinking_pieces += u32::from(!piece.thinking.is_empty());
        self.pieces += u32::from(!(piece.text.is_empty() && piece.thinking.is_empty() && piece.calls.is_empty()));
        self.logprobs.extend(piece.logprobs.iter().cloned());
        for part in &piece.calls {
            if part.index >= CALLS_MAX {
                continue;
            }
            if self.calls.len() <= part.index {
                self.calls.resize_with(part.index + 1, Call::default);
            }
            let Some(call) = self.calls.get_mut(part.index) else { continue };
            if let Some(id) = &part.id {
                call.id.clone_from(id);
            }
            if let Some(name) = &part.name {
                call.name.clone_from(name);
            }
            call.arguments.push_str(&part.arguments);
        }
        if piece.finish.is_some() {
            self.finish.clone_from(&piece.finish);
        }
        self.usage = piece.usage.unwrap_or(self.usage);
        self.timings = piece.timings.or(self.timings);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_adds_up_to_its_answer() {
        let chunks = [
            r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":null}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"reasoning_content":"hm"}}]}"#,
            r#"{"choices":[{"index":1,"delta":{"content":"other"}},{"index":0,"delta":{"content":"yes"}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c1","function":{"name":"add","arguments":"{\"a\""}}]}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":":1}"}}]}}]}"#,
            r#"{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}"#,
            r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7},"timings":{"prompt_n":3,"prompt_ms":1.5,"predicted_n":4,"predicted_ms":2.25}}"#,
        ];
        let mut turn = Turn::default();
        for chunk in chunks {
            turn.push(&Piece::read(chunk.as_bytes()).expect("a chunk"));
        }
        assert_eq!((turn.text.as_str(), turn.thinking.as_str()), ("yes", "hm"));
        assert_eq!(turn.calls, [Call { id: "c1".into(), name: "add".into(), arguments: r#"{"a":1}"#.into() }]);
        assert_eq!(turn.calls[0].arguments_value(), serde_json::json!({"a": 1}));
        assert_eq!((turn.finish.as_deref(), turn.usage.total_tokens), (Some("tool_calls"), 7));
        assert_eq!(turn.timings.map(|timings| (timings.prompt_n, timings.predicted_ms)), Some((3, 2.25)));
    }

    #[test]
    fn whole_answers_and_completions_are_read_too() {
        let answer =
            br#"{"choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}]}"#;
        assert_eq!(Piece::read(answer).expect("an answer").text, "hi");
        let completion = br#"{"choices":[{"index":0,"text":"ab","finish_reason":"length"}]}"#;
        assert_eq!(Piece::read(completion).expect("a completion").text, "ab");
    }

    #[test]
    fn errors_in_a_stream_are_the_engines() {
        let error = Piece::read(br#"{"error":{"message":"it broke","type":"server_error"}}"#).expect_err("an error");
        assert_eq!(error.to_string(), "it broke");
        assert!(matches!(Piece::read(b"<html>"), Err(Error::Malformed(_))));
    }

    #[test]
    fn arguments_that_are_no_object_stay_visible() {
        let call = |text: &str| Call { arguments: text.into(), ..Call::default() }.arguments_value();
        assert_eq!(call(""), serde_json::json!({}));
        assert_eq!(call("{\"a\""), serde_json::json!("{\"a\""));
    }
}
