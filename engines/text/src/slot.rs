//! One reply under way: its place in a sequence, its sampler state, its commitment and the listener at the other end.

use std::sync::Arc;

use ogong_base::hash::ReplyId;
use ogong_commitment::builder::{Trajectory, TrajectoryBuilder};
use ogong_commitment::digest::Digest;
use ogong_commitment::sampler::{self, Counts};
use ogong_commitment::sketch::Bank;
use tokio::sync::mpsc;

use crate::error::Error;
use crate::model::Model;
use crate::request::Generate;
use crate::stop::{Scan, StopScanner};
use crate::store::{Committed, Store};

/// What a listener hears of its reply.
#[derive(Debug)]
pub enum Event {
    /// Raw bytes of the answer; may cut a character.
    Text(Vec<u8>),
    /// The answer is complete.
    Done(Done),
    /// The answer failed; nothing is committed.
    Failed(Error),
}

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// The model said so.
    EndToken,
    /// A stop string came up.
    StopString,
    /// The limit of tokens or of the context.
    Length,
}

impl Finish {
    /// OpenAI's word for it.
    pub fn reason(self) -> &'static str {
        match self {
            Self::EndToken | Self::StopString => "stop",
            Self::Length => "length",
        }
    }
}

/// A complete answer.
#[derive(Clone, Debug)]
pub struct Done {
    /// How it ended.
    pub finish: Finish,
    /// Tokens of the prompt.
    pub n_prompt: u32,
    /// Tokens of the answer, the end token among them.
    pub n_tokens: u32,
    /// What was committed, in commit mode.
    pub trajectory: Option<Arc<Trajectory>>,
}

/// A job and where its events go.
#[derive(Debug)]
pub struct Pending {
    /// The job.
    pub job: Generate,
    /// The listener.
    pub events: mpsc::Sender<Event>,
}

/// A reply that holds a sequence.
pub struct Slot {
    job: Generate,
    events: mpsc::Sender<Event>,
    /// Prompt tokens decoded so far.
    prefilled: usize,
    /// The token that the next answer row feeds.
    last: u32,
    n_tokens: u32,
    counts: Counts,
    stops: StopScanner,
    builder: Option<TrajectoryBuilder>,
    held_text: Vec<u8>,
}

/// Whether a slot goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// More tokens to come.
    Going,
    /// The slot is free again.
    Ended,
}

impl Slot {
    /// Takes a job up.
    pub fn new(pending: Pending, builder: Option<TrajectoryBuilder>) -> Self {
        let Pending { job, events } = pending;
        let stops = StopScanner::new(job.params.stop.iter().cloned());
        let last = job.prompt.last().copied().unwrap_or_default();
        Self {
            events,
            prefilled: 0,
            last,
            n_tokens: 0,
            counts: Counts::default(),
            stops,
            builder,
            held_text: Vec::new(),
            job,
        }
    }

    /// Whether the listener has gone.
    pub fn is_abandoned(&self) -> bool {
        self.events.is_closed()
    }

    /// The next prompt chunk: its first position and its tokens; `None` once all but the last token are in.
    pub fn prompt_chunk(&self, chunk: usize) -> Option<(usize, &[u32])> {
        let until = self.job.prompt.len().saturating_sub(1);
        let end = until.min(self.prefilled + chunk);
        self.job
            .prompt
            .get(self.prefilled..end)
            .filter(|tokens| !tokens.is_empty())
            .map(|tokens| (self.prefilled, tokens))
    }

    /// Notes that prompt tokens were decoded.
    pub fn prefilled(&mut self, tokens: usize) {
        self.prefilled += tokens;
    }

    /// The token and position of the next answer row.
    pub fn next_row(&self) -> (u32, u32) {
        let position = self.job.prompt.len().saturating_sub(1) + self.n_tokens as usize;
        (self.last, u32::try_from(position).unwrap_or(u32::MAX))
    }

    /// Whether the reply is committed, so that hidden states are wanted.
    pub fn is_committed(&self) -> bool {
        self.builder.is_some()
    }

    /// Takes the outputs of one answer row, chooses the token and passes it on.
    ///
    /// # Errors
    /// When the numbers cannot be committed or no candidate is left (SPEC 3.10, 4.4).
    pub fn take_row(
        &mut self,
        model: &Model,
        bank: &Bank,
        logits: &[f32],
        hidden: Option<&[f32]>,
        store: &Store,
    ) -> Result<Progress, Error> {
        let refused = |error: &dyn std::fmt::Display| Error::Commit(error.to_string());
        let digest = Digest::from_logits(logits).map_err(|error| refused(&error))?;
        let id = sampler::choose(&digest, &self.job.params, &self.counts, &self.job.seed, self.n_tokens)
            .ok_or_else(|| refused(&"no candidate token is left"))?;
        if let Some(builder) = &mut self.builder {
            let hidden = hidden.ok_or_else(|| refused(&"hidden state is missing"))?;
            let sketch = bank.project(hidden).map_err(|error| refused(&error))?;
            builder.push(id, model.piece(id), sketch, digest);
        }
        self.counts.add(id);
        self.n_tokens += 1;
        self.last = id;
        let finish = self.scan(model, id);
        match finish {
            Ok(None) if self.n_tokens >= self.job.limit => Ok(self.end(Finish::Length, store)),
            Ok(None) => Ok(Progress::Going),
            Ok(Some(finish)) => Ok(self.end(finish, store)),
            Err(()) => Ok(Progress::Ended),
        }
    }

    /// Shows the token's text; `Err` when nobody listens any more.
    fn scan(&mut self, model: &Model, id: u32) -> Result<Option<Finish>, ()> {
        let (bytes, finish) = match self.stops.push(model.piece(id)) {
            Scan::Go(bytes) => (bytes, None),
            Scan::Stop(bytes) => (bytes, Some(Finish::StopString)),
        };
        self.show(bytes)?;
        Ok(if model.is_end(id) { Some(Finish::EndToken) } else { finish })
    }

    fn show(&mut self, bytes: Vec<u8>) -> Result<(), ()> {
        if !self.job.stream || bytes.is_empty() {
            self.held_text.extend_from_slice(&bytes);
            return if self.events.is_closed() { Err(()) } else { Ok(()) };
        }
        // The channel holds a whole answer, so a full one cannot be; a closed one means that the client hung up.
        self.events.try_send(Event::Text(bytes)).map_err(|_| ())
    }

    fn end(&mut self, finish: Finish, store: &Store) -> Progress {
        let mut text = std::mem::take(&mut self.held_text);
        text.extend_from_slice(&self.stops.finish());
        let event = match self.commit(finish, store) {
            Ok(trajectory) => {
                if !text.is_empty() && self.events.try_send(Event::Text(text)).is_err() {
                    return Progress::Ended;
                }
                let n_prompt = u32::try_from(self.job.prompt.len()).unwrap_or(u32::MAX);
                Event::Done(Done { finish, n_prompt, n_tokens: self.n_tokens, trajectory })
            }
            Err(error) => Event::Failed(error),
        };
        // Nobody hears it when the client has just hung up; the slot is free either way.
        let _ = self.events.try_send(event);
        Progress::Ended
    }

    /// Seals the commitment and keeps it, before the listener hears that the answer is complete.
    fn commit(&mut self, finish: Finish, store: &Store) -> Result<Option<Arc<Trajectory>>, Error> {
        let (Some(builder), Some(commit)) = (self.builder.take(), &self.job.commit) else { return Ok(None) };
        let trajectory = builder.finish(stop_reason(finish)).map_err(|error| Error::Commit(error.to_string()))?;
        let trajectory = Arc::new(trajectory);
        store.insert(commit.reply_id, Committed { trajectory: Arc::clone(&trajectory), body: commit.body.clone() });
        Ok(Some(trajectory))
    }

    /// Ends the reply with an error.
    pub fn fail(self, error: Error) {
        let _ = self.events.try_send(Event::Failed(error));
    }

    /// The reply's name, where it has one.
    pub fn reply_id(&self) -> Option<ReplyId> {
        self.job.commit.as_ref().map(|commit| commit.reply_id)
    }
}

fn stop_reason(finish: Finish) -> ogong_commitment::leaf::Stop {
    match finish {
        Finish::EndToken => ogong_commitment::leaf::Stop::EndToken,
        Finish::StopString => ogong_commitment::leaf::Stop::StopString,
        Finish::Length => ogong_commitment::leaf::Stop::Length,
    }
}
