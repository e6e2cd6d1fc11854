//! A consumer: asks the gateway as any OpenAI client does, and reads the comments an OGONG answer ends with.

use anyhow::{Context, Result, bail};
use futures::StreamExt;
use ogong_openai::sse::{EventReader, Payload};
use serde_json::{Value, json};

use crate::tools::MODEL_ID;

/// Bytes of one event at most.
const EVENT_BYTES_MAX: usize = 16 << 20;

/// An answer as a consumer has it.
#[derive(Debug, Clone, Default)]
pub struct Reply {
    /// Its name on the network.
    pub reply_id: String,
    /// The text.
    pub text: String,
    /// What the gateway found when it held the record against the text.
    pub finding: String,
}

/// What to ask.
#[derive(Debug, Clone)]
pub struct Question {
    /// The user's words.
    pub prompt: String,
    /// Answer tokens at most.
    pub max_tokens: u32,
    /// Sampling temperature.
    pub temperature: f64,
    /// Mass the sampler keeps.
    pub top_p: f64,
    /// Whether the answer is streamed.
    pub stream: bool,
}

impl Question {
    /// A streamed question at temperature 0.7.
    pub fn new(prompt: &str, max_tokens: u32) -> Self {
        Self { prompt: prompt.to_owned(), max_tokens, temperature: 0.7, top_p: 1.0, stream: true }
    }

    fn body(&self) -> Value {
        json!({
            "model": MODEL_ID, "messages": [{ "role": "user", "content": self.prompt }],
            "max_tokens": self.max_tokens, "temperature": self.temperature, "top_p": self.top_p,
            "stream": self.stream,
        })
    }
}

/// Asks, and hands each piece of text on as it comes.
///
/// # Errors
/// The gateway's refusal, or a stream that broke.
pub async fn ask(base: &str, question: &Question, mut piece: impl FnMut(&str)) -> Result<Reply> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let response = client.post(format!("{base}/v1/chat/completions")).json(&question.body()).send().await?;
    let header =
        |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let (reply_id, verdict) = (header("x-ogong-reply-id"), header("x-ogong-resp-hash"));
    if !response.status().is_success() {
        let (status, text) = (response.status(), response.text().await.unwrap_or_default());
        bail!("gateway refused ({status}): {text}");
    }
    if !question.stream {
        let answer: Value = response.json().await?;
        let text = answer["choices"][0]["message"]["content"].as_str().context("no content")?.to_owned();
        piece(&text);
        return Ok(Reply { reply_id, text, finding: verdict });
    }
    let mut reply = Reply { reply_id, ..Reply::default() };
    let mut reader = EventReader::new(EVENT_BYTES_MAX);
    let mut body = response.bytes_stream();
    let mut done = false;
    while let Some(bytes) = body.next().await {
        for event in reader.push(&bytes?)? {
            match event.payload {
                Payload::Data(data) => {
                    let chunk: Value = serde_json::from_slice(&data)?;
                    if let Some(error) = chunk.get("error") {
                        bail!("the answer failed: {error}");
                    }
                    if let Some(text) = chunk["choices"][0]["delta"]["content"].as_str() {
                        piece(text);
                        reply.text.push_str(text);
                    }
                }
                Payload::Comment(comment) => {
                    let comment = String::from_utf8_lossy(&comment);
                    if comment.starts_with("ogong-verified") || comment.starts_with("ogong-mismatch") {
                        reply.finding = comment.into_owned();
                    }
                }
                Payload::Done => done = true,
                Payload::Other => {}
            }
        }
    }
    if !done {
        bail!("the answer ended early");
    }
    Ok(reply)
}
