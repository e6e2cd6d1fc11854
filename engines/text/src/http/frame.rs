//! Answers in OpenAI's frames: whole, and as server-sent events.

use std::collections::VecDeque;
use std::convert::Infallible;

use bytes::Bytes;
use futures::Stream;
use ogong_openai::Endpoint;
use ogong_openai::answer::{
    ChatAnswer, ChatChoice, ChatChunk, ChunkChoice, CompletionAnswer, CompletionChoice, Delta, Message, Usage,
};
use ogong_openai::sse::{DONE, data_event};
use tokio::sync::mpsc;

use super::error::Refusal;
use crate::slot::{Done, Event, Finish};
use crate::stop::Utf8Assembler;

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

impl Head {
    /// The whole answer.
    pub fn answer(&self, content: String, done: &Done) -> String {
        let (id, created, model) = (self.id.clone(), self.created, self.model.clone());
        let (usage, finish_reason) = (Some(usage(done)), Some(done.finish.reason().to_owned()));
        match self.endpoint {
            Endpoint::Chat => {
                let message = Message { role: "assistant".into(), content: Some(content) };
                let choices = vec![ChatChoice { index: 0, message, finish_reason }];
                json(&ChatAnswer { id, object: "chat.completion".into(), created, model, choices, usage })
            }
            Endpoint::Completions => {
                let choices = vec![CompletionChoice { index: 0, text: content, finish_reason }];
                json(&CompletionAnswer { id, object: "text_completion".into(), created, model, choices, usage })
            }
        }
    }

    fn opening(&self) -> Option<String> {
        match self.endpoint {
            Endpoint::Chat => {
                Some(self.chat_chunk(Delta { role: Some("assistant".into()), content: Some(String::new()) }, None))
            }
            Endpoint::Completions => None,
        }
    }

    fn text(&self, text: String) -> String {
        match self.endpoint {
            Endpoint::Chat => self.chat_chunk(Delta { role: None, content: Some(text) }, None),
            Endpoint::Completions => self.completion_chunk(text, None),
        }
    }

    fn closing(&self, finish: Finish) -> String {
        match self.endpoint {
            Endpoint::Chat => self.chat_chunk(Delta::default(), Some(finish)),
            Endpoint::Completions => self.completion_chunk(String::new(), Some(finish)),
        }
    }

    fn usage_chunk(&self, done: &Done) -> String {
        let (id, created, model, usage) = (self.id.clone(), self.created, self.model.clone(), Some(usage(done)));
        match self.endpoint {
            Endpoint::Chat => json(&ChatChunk {
                id,
                object: "chat.completion.chunk".into(),
                created,
                model,
                choices: Vec::new(),
                usage,
            }),
            Endpoint::Completions => json(&CompletionAnswer {
                id,
                object: "text_completion".into(),
                created,
                model,
                choices: Vec::new(),
                usage,
            }),
        }
    }

    fn chat_chunk(&self, delta: Delta, finish: Option<Finish>) -> String {
        let finish_reason = finish.map(|finish| finish.reason().to_owned());
        let choices = vec![ChunkChoice { index: 0, delta, finish_reason }];
        let (id, created, model) = (self.id.clone(), self.created, self.model.clone());
        json(&ChatChunk { id, object: "chat.completion.chunk".into(), created, model, choices, usage: None })
    }

    fn completion_chunk(&self, text: String, finish: Option<Finish>) -> String {
        let finish_reason = finish.map(|finish| finish.reason().to_owned());
        let choices = vec![CompletionChoice { index: 0, text, finish_reason }];
        let (id, created, model) = (self.id.clone(), self.created, self.model.clone());
        json(&CompletionAnswer { id, object: "text_completion".into(), created, model, choices, usage: None })
    }
}

fn usage(done: &Done) -> Usage {
    Usage {
        prompt_tokens: done.n_prompt,
        completion_tokens: done.n_tokens,
        total_tokens: done.n_prompt.saturating_add(done.n_tokens),
    }
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("invariant: strings and numbers always serialise")
}

/// The server-sent events of an answer. Dropping the stream stops the reply.
pub fn stream(
    head: Head,
    include_usage: bool,
    events: mpsc::Receiver<Event>,
) -> impl Stream<Item = Result<Bytes, Infallible>> {
    let mut ready = VecDeque::new();
    if let Some(opening) = head.opening() {
        ready.push_back(data_event(&opening));
    }
    let state = Streaming { head, include_usage, events: Some(events), assembler: Utf8Assembler::default(), ready };
    futures::stream::unfold(state, |mut state| async move {
        state.next().await.map(|event| (Ok(Bytes::from(event)), state))
    })
}

struct Streaming {
    head: Head,
    include_usage: bool,
    events: Option<mpsc::Receiver<Event>>,
    assembler: Utf8Assembler,
    ready: VecDeque<String>,
}

impl Streaming {
    async fn next(&mut self) -> Option<String> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            let events = self.events.as_mut()?;
            match events.recv().await {
                Some(Event::Text(bytes)) => {
                    let text = self.assembler.push(&bytes);
                    self.show(text);
                }
                Some(Event::Done(done)) => self.close(&done),
                Some(Event::Failed(error)) => self.fail(&Refusal::from(error)),
                None => self.fail(&Refusal::from(crate::error::Error::Stopped)),
            }
        }
    }

    fn show(&mut self, text: String) {
        if !text.is_empty() {
            self.ready.push_back(data_event(&self.head.text(text)));
        }
    }

    fn close(&mut self, done: &Done) {
        let rest = self.assembler.finish();
        self.show(rest);
        self.ready.push_back(data_event(&self.head.closing(done.finish)));
        if self.include_usage {
            self.ready.push_back(data_event(&self.head.usage_chunk(done)));
        }
        self.ready.push_back(data_event(DONE));
        self.events = None;
    }

    /// An error in the midst of a stream; no end marker follows, so nobody takes the answer for complete.
    fn fail(&mut self, refusal: &Refusal) {
        self.ready.push_back(data_event(&refusal.json()));
        self.events = None;
    }
}
