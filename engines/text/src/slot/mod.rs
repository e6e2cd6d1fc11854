//! One reply under way: its place in a sequence, its sampler state, its commitment and the listener at the other end.

mod choose;
mod event;

use std::time::Instant;

use ogong_base::class::NumericClass;
use ogong_base::hash::ReplyId;
use ogong_commitment::sketch::Bank;
use tokio::sync::mpsc;

use self::choose::{Chooser, choose};
pub use self::event::{Done, Event, Finish};
use crate::error::Error;
use crate::memory::Reuse;
use crate::metrics::{Metrics, Outcome};
use crate::model::Model;
use crate::raw::Context;
use crate::request::Generate;
use crate::speculate::{Method, Ngrams};
use crate::stop::{Scan, StopScanner};
use crate::store::Store;
use crate::timings::Clock;
use crate::vision::{Image, Prompt};

/// A job and where its events go.
#[derive(Debug)]
pub struct Pending {
    /// The job.
    pub job: Generate,
    /// The listener.
    pub events: mpsc::Sender<Event>,
    /// When it came in.
    pub arrived: Instant,
}

/// A reply that holds a sequence.
pub struct Slot {
    prompt: Prompt,
    limit: u32,
    stream: bool,
    events: mpsc::Sender<Event>,
    arrived: Instant,
    /// Whether the prompt's turn has come.
    warm: bool,
    /// Prompt tokens in the sequence so far.
    prefilled: usize,
    /// How many of them came from memory.
    n_cached: usize,
    /// The token that the next answer row feeds.
    last: u32,
    n_tokens: u32,
    stops: StopScanner,
    held_text: Vec<u8>,
    clock: Clock,
    ngrams: Option<Ngrams>,
    chooser: Chooser,
}

/// What of a prompt is computed together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'slot> {
    /// Tokens from a position on.
    Text {
        /// The first one's position.
        position: usize,
        /// The tokens.
        tokens: &'slot [u32],
    },
    /// An image.
    Image(&'slot Image),
}

/// Whether a slot goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// More tokens to come.
    Going,
    /// The slot is free again.
    Ended,
}

/// What the scheduler hands a slot of one answer row.
pub struct RowOf<'run, 'model> {
    /// Holds the row's outputs.
    pub context: &'run mut Context<'model>,
    /// The row's index in the last decode call.
    pub row: usize,
    /// The model.
    pub model: &'run Model,
    /// The sketch bank.
    pub bank: &'run Bank,
    /// Where commitments go.
    pub store: &'run Store,
    /// Where counts go.
    pub metrics: &'run Metrics,
}

impl Slot {
    /// Takes a job up; `class` is what a commitment says of the engine, `speculation` how plain answers are drafted.
    pub fn new(pending: Pending, class: &NumericClass, speculation: Method) -> Self {
        let Pending { job: Generate { prompt, limit, stream, how }, events, arrived } = pending;
        let (stops, chooser) = Chooser::new(how, &prompt.ids, class);
        let ngrams = match &chooser {
            Chooser::Committed(_) => None,
            Chooser::Plain(_) => Ngrams::new(speculation),
        };
        Self {
            ngrams,
            last: prompt.ids.last().copied().unwrap_or_default(),
            prompt,
            limit,
            stream,
            events,
            arrived,
            warm: false,
            prefilled: 0,
            n_cached: 0,
            n_tokens: 0,
            stops,
            held_text: Vec::new(),
            clock: Clock::begin(),
            chooser,
        }
    }

    /// Whether the listener has gone.
    pub fn is_abandoned(&self) -> bool {
        self.events.is_closed()
    }

    /// The prompt.
    pub fn prompt(&self) -> &Prompt {
        &self.prompt
    }

    /// How much of the prompt's beginning may come from memory.
    pub fn reuse(&self) -> Reuse {
        self.chooser.reuse()
    }

    /// Whether the prompt may be computed in one call with others: nothing that must be repeated depends on it.
    pub fn may_have_company(&self) -> bool {
        matches!(&self.chooser, Chooser::Plain(plain) if !plain.repeatable)
    }

    /// Whether the prompt's turn has come.
    pub fn is_warm(&self) -> bool {
        self.warm
    }

    /// Notes that the prompt's turn has come and its first `tokens` are there.
    pub fn warmed(&mut self, tokens: usize) {
        self.warm = true;
        self.prefilled = tokens;
        self.n_cached = tokens;
        self.clock = Clock::begin();
    }

    /// What of the prompt comes next; `None` once all but the last token are in.
    pub fn prompt_piece(&self, chunk: usize) -> Option<Piece<'_>> {
        if let Some(image) = self.prompt.image_at(self.prefilled) {
            return Some(Piece::Image(image));
        }
        let until = self.prompt.ids.len().saturating_sub(1);
        let text = self.prompt.next_image(self.prefilled).unwrap_or(until);
        let end = until.min(text).min(self.prefilled + chunk);
        let tokens = self.prompt.ids.get(self.prefilled..end).filter(|tokens| !tokens.is_empty())?;
        Some(Piece::Text { position: self.prefilled, tokens })
    }

    /// Notes that so many positions of the prompt were decoded.
    pub fn prefilled(&mut self, positions: usize) {
        self.prefilled += positions;
    }

    /// The token and position of the next answer row.
    pub fn next_row(&self) -> (u32, u32) {
        let position = self.prompt.ids.len().saturating_sub(1) + self.n_tokens as usize;
        (self.last, u32::try_from(position).unwrap_or(u32::MAX))
    }

    /// Tokens that may be drafted; none of a committed answer's or after an image, and never up to the limit.
    pub fn draft_room(&self) -> usize {
        let left = self.limit.saturating_sub(self.n_tokens).saturating_sub(1);
        if self.is_committed() || !self.prompt.images.is_empty() {
            0
        } else {
            usize::try_from(left).unwrap_or(usize::MAX)
        }
    }

    /// Drafts from what stands before.
    pub fn ngrams(&mut self) -> Option<&mut Ngrams> {
        self.ngrams.as_mut()
    }

    /// Whether the reply is committed, so that hidden states are wanted.
    pub fn is_committed(&self) -> bool {
        matches!(self.chooser, Chooser::Committed(_))
    }

    /// Takes the outputs of one answer row, chooses the token and passes it on.
    ///
    /// # Errors
    /// When the numbers cannot be committed or no candidate is left (SPEC 3.10, 4.4).
    pub fn take_row(&mut self, of: RowOf<'_, '_>) -> Result<Progress, Error> {
        let RowOf { context, row, model, bank, store, metrics } = of;
        let id = match &mut self.chooser {
            Chooser::Committed(committing) => committing.choose(context, row, model, bank, self.n_tokens)?,
            Chooser::Plain(plain) => choose(plain, context, row, &self.events)?,
        };
        self.n_tokens += 1;
        self.last = id;
        if self.clock.has_begun() {
            metrics.next_token(self.clock.token());
        } else {
            self.clock.token();
            metrics.first_token(self.arrived.elapsed());
        }
        match self.scan(model, id) {
            Ok(None) if self.n_tokens >= self.limit => Ok(self.end(Finish::Length, store, metrics)),
            Ok(None) => Ok(Progress::Going),
            Ok(Some(finish)) => Ok(self.end(finish, store, metrics)),
            Err(()) => {
                metrics.ended(Outcome::Abandoned);
                Ok(Progress::Ended)
            }
        }
    }

    /// Shows the token's text; `Err` when nobody listens any more.
    fn scan(&mut self, model: &Model, id: u32) -> Result<Option<Finish>, ()> {
        let preserved = match &self.chooser {
            Chooser::Plain(plain) if plain.preserved.contains(&id) => Some(model.written(id)),
            _ => None,
        };
        let (bytes, finish) = match self.stops.push(preserved.as_deref().unwrap_or_else(|| model.piece(id))) {
            Scan::Go(bytes) => (bytes, None),
            Scan::Stop(bytes) => (bytes, Some(Finish::StopString)),
        };
        self.show(bytes)?;
        Ok(if model.is_end(id) { Some(Finish::EndToken) } else { finish })
    }

    fn show(&mut self, bytes: Vec<u8>) -> Result<(), ()> {
        if !self.stream || bytes.is_empty() {
            self.held_text.extend_from_slice(&bytes);
            return if self.events.is_closed() { Err(()) } else { Ok(()) };
        }
        // The channel holds a whole answer, so a full one cannot be; a closed one means that the client hung up.
        self.events.try_send(Event::Text(bytes)).map_err(|_| ())
    }

    fn end(&mut self, finish: Finish, store: &Store, metrics: &Metrics) -> Progress {
        let mut text = std::mem::take(&mut self.held_text);
        text.extend_from_slice(&self.stops.finish());
        // Kept before the listener hears that the answer is complete.
        let event = match self.chooser.seal(finish, store) {
            Ok(trajectory) => {
                if !text.is_empty() && self.events.try_send(Event::Text(text)).is_err() {
                    metrics.ended(Outcome::Abandoned);
                    return Progress::Ended;
                }
                metrics.ended(Outcome::Done);
                let n_prompt = u32::try_from(self.prompt.cells()).unwrap_or(u32::MAX);
                let n_cached = u32::try_from(self.n_cached).unwrap_or(u32::MAX);
                let timings = self.clock.timings(n_cached, n_prompt.saturating_sub(n_cached), self.n_tokens);
                metrics.answered(&timings);
                Event::Done(Done { finish, n_prompt, n_cached, n_tokens: self.n_tokens, timings, trajectory })
            }
            Err(error) => {
                metrics.ended(Outcome::Failed);
                Event::Failed(error)
            }
        };
        // Nobody hears it when the client has just hung up; the slot is free either way.
        let _ = self.events.try_send(event);
        Progress::Ended
    }

    /// Ends the reply with an error.
    pub fn fail(self, error: Error) {
        let _ = self.events.try_send(Event::Failed(error));
    }

    /// The reply's name, where it has one.
    pub fn reply_id(&self) -> Option<ReplyId> {
        match &self.chooser {
            Chooser::Committed(committing) => Some(committing.commit().reply_id),
            Chooser::Plain(_) => None,
        }
    }
}
