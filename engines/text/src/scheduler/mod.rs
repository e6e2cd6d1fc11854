//! The one thread that owns the llama.cpp context: continuous batching over slots, with scores in between.
//!
//! A plain prompt's beginning is taken from what a sequence still holds ([`crate::memory`]); a committed one is computed anew.
//!
//! Each round makes up to three decode calls: a prompt chunk of the slot that has waited longest (of plain prompts several), the answer rows of every
//! slot that is past its prompt, and a step of the score under way. Prompt rows and answer rows never share a call, a
//! prompt chunk is of one sequence, and answer rows are at most one window a call (SPEC 4.8), so what a reply commits does
//! not depend on who else is served.

mod answer;
mod prompt;
mod warm;

use std::sync::Arc;

use ogong_base::class::NumericClass;
use ogong_commitment::sketch::Bank;
use tracing::{debug, error};

use crate::draft::Drafter;
use crate::error::Error;
use crate::memory::{self, Memory};
use crate::metrics::{Metrics, Outcome};
use crate::model::Model;
use crate::queue::{Queue, Work};
use crate::raw::Context;
use crate::score::ScoreRun;
use crate::slot::{Pending, Slot};
use crate::speculate::Method;
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
    metrics: Arc<Metrics>,
    slots: Vec<Option<Slot>>,
    /// What each slot's sequence holds.
    memories: Vec<Memory>,
    /// Tokens in a row that are worth moving to where a prompt has them; 0 is never.
    cache_reuse: usize,
    /// Tokens of a prompt computed in one call.
    chunk: usize,
    speculation: Method,
    drafter: Option<Drafter<'model>>,
    /// Requests taken up so far.
    seated: u64,
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
    /// Where counts go.
    pub metrics: Arc<Metrics>,
    /// Tokens in a row that are worth moving to where a prompt has them; 0 is never.
    pub cache_reuse: u32,
    /// Tokens of a prompt computed in one call.
    pub chunk: usize,
    /// How tokens are drafted.
    pub speculation: Method,
    /// The draft model's state, where there is one.
    pub drafter: Option<Drafter<'model>>,
}

impl<'model> Scheduler<'model> {
    /// A scheduler with all slots free.
    pub fn new(parts: Parts<'model>) -> Self {
        let Parts {
            context,
            model,
            bank,
            class,
            slots,
            queue,
            store,
            metrics,
            cache_reuse,
            chunk,
            speculation,
            drafter,
        } = parts;
        let memories = (0..slots).map(|_| Memory::new(chunk)).collect();
        let slots = (0..slots).map(|_| None).collect();
        Self {
            context,
            model,
            bank,
            class,
            queue,
            store,
            metrics,
            slots,
            memories,
            cache_reuse: usize::try_from(cache_reuse).unwrap_or(0),
            chunk,
            speculation,
            drafter,
            seated: 0,
            in_prompt: Vec::new(),
            score: None,
        }
    }

    /// Serves until the queue is closed and the work under way is done or abandoned.
    pub fn run(mut self) {
        while let Some(work) = self.next_work() {
            self.take_up(work);
            self.round();
        }
        for slot in self.slots.iter_mut().filter_map(Option::take) {
            slot.fail(Error::Stopped);
        }
    }

    fn next_work(&self) -> Option<Work> {
        self.count();
        self.queue.next(self.free_slots(), self.score.is_none(), self.is_idle())
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
        let slots = &self.slots;
        let free = (0..slots.len()).filter(|index| slots.get(*index).is_some_and(Option::is_none));
        let Some(index) = memory::seat(&self.memories, free, &pending.job.prompt.ids, pending.job.reuse()) else {
            // The queue hands out no more than there are free slots.
            let _ = pending.events.try_send(crate::slot::Event::Failed(Error::Stopped));
            return;
        };
        self.metrics.waited(pending.arrived.elapsed());
        let slot = Slot::new(pending, &self.class, self.speculation);
        debug!(slot = index, committed = slot.is_committed(), "reply begun");
        self.seated += 1;
        if let Some(memory) = self.memories.get_mut(index) {
            memory.touch(self.seated);
        }
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
                self.metrics.ended(Outcome::Abandoned);
                self.free(index);
            }
        }
        if self.score.as_ref().is_some_and(ScoreRun::is_abandoned) {
            self.score = None;
            self.clear(self.score_sequence());
        }
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

    /// Frees a slot. What its sequence holds stays, to be the beginning of other prompts, unless it was committed.
    fn free(&mut self, index: usize) {
        let slot = self.slots.get_mut(index).and_then(Option::take);
        self.in_prompt.retain(|waiting| *waiting != index);
        if slot.is_none_or(|slot| slot.is_committed() || !slot.is_warm()) {
            self.forget(index);
        }
    }

    fn forget(&mut self, index: usize) {
        if let Some(memory) = self.memories.get_mut(index) {
            memory.cut(0);
        }
        self.clear(sequence_of(index));
    }

    fn fail(&mut self, index: usize, error: Error) {
        if let Some(slot) = self.slots.get_mut(index).and_then(Option::take) {
            error!(%error, reply = ?slot.reply_id(), "reply failed");
            self.metrics.ended(Outcome::Failed);
            slot.fail(error);
        }
        self.free(index);
    }

    /// Fails all that shared a call.
    fn fail_all(&mut self, indexes: &[usize], error: Error) {
        if let [alone] = indexes {
            return self.fail(*alone, error);
        }
        for index in indexes {
            self.fail(*index, Error::Shared(error.to_string()));
        }
    }

    fn count(&self) {
        let busy = self.slots.iter().flatten().count();
        self.metrics.holds(busy, self.memories.iter().map(Memory::len).sum());
    }

    fn clear(&mut self, sequence: u32) {
        // Removing a whole sequence cannot fail.
        if let Err(error) = self.context.truncate(sequence, 0) {
            error!(%error, "sequence could not be cleared");
        }
    }
}

/// Positions stay far below `u32::MAX`.
fn position(tokens: usize) -> u32 {
    u32::try_from(tokens).unwrap_or(u32::MAX)
}

fn sequence_of(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}
