//! Answers of the chat and completion endpoints, whole and in chunks, and the model list.
//!
//! Reading is lenient (unknown members are ignored, absent ones default); writing gives OpenAI's member order.

use serde::{Deserialize, Serialize};

/// Which of the two text endpoints a request came in on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `/v1/chat/completions`.
    Chat,
    /// `/v1/completions`.
    Completions,
}

impl Endpoint {
    /// The path, the same at every hop.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Chat => "/v1/chat/completions",
            Self::Completions => "/v1/completions",
        }
    }

    /// The text that the first choice of a streamed chunk adds; `None` when the bytes are no chunk of this endpoint.
    pub fn chunk_text(self, json: &[u8]) -> Option<String> {
        match self {
            Self::Chat => {
                let chunk: ChatChunk = serde_json::from_slice(json).ok()?;
                Some(
                    first(chunk.choices, |choice| choice.index)
                        .and_then(|choice| choice.delta.content)
                        .unwrap_or_default(),
                )
            }
            Self::Completions => text_of_completion(json),
        }
    }

    /// The text of the first choice of a whole answer; `None` when the bytes are no answer of this endpoint.
    pub fn answer_text(self, json: &[u8]) -> Option<String> {
        match self {
            Self::Chat => {
                let answer: ChatAnswer = serde_json::from_slice(json).ok()?;
                first(answer.choices, |choice| choice.index).map(|choice| choice.message.content.unwrap_or_default())
            }
            Self::Completions => text_of_completion(json),
        }
    }
}

fn text_of_completion(json: &[u8]) -> Option<String> {
    let answer: CompletionAnswer = serde_json::from_slice(json).ok()?;
    Some(first(answer.choices, |choice| choice.index).map(|choice| choice.text).unwrap_or_default())
}

fn first<T>(choices: Vec<T>, index: impl Fn(&T) -> u32) -> Option<T> {
    choices.into_iter().find(|choice| index(choice) == 0)
}

/// Token counts of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the rendered prompt.
    pub prompt_tokens: u32,
    /// Tokens of the answer, the end token among them.
    pub completion_tokens: u32,
    /// Their sum.
    pub total_tokens: u32,
}

/// One server-sent chunk of a chat answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatChunk {
    /// The same for every chunk of one answer.
    #[serde(default)]
    pub id: String,
    /// `chat.completion.chunk`.
    #[serde(default)]
    pub object: String,
    /// Unix seconds.
    #[serde(default)]
    pub created: u64,
    /// The model that answered.
    #[serde(default)]
    pub model: String,
    /// Empty in the usage chunk.
    pub choices: Vec<ChunkChoice>,
    /// Only in the last chunk, when asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
}

/// One choice within a [`ChatChunk`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkChoice {
    /// Position among the choices.
    #[serde(default)]
    pub index: u32,
    /// What this chunk adds.
    #[serde(default)]
    pub delta: Delta,
    /// Set in the last chunk of the choice.
    #[serde(default)]
    pub finish_reason: Option<String>,
}

/// What a chunk adds to a chat message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delta {
    /// In the first chunk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Text to append.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
}

/// A whole chat answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatAnswer {
    /// Names the answer.
    #[serde(default)]
    pub id: String,
    /// `chat.completion`.
    #[serde(default)]
    pub object: String,
    /// Unix seconds.
    #[serde(default)]
    pub created: u64,
    /// The model that answered.
    #[serde(default)]
    pub model: String,
    /// The answers.
    pub choices: Vec<ChatChoice>,
    /// Token counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
}

/// One choice of a [`ChatAnswer`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatChoice {
    /// Position among the choices.
    #[serde(default)]
    pub index: u32,
    /// The message.
    pub message: Message,
    /// Why it ended.
    #[serde(default)]
    pub finish_reason: Option<String>,
}

/// A chat message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// `assistant` in answers.
    pub role: String,
    /// The text.
    #[serde(default)]
    pub content: Option<String>,
}

/// A whole completion, and equally one streamed chunk of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompletionAnswer {
    /// Names the answer.
    #[serde(default)]
    pub id: String,
    /// `text_completion`.
    #[serde(default)]
    pub object: String,
    /// Unix seconds.
    #[serde(default)]
    pub created: u64,
    /// The model that answered.
    #[serde(default)]
    pub model: String,
    /// The answers.
    pub choices: Vec<CompletionChoice>,
    /// Token counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
}

/// One choice of a [`CompletionAnswer`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompletionChoice {
    /// Position among the choices.
    #[serde(default)]
    pub index: u32,
    /// The text, or what the chunk adds to it.
    #[serde(default)]
    pub text: String,
    /// Why it ended.
    #[serde(default)]
    pub finish_reason: Option<String>,
}

/// The answer of `/v1/models`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelList {
    /// `list`.
    pub object: String,
    /// The models.
    pub data: Vec<Model>,
}

/// One entry of a [`ModelList`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Model {
    /// `ogong/<tier>/<maker>/<model>`.
    pub id: String,
    /// `model`.
    pub object: String,
    /// Unix seconds.
    pub created: u64,
    /// The maker.
    pub owned_by: String,
}

impl ModelList {
    /// A list of `(id, maker)` pairs, all created at `created` (Unix seconds).
    pub fn new(models: impl IntoIterator<Item = (String, String)>, created: u64) -> Self {
        let data =
            models.into_iter().map(|(id, owned_by)| Model { id, object: "model".into(), created, owned_by }).collect();
        Self { object: "list".into(), data }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_that_of_the_first_choice() {
        let chunk =
            br#"{"choices":[{"index":1,"delta":{"content":"no"}},{"index":0,"delta":{"content":"yes"}}],"x":1}"#;
        assert_eq!(Endpoint::Chat.chunk_text(chunk).as_deref(), Some("yes"));
        assert_eq!(Endpoint::Chat.chunk_text(br#"{"choices":[],"usage":null}"#).as_deref(), Some(""));
        assert_eq!(Endpoint::Chat.chunk_text(br#"{"choices":[{"delta":{"role":"assistant"}}]}"#).as_deref(), Some(""));
        let answer =
            br#"{"choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}]}"#;
        assert_eq!(Endpoint::Chat.answer_text(answer).as_deref(), Some("hi"));
        assert_eq!(Endpoint::Completions.answer_text(br#"{"choices":[{"text":"ab"}]}"#).as_deref(), Some("ab"));
        assert_eq!(Endpoint::Chat.answer_text(br#"{"error":{}}"#), None);
        assert_eq!(Endpoint::Chat.chunk_text(b"[DONE]"), None);
    }

    #[test]
    fn a_chunk_writes_openai_members_in_order() {
        let chunk = ChatChunk {
            id: "a".into(),
            object: "chat.completion.chunk".into(),
            created: 1,
            model: "m".into(),
            choices: vec![ChunkChoice {
                index: 0,
                delta: Delta { role: None, content: Some("x".into()) },
                finish_reason: None,
            }],
            usage: None,
        };
        assert_eq!(
            serde_json::to_string(&chunk).unwrap(),
            r#"{"id":"a","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"x"},"finish_reason":null}]}"#
        );
    }
}
