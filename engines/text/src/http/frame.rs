//! Answers in OpenAI's frames: whole, and as server-sent events; with llama-server's `timings`.

use ogong_openai::Endpoint;
use serde_json::{Map, Value, json};

use super::reader::Reader;
use crate::logprobs::{Likely, TokenLogprobs};
use crate::model::Model;
use crate::slot::{Done, Finish};
use crate::stop::Utf8Assembler;
use crate::timings::Timings;

/// What every frame of one answer repeats.
#[derive(Clone, Debug)]
pub struct Head {
    /// Chat or completion.
    pub endpoint: Endpoint,
    /// The answer's id.
    pub id: String,
    /// The model's name as the client wrote it.
    pub model: String,
    /// Unix seconds.
    pub created: u64,
}

/// One of a request's answers as it comes in.
pub struct Choice {
    index: usize,
    assembler: Utf8Assembler,
    reader: Option<Reader>,
    /// Text so far; kept for whole answers only.
    text: String,
    /// Bytes of text so far, for the offsets of completions.
    offset: usize,
    logprobs: Vec<Value>,
    done: Option<Done>,
}

impl Choice {
    /// The answer of this index.
    pub fn new(index: usize, reader: Option<Reader>) -> Self {
        Self {
            index,
            assembler: Utf8Assembler::default(),
            reader,
            text: String::new(),
            offset: 0,
            logprobs: Vec::new(),
            done: None,
        }
    }

    /// Takes bytes of a whole answer.
    pub fn keep(&mut self, bytes: &[u8]) {
        let text = self.assembler.push(bytes);
        self.text.push_str(&text);
    }

    /// Takes the end of a whole answer.
    pub fn keep_end(&mut self, done: Done) {
        let rest = self.assembler.finish();
        self.text.push_str(&rest);
        if let Some(reader) = &mut self.reader {
            reader.push(&self.text);
            reader.finish(done.finish == Finish::Length);
        }
        self.done = Some(done);
    }

    /// Takes how likely the next token is.
    pub fn likely(&mut self, endpoint: Endpoint, model: &Model, measured: &TokenLogprobs) {
        let entry = match endpoint {
            Endpoint::Chat => chat_logprobs(model, measured),
            Endpoint::Completions => completion_logprobs(model, measured, &mut self.offset),
        };
        self.logprobs.push(entry);
    }

    /// What happened at the end, once it is there.
    pub fn done(&self) -> Option<&Done> {
        self.done.as_ref()
    }

    fn finish_reason(&self) -> &'static str {
        match &self.done {
            Some(done) if done.finish != Finish::Length && self.reader.as_ref().is_some_and(Reader::calls_tools) => {
                "tool_calls"
            }
            Some(done) => done.finish.reason(),
            None => "length",
        }
    }

    fn taken_logprobs(&mut self, endpoint: Endpoint) -> Value {
        let entries = std::mem::take(&mut self.logprobs);
        if entries.is_empty() {
            return Value::Null;
        }
        match endpoint {
            Endpoint::Chat => json!({"content": entries}),
            Endpoint::Completions => {
                let column = |name: &str| entries.iter().map(|entry| entry[name].clone()).collect::<Value>();
                json!({
                    "tokens": column("token"), "token_logprobs": column("logprob"),
                    "top_logprobs": column("top"), "text_offset": column("offset"),
                })
            }
        }
    }
}

impl Head {
    /// The whole answer of `choices`, all of them done; `per_prompt` of them share a prompt.
    pub fn answer(&self, choices: &mut [Choice], per_prompt: usize) -> String {
        let dones: Vec<Done> = choices.iter().filter_map(|choice| choice.done.clone()).collect();
        let list: Vec<Value> = choices
            .iter_mut()
            .map(|choice| {
                let logprobs = choice.taken_logprobs(self.endpoint);
                let finish_reason = choice.finish_reason();
                match self.endpoint {
                    Endpoint::Chat => {
                        let plain = || json!({"role": "assistant", "content": choice.text});
                        let message = choice.reader.as_ref().map_or_else(plain, Reader::message);
                        json!({
                            "index": choice.index, "message": message, "logprobs": logprobs,
                            "finish_reason": finish_reason,
                        })
                    }
                    Endpoint::Completions => json!({
                        "index": choice.index, "text": choice.text, "logprobs": logprobs,
                        "finish_reason": finish_reason,
                    }),
                }
            })
            .collect();
        let object = match self.endpoint {
            Endpoint::Chat => "chat.completion",
            Endpoint::Completions => "text_completion",
        };
        let mut answer = self.frame(object, list.into());
        answer["usage"] = usage(&dones, per_prompt);
        answer["timings"] = json!(timings(&dones));
        answer.to_string()
    }

    /// The first chunk of a chat's answer.
    pub fn opening(&self, choice: &Choice) -> Option<String> {
        let delta = json!({"role": "assistant", "content": ""});
        (self.endpoint == Endpoint::Chat).then(|| self.chat_chunk(choice.index, delta, Value::Null, None).to_string())
    }

    /// The chunks that more bytes make; none while a character or a tool call is incomplete.
    pub fn chunks(&self, choice: &mut Choice, bytes: &[u8]) -> Vec<String> {
        let text = choice.assembler.push(bytes);
        self.text_chunks(choice, &text)
    }

    fn text_chunks(&self, choice: &mut Choice, text: &str) -> Vec<String> {
        if text.is_empty() {
            return Vec::new();
        }
        let (endpoint, index) = (self.endpoint, choice.index);
        if endpoint == Endpoint::Completions {
            let logprobs = choice.taken_logprobs(endpoint);
            return vec![self.completion_chunk(index, text, logprobs, None).to_string()];
        }
        let deltas = match &mut choice.reader {
            Some(reader) => reader.push(text),
            None => vec![json!({"content": text})],
        };
        self.delta_chunks(choice, deltas)
    }

    fn delta_chunks(&self, choice: &mut Choice, deltas: Vec<Value>) -> Vec<String> {
        let chunk = |delta| {
            let logprobs = choice.taken_logprobs(self.endpoint);
            self.chat_chunk(choice.index, delta, logprobs, None).to_string()
        };
        deltas.into_iter().map(chunk).collect()
    }

    /// The last chunks of an answer: what was held back, and why it ended.
    pub fn closing(&self, choice: &mut Choice, done: Done) -> Vec<String> {
        let rest = choice.assembler.finish();
        let mut chunks = self.text_chunks(choice, &rest);
        if let Some(reader) = &mut choice.reader {
            let deltas = reader.finish(done.finish == Finish::Length);
            chunks.extend(self.delta_chunks(choice, deltas));
        }
        let timings = done.timings;
        choice.done = Some(done);
        let logprobs = choice.taken_logprobs(self.endpoint);
        let reason = Some(choice.finish_reason());
        let mut last = match self.endpoint {
            Endpoint::Chat => self.chat_chunk(choice.index, json!({}), logprobs, reason),
            Endpoint::Completions => self.completion_chunk(choice.index, "", logprobs, reason),
        };
        last["timings"] = json!(timings);
        chunks.push(last.to_string());
        chunks
    }

    /// The chunk without choices that tells the usage of all answers.
    pub fn usage_chunk(&self, dones: &[Done], per_prompt: usize) -> String {
        let object = match self.endpoint {
            Endpoint::Chat => "chat.completion.chunk",
            Endpoint::Completions => "text_completion",
        };
        let mut chunk = self.frame(object, json!([]));
        chunk["usage"] = usage(dones, per_prompt);
        chunk["timings"] = json!(timings(dones));
        chunk.to_string()
    }

    fn chat_chunk(&self, index: usize, delta: Value, logprobs: Value, finish: Option<&str>) -> Value {
        let mut choice = json!({"index": index, "delta": delta, "finish_reason": finish});
        if !logprobs.is_null() {
            choice["logprobs"] = logprobs;
        }
        self.frame("chat.completion.chunk", json!([choice]))
    }

    fn completion_chunk(&self, index: usize, text: &str, logprobs: Value, finish: Option<&str>) -> Value {
        let choice = json!({"index": index, "text": text, "logprobs": logprobs, "finish_reason": finish});
        self.frame("text_completion", json!([choice]))
    }

    fn frame(&self, object: &str, choices: Value) -> Value {
        json!({"id": self.id, "object": object, "created": self.created, "model": self.model, "choices": choices})
    }
}

fn usage(dones: &[Done], per_prompt: usize) -> Value {
    let of_prompts = |count: fn(&Done) -> u32| dones.iter().step_by(per_prompt.max(1)).map(count).sum::<u32>();
    let prompt = of_prompts(|done| done.n_prompt);
    let completion: u32 = dones.iter().map(|done| done.n_tokens).sum();
    json!({
        "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt.saturating_add(completion),
        "prompt_tokens_details": {"cached_tokens": of_prompts(|done| done.n_cached)},
    })
}

/// Of several answers: tokens in all, and the longest times, since they were made at once.
fn timings(dones: &[Done]) -> Timings {
    let mut all = Timings::default();
    for Done { timings, .. } in dones {
        all.cache_n += timings.cache_n;
        all.prompt_n += timings.prompt_n;
        all.predicted_n += timings.predicted_n;
        all.prompt_ms = all.prompt_ms.max(timings.prompt_ms);
        all.predicted_ms = all.predicted_ms.max(timings.predicted_ms);
        all.prompt_per_second += timings.prompt_per_second;
        all.predicted_per_second += timings.predicted_per_second;
    }
    all
}

fn chat_logprobs(model: &Model, measured: &TokenLogprobs) -> Value {
    let entry = |likely: &Likely| {
        let bytes = model.written(likely.id);
        json!({
            "id": likely.id, "token": String::from_utf8_lossy(&bytes), "bytes": bytes, "logprob": likely.logprob,
        })
    };
    let mut chosen = entry(&measured.chosen);
    chosen["top_logprobs"] = measured.top.iter().map(entry).collect();
    chosen
}

fn completion_logprobs(model: &Model, measured: &TokenLogprobs, offset: &mut usize) -> Value {
    let text = |id: u32| String::from_utf8_lossy(&model.written(id)).into_owned();
    let token = text(measured.chosen.id);
    let at = *offset;
    *offset += token.chars().count();
    let top: Map<String, Value> = measured.top.iter().map(|likely| (text(likely.id), json!(likely.logprob))).collect();
    json!({"token": token, "logprob": measured.chosen.logprob, "top": top, "offset": at})
}
