//! The work an engine is measured by: short prompts with long answers, or long prompts with one token.

use anyhow::{Result, ensure};
use bytes::Bytes;
use futures::{StreamExt, future::try_join_all};
use ogong_base::hash::ReplyId;
use ogong_engine::{EngineClient, Supervisor, client::CommitHeaders, wire::OrderLimits};
use ogong_openai::sse::{EventReader, Payload};
use serde_json::{Value, json};
use std::{future::Future, time::Instant};

/// Tokens of a long prompt, about.
const PROMPT_TOKENS: u32 = 512;
/// Numbers that are that many tokens: two digits, a comma and a blank each.
const PROMPT_NUMBERS: u32 = PROMPT_TOKENS / 4;
/// Where a story begins.
const STORY: &str = "Once upon a time, in a small town by the sea, there lived a lighthouse keeper who had never seen a ship. One morning";
const EVENT_BYTES_MAX: usize = 1 << 20;

/// What is asked.
#[derive(Debug, Clone)]
pub struct Load {
    prompt: String,
    /// Answer tokens.
    pub tokens: u32,
    /// Whether the prompt is what is measured.
    pub prefill: bool,
    /// Whether a prompt's beginning may come from memory; else it is computed each time.
    remembered: bool,
    temperature: f64,
}

/// Tokens per second of wall clock and of CPU; or, of one piece of work, just the seconds.
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    /// By the clock on the wall.
    pub wall: f64,
    /// By the time the engine's threads ran; not a number where the system does not tell.
    pub cpu: f64,
}

/// One answer, timed.
pub(super) struct Answer {
    /// When it was asked for.
    pub began: Instant,
    /// When its first token came.
    pub first: Instant,
    /// When it was over.
    pub end: Instant,
    /// Tokens of the prompt.
    pub n_prompt: u64,
    /// Tokens of the answer.
    pub n_tokens: u64,
}

fn counted(from: u32, to: u32) -> String {
    (from..to).map(|number| format!("{number}, ")).collect()
}

impl Load {
    /// Counting on: the model does not end by itself.
    pub fn decode(tokens: u32) -> Self {
        Self { prompt: counted(0, 13), tokens, prefill: false, remembered: false, temperature: 0.0 }
    }

    /// Telling a story at temperature 0.7: digests are as long as in real answers. May end before `tokens`.
    pub fn story(tokens: u32) -> Self {
        Self { prompt: STORY.to_owned(), tokens, prefill: false, remembered: false, temperature: 0.7 }
    }

    /// About 512 tokens of prompt.
    pub fn prefill() -> Self {
        let prompt = (0..).flat_map(|_| 10..100).take(PROMPT_NUMBERS as usize).map(|n| counted(n, n + 1)).collect();
        Self { prompt, tokens: 1, prefill: true, remembered: false, temperature: 0.0 }
    }

    /// About 512 tokens that all clients of a round begin with, and a few of each one's own, as chats with one system prompt do.
    pub fn shared(round: u32, client: u32, tokens: u32) -> Self {
        let numbers = (0..).flat_map(|_| 10..100).skip(1 + round as usize).take(PROMPT_NUMBERS as usize);
        let common: String = numbers.map(|n| counted(n, n + 1)).collect();
        let prompt = format!("Round {round}. {common}\nNow {client} again: {}", counted(0, 13));
        Self { prompt, tokens, prefill: false, remembered: true, temperature: 0.0 }
    }

    /// Prompt tokens to ask llama-bench for.
    pub fn prompt_tokens(&self) -> u32 {
        PROMPT_TOKENS
    }

    /// What an order would say.
    pub fn limits(&self) -> OrderLimits {
        OrderLimits { issued_ms: 0, max_tokens: self.tokens, n_ctx: 2048 }
    }

    /// The request.
    pub fn body(&self) -> Value {
        json!({
            "prompt": self.prompt, "temperature": self.temperature, "max_tokens": self.tokens,
            "stream": true, "stream_options": { "include_usage": true },
        })
    }

    /// Asks `sequences` times at once. Decoding is timed from the first token, prefill from the request.
    ///
    /// # Errors
    /// When the engine refuses or an answer ends early.
    pub async fn run(&self, engine: &Supervisor, sequences: u32, commit: bool) -> Result<Rate> {
        let cpu = cpu_seconds(engine);
        let reply_ids = (0..sequences).map(|n| commit.then(|| ReplyId::from_bytes([n as u8; 32])));
        let answers = try_join_all(reply_ids.map(|id| timed(engine.client(), self, id))).await?;
        let cpu = cpu_seconds(engine) - cpu;
        let tokens: u64 = answers.iter().map(|answer| answer.n_tokens).sum();
        let prompt: u64 = answers.iter().map(|answer| answer.n_prompt).sum();
        let began = answers.iter().map(|answer| if self.prefill { answer.began } else { answer.first }).min();
        let end = answers.iter().map(|answer| answer.end).max();
        let seconds = began.zip(end).map_or(f64::NAN, |(began, end)| (end - began).as_secs_f64());
        // The first token of each answer came with the prompt.
        let (timed, all) = if self.prefill { (prompt, prompt) } else { (tokens - u64::from(sequences), tokens) };
        Ok(Rate { wall: timed as f64 / seconds, cpu: all as f64 / cpu })
    }

    /// Seconds that a piece of work takes.
    ///
    /// # Errors
    /// When the work fails.
    pub async fn spent(&self, engine: &Supervisor, work: impl Future<Output = Result<()>>) -> Result<Rate> {
        let (cpu, began) = (cpu_seconds(engine), Instant::now());
        work.await?;
        Ok(Rate { wall: began.elapsed().as_secs_f64(), cpu: cpu_seconds(engine) - cpu })
    }
}

/// Asks once; committed if it has a name.
///
/// # Errors
/// When the engine refuses or the answer ends early.
pub async fn answer(client: &EngineClient, load: &Load, reply_id: Option<ReplyId>) -> Result<u64> {
    Ok(timed(client, load, reply_id).await?.n_tokens)
}

/// Asks once, and says when what came.
///
/// # Errors
/// As [`answer`].
pub(super) async fn timed(client: &EngineClient, load: &Load, reply_id: Option<ReplyId>) -> Result<Answer> {
    let began = Instant::now();
    let commit = reply_id.map(|reply_id| CommitHeaders { reply_id, limits: load.limits() });
    let mut request = load.body();
    if commit.is_none() {
        // A plain prompt would else be remembered from the run before; a committed one never is.
        request["cache_prompt"] = json!(load.remembered);
    }
    let response = client.forward("/v1/completions", Bytes::from(request.to_string()), commit).await?;
    ensure!(response.status().is_success(), "the engine refused: {}", response.text().await.unwrap_or_default());
    let mut reader = EventReader::new(EVENT_BYTES_MAX);
    let mut body = response.bytes_stream();
    let (mut first, mut usage) = (None, Value::Null);
    while let Some(bytes) = body.next().await {
        for event in reader.push(&bytes?)? {
            let Payload::Data(data) = event.payload else { continue };
            first.get_or_insert_with(Instant::now);
            let chunk: Value = serde_json::from_slice(&data)?;
            ensure!(chunk.get("error").is_none(), "the answer failed: {}", chunk["error"]);
            if chunk["usage"].is_object() {
                usage = chunk["usage"].clone();
            }
        }
    }
    let end = Instant::now();
    let count = |name: &str| usage[name].as_u64().unwrap_or(0);
    let (n_prompt, n_tokens) = (count("prompt_tokens"), count("completion_tokens"));
    ensure!(
        n_tokens == u64::from(load.tokens) || load.temperature > 0.0,
        "the answer ended at {n_tokens} of {} tokens",
        load.tokens
    );
    Ok(Answer { began, first: first.unwrap_or(end), end, n_prompt, n_tokens })
}

/// CPU time of all threads of an engine.
fn cpu_seconds(engine: &Supervisor) -> f64 {
    engine.pid().map_or(f64::NAN, cpu_of)
}

/// CPU time of all threads of a process, seconds.
pub(super) fn cpu_of(pid: u32) -> f64 {
    let Ok(tasks) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return f64::NAN };
    let nanoseconds: u64 = tasks
        .flatten()
        .filter_map(|task| std::fs::read_to_string(task.path().join("schedstat")).ok())
        .filter_map(|stat| stat.split(' ').next()?.parse::<u64>().ok())
        .sum();
    nanoseconds as f64 / 1e9
}
