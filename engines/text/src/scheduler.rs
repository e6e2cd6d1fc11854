//! The one thread that owns the llama.cpp context: continuous batching over slots, with scores in between.
//!
//! Each round makes up to three decode calls: a prompt chunk of the slot that has waited longest, the answer rows of every
//! slot that is past its prompt, and a step of the score under way. Prompt rows and answer rows never share a call, a
//! prompt chunk is of one sequence, and answer rows are at most one window a call (SPEC 4.8), so what a reply commits does
//! not depend on who else is served.

use std::sync::Arc;

use ogong_base::class::NumericClass;
use ogong_base::params::{PROMPT_CHUNK, WINDOW_TOKENS};
use ogong_commitment::builder::TrajectoryBuilder;
use ogong_commitment::sketch::Bank;
use tracing::{debug, error};

use crate::error::Error;
use crate::model::Model;
use crate::queue::{Queue, Work};
use crate::raw::{Context, Row};
use crate::score::ScoreRun;
use crate::slot::{Pending, Progress, Slot};
use crate::store::Store;

/// Everything the thread works with.
pub struct Scheduler<'model> {
    /// Its last sequence is the scores'.
    context: Context<'model>,
    model: &'model Model,
    bank: Bank,
    class: NumericClass,
    queue: Arc<Queue>,
    store: Arc<Store>,
    slots: Vec<Option<Slot>>,
    /// Slots in their prompt, the oldest first.
    in_prompt: Vec<usize>,
    score: Option<ScoreRun>,
}

/// What a scheduler is made of.
pub struct Parts<'model> {
    /// The context, with one sequence more than there are slots.
    pub context: Context<'model>,
    /// The model.
    pub model: &'model Model,
    /// The sketch bank for the model's width.
    pub bank: Bank,
    /// Its numeric class.
    pub class: NumericClass,
    /// Requests served at once.
    pub slots: u32,
    /// Where jobs come from.
    pub queue: Arc<Queue>,
    /// Where commitments go.
    pub store: Arc<Store>,
}

impl<'model> Scheduler<'model> {
    /// A scheduler with all slots free.
    pub fn new(parts: Parts<'model>) -> Self {
        let Parts { context, model, bank, class, slots, queue, store } = parts;
        let slots = (0..slots).map(|_| None).collect();
        Self { context, model, bank, class, queue, store, slots, in_prompt: Vec::new(), score: None }
    }

    /// Serves until the queue is closed and the work under way is done or abandoned.
    pub fn run(mut self) {
        while let Some(work) = self.queue.next(self.free_slots(), self.score.is_none(), self.is_idle()) {
            self.take_up(work);
            self.round();
        }
        for slot in self.slots.iter_mut().filter_map(Option::take) {
            slot.fail(Error::Stopped);
        }
    }

    fn free_slots(&self) -> usize {
        self.slots.iter().filter(|slot| slot.is_none()).count()
    }

    fn is_idle(&self) -> bool {
        self.score.is_none() && self.slots.iter().all(Option::is_none)
    }

    fn take_up(&mut self, work: Work) {
        for pending in work.generate {
            self.seat(pending);
        }
        if let Some(pending) = work.score {
            self.score = Some(ScoreRun::new(pending));
        }
    }

    fn seat(&mut self, pending: Pending) {
        let Some(index) = self.slots.iter().position(Option::is_none) else {
            // The queue hands out no more than there are free slots.
            let _ = pending.events.try_send(crate::slot::Event::Failed(Error::Stopped));
            return;
        };
        let builder =
            pending.job.commit.as_ref().map(|_| {
                TrajectoryBuilder::new(&pending.job.prompt, self.class.class_hash(), pending.job.params.clone())
            });
        let slot = Slot::new(pending, builder);
        debug!(slot = index, committed = slot.is_committed(), "reply begun");
        if let Some(place) = self.slots.get_mut(index) {
            *place = Some(slot);
            self.in_prompt.push(index);
        }
    }

    fn round(&mut self) {
        self.drop_abandoned();
        self.prompt_call();
        self.answer_calls();
        self.score_call();
    }

    fn drop_abandoned(&mut self) {
        for index in 0..self.slots.len() {
            if self.slots.get(index).and_then(Option::as_ref).is_some_and(Slot::is_abandoned) {
                debug!(slot = index, "client hung up");
                self.free(index);
            }
        }
        if self.score.as_ref().is_some_and(ScoreRun::is_abandoned) {
            self.score = None;
            self.clear(self.score_sequence());
        }
    }

    /// One chunk of the oldest prompt.
    fn prompt_call(&mut self) {
        while let Some(&index) = self.in_prompt.first() {
            let Some(slot) = self.slots.get_mut(index).and_then(Option::as_mut) else {
                self.in_prompt.remove(0);
                continue;
            };
            let Some((position, tokens)) = slot.prompt_chunk(PROMPT_CHUNK) else {
                self.in_prompt.remove(0);
                continue;
            };
            let count = tokens.len();
            let outcome = self.context.decode(crate::score::rows(tokens, position, sequence_of(index), false), false);
            match outcome {
                Ok(()) => slot.prefilled(count),
                Err(error) => self.fail(index, error),
            }
            return;
        }
    }

    /// The next token of every slot that is past its prompt, in calls of at most one window of rows.
    fn answer_calls(&mut self) {
        let ready: Vec<usize> = (0..self.slots.len()).filter(|index| self.is_answering(*index)).collect();
        for group in ready.chunks(WINDOW_TOKENS) {
            if let Err(error) = self.answer_call(group) {
                let message = error.to_string();
                error!(%message, "decode call failed");
                for index in group {
                    self.fail(*index, Error::Commit(message.clone()));
                }
            }
        }
    }

    fn is_answering(&self, index: usize) -> bool {
        self.slots.get(index).is_some_and(Option::is_some) && !self.in_prompt.contains(&index)
    }

    fn answer_call(&mut self, group: &[usize]) -> Result<(), Error> {
        let slots = &self.slots;
        let rows = group.iter().filter_map(|index| {
            let (token, position) = slots.get(*index)?.as_ref()?.next_row();
            Some(Row { token, position, sequence: sequence_of(*index), output: true })
        });
        let hidden =
            group.iter().any(|index| slots.get(*index).and_then(Option::as_ref).is_some_and(Slot::is_committed));
        self.context.decode(rows, hidden)?;
        for (row, &index) in group.iter().enumerate() {
            let Some(slot) = self.slots.get_mut(index).and_then(Option::as_mut) else { continue };
            let hidden = if slot.is_committed() { Some(self.context.hidden(row)?) } else { None };
            match slot.take_row(self.model, &self.bank, self.context.logits(row), hidden, &self.store) {
                Ok(Progress::Going) => {}
                Ok(Progress::Ended) => self.free(index),
                Err(error) => self.fail(index, error),
            }
        }
        Ok(())
    }

    fn score_call(&mut self) {
        let Some(run) = self.score.take() else { return };
        let sequence = self.score_sequence();
        self.score = run.step(&mut self.context, sequence, self.model, &self.bank, &self.class);
        if self.score.is_none() {
            self.clear(sequence);
        }
    }

    fn score_sequence(&self) -> u32 {
        sequence_of(self.slots.len())
    }

    fn free(&mut self, index: usize) {
        if let Some(slot) = self.slots.get_mut(index) {
            *slot = None;
        }
        self.in_prompt.retain(|waiting| *waiting != index);
        self.clear(sequence_of(index));
    }

    fn fail(&mut self, index: usize, error: Error) {
        if let Some(slot) = self.slots.get_mut(index).and_then(Option::take) {
            error!(%error, reply = ?slot.reply_id(), "reply failed");
            slot.fail(error);
        }
        self.free(index);
    }

    fn clear(&mut self, sequence: u32) {
        // Removing a whole sequence cannot fail.
        if let Err(error) = self.context.truncate(sequence, 0) {
            error!(%error, "sequence could not be cleared");
        }
    }
}

fn sequence_of(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}
