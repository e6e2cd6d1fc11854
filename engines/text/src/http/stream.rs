//! Answers as server-sent events, several of one request interleaved as they come.

use std::collections::VecDeque;
use std::convert::Infallible;

use bytes::Bytes;
use futures::stream::{SelectAll, StreamExt};
use futures::{Stream, stream};
use ogong_openai::sse::{DONE, data_event};
use tokio::sync::mpsc;

use super::error::Refusal;
use super::frame::{Choice, Head};
use crate::Engine;
use crate::error::Error;
use crate::slot::{Done, Event};

/// The events of a request's answers with the index of the answer; `None` when an answer's channel has ended.
type Events = SelectAll<stream::BoxStream<'static, (usize, Option<Event>)>>;

/// The server-sent events of a request. Dropping the stream stops its answers.
pub struct Streaming {
    engine: Engine,
    head: Head,
    include_usage: bool,
    per_prompt: usize,
    choices: Vec<Choice>,
    /// Gone once the stream has ended.
    events: Option<Events>,
    ready: VecDeque<String>,
}

impl Streaming {
    /// Streams `answers`, each with the choice it belongs to.
    pub fn new(
        engine: Engine,
        head: Head,
        include_usage: bool,
        per_prompt: usize,
        answers: Vec<(Choice, mpsc::Receiver<Event>)>,
    ) -> Self {
        let (choices, receivers): (Vec<_>, Vec<_>) = answers.into_iter().unzip();
        let ready = choices.iter().filter_map(|choice| head.opening(choice)).map(|text| data_event(&text)).collect();
        let events = receivers.into_iter().enumerate().map(|(index, receiver)| tagged(index, receiver).boxed());
        let events = Some(stream::select_all(events));
        Self { engine, head, include_usage, per_prompt, choices, events, ready }
    }

    /// The bytes of the stream.
    pub fn into_stream(self) -> impl Stream<Item = Result<Bytes, Infallible>> {
        stream::unfold(self, |mut state| async move { state.next().await.map(|bytes| (Ok(bytes), state)) })
    }

    /// All that is ready, at least one event; `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        while self.ready.is_empty() {
            let (index, event) = self.events.as_mut()?.next().await?;
            self.take(index, event);
        }
        Some(Bytes::from(self.ready.drain(..).collect::<String>()))
    }

    fn take(&mut self, index: usize, event: Option<Event>) {
        let Some(choice) = self.choices.get_mut(index) else { return };
        let chunks = match event {
            Some(Event::Logprobs(measured)) => {
                choice.likely(self.head.endpoint, self.engine.model(), &measured);
                return;
            }
            Some(Event::Text(bytes)) => self.head.chunks(choice, &bytes),
            Some(Event::Done(done)) => self.head.closing(choice, done),
            Some(Event::Failed(error)) => return self.fail(error),
            None if choice.done().is_some() => return,
            None => return self.fail(Error::Stopped),
        };
        self.ready.extend(chunks.iter().map(|chunk| data_event(chunk)));
        let dones: Vec<Done> = self.choices.iter().filter_map(|choice| choice.done().cloned()).collect();
        if dones.len() == self.choices.len() {
            if self.include_usage {
                self.ready.push_back(data_event(&self.head.usage_chunk(&dones, self.per_prompt)));
            }
            self.ready.push_back(data_event(DONE));
            self.events = None;
        }
    }

    /// An error in the midst of a stream; no end marker follows, so nobody takes the answer for complete.
    fn fail(&mut self, error: Error) {
        self.ready.push_back(data_event(&Refusal::from(error).json()));
        self.events = None;
    }
}

fn tagged(index: usize, receiver: mpsc::Receiver<Event>) -> impl Stream<Item = (usize, Option<Event>)> + Send {
    let receiver = Some(receiver);
    stream::unfold(receiver, move |receiver| async move {
        let mut receiver = receiver?;
        let event = receiver.recv().await;
        let rest = event.is_some().then_some(receiver);
        Some(((index, event), rest))
    })
}
