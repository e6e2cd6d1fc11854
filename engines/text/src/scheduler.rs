//! The one thread that owns the llama.cpp context: continuous batching over slots, with scores in between.
//!
//! A plain prompt's beginning is taken from what a sequence still holds ([`crate::memory`]); a committed one is computed anew.
//!
//! Each round makes up to three decode calls: a prompt chunk of the slot that has waited longest, the answer rows of every
//! slot that is past its prompt, and a step of the score under way. Prompt rows and answer rows never share a call, a
//! prompt chunk is of one sequence, and answer rows are at most one window a call (SPEC 4.8), so what a reply commits does
//! not depend on who else is served.

use std::sync::Arc;

use ogong_base::class::NumericClass;
use ogong_base::params::WINDOW_TOKENS;
use ogong_commitment::sketch::Bank;
use tracing::{debug, error};

use crate::error::Error;
use crate::memory::{self, Memory, Reuse};
use crate::metrics::{Metrics, Outcome};
use crate::model::Model;
use crate::queue::{Queue, Work};
use crate::raw::{Context, Row};
use crate::score::ScoreRun;
use crate::slot::{Pending, Progress, RowOf, Slot};
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
}

impl<'model> Scheduler<'model> {
    /// A scheduler with all slots free.
    pub fn new(parts: Parts<'model>) -> Self {
        let Parts { context, model, bank, class, slots, queue, store, metrics, cache_reuse, chunk } = parts;
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
        let Some(index) = memory::seat(&self.memories, free, &pending.job.prompt, pending.job.reuse()) else {
            // The queue hands out no more than there are free slots.
            let _ = pending.events.try_send(crate::slot::Event::Failed(Error::Stopped));
            return;
        };
        self.metrics.waited(pending.arrived.elapsed());
        let slot = Slot::new(pending, &self.class);
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

    /// Takes what is already computed of a prompt's beginning. Done when the prompt's turn comes, not when it is seated, so that
    /// prompts that came together share what the first of them computes.
    fn warm(&mut self, index: usize) {
        let Some(slot) = self.slots.get(index).and_then(Option::as_ref) else { return };
        let reuse = slot.reuse();
        let found = memory::find(&self.memories, index, slot.prompt(), reuse);
        let mut tokens = found.tokens;
        if found.sequence != index {
            tokens =
                if self.context.copy_sequence(sequence_of(found.sequence), sequence_of(index)) { tokens } else { 0 };
            self.remember_copy(found.sequence, index, tokens);
        }
        if !self.still_holds(index, tokens) {
            tokens = 0;
        }
        if found.sequence == index && reuse == Reuse::Any && tokens > 0 {
            tokens = self.move_runs(index, tokens);
        }
        if self.context.truncate(sequence_of(index), position(tokens)).is_err() {
            // A state that cannot be cut is begun anew.
            tokens = 0;
            self.clear(sequence_of(index));
        }
        if let Some(memory) = self.memories.get_mut(index) {
            memory.cut(tokens);
        }
        if let Some(slot) = self.slots.get_mut(index).and_then(Option::as_mut) {
            debug!(slot = index, tokens, "beginning taken from memory");
            slot.warmed(tokens);
        }
    }

    fn remember_copy(&mut self, from: usize, to: usize, tokens: usize) {
        let copied = self.memories.get(from).map(|source| {
            let mut copy = Memory::new(self.chunk);
            copy.copy(source, tokens);
            copy.touch(self.seated);
            copy
        });
        if let (Some(memory), Some(copied)) = (self.memories.get_mut(to), copied) {
            *memory = copied;
        }
    }

    /// Whether everything that the token at `tokens` attends to is still there.
    fn still_holds(&self, index: usize, tokens: usize) -> bool {
        let window = usize::try_from(self.model.llama().n_swa()).unwrap_or(0);
        let needed = if window == 0 { 0 } else { tokens.saturating_sub(window) };
        let first = self.context.first_position(sequence_of(index));
        tokens == 0 || first.is_some_and(|first| first as usize <= needed)
    }

    /// Moves what stands further back in the sequence to where the prompt has it, behind its first `tokens`; returns how many
    /// tokens then stand right.
    fn move_runs(&mut self, index: usize, mut tokens: usize) -> usize {
        if self.cache_reuse == 0 || !self.context.can_move() {
            return tokens;
        }
        let Some(slot) = self.slots.get(index).and_then(Option::as_ref) else { return tokens };
        let Some(memory) = self.memories.get_mut(index) else { return tokens };
        let held = memory.tokens().to_vec();
        let runs = memory::movable(&held, slot.prompt(), tokens, self.cache_reuse);
        if runs.is_empty() {
            return tokens;
        }
        memory.cut(tokens);
        for (from, to, length) in runs {
            let moved = self.context.move_down(sequence_of(index), position(from), position(to), position(length));
            if moved.is_err() {
                break;
            }
            memory.moved(held.get(from..from + length).unwrap_or_default());
            tokens += length;
        }
        tokens
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

    /// One chunk of the oldest prompt.
    fn prompt_call(&mut self) {
        while let Some(&index) = self.in_prompt.first() {
            if self.slots.get(index).and_then(Option::as_ref).is_some_and(|slot| !slot.is_warm()) {
                self.warm(index);
            }
            let Some(slot) = self.slots.get_mut(index).and_then(Option::as_mut) else {
                self.in_prompt.remove(0);
                continue;
            };
            let Some((position, tokens)) = slot.prompt_chunk(self.chunk) else {
                self.in_prompt.remove(0);
                continue;
            };
            let count = tokens.len();
            let outcome = self.context.decode(crate::score::rows(tokens, position, sequence_of(index), false), false);
            match outcome {
                Ok(()) => {
                    if let Some(memory) = self.memories.get_mut(index) {
                        memory.computed(tokens);
                    }
                    slot.prefilled(count);
                    if slot.prompt_chunk(self.chunk).is_none() {
                        self.in_prompt.remove(0);
                    }
                }
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
        self.metrics.decoded(group.len());
        for (row, &index) in group.iter().enumerate() {
            if let (Some(slot), Some(memory)) =
                (self.slots.get(index).and_then(Option::as_ref), self.memories.get_mut(index))
            {
                memory.answered(slot.next_row().0);
            }
            let Some(slot) = self.slots.get_mut(index).and_then(Option::as_mut) else { continue };
            let of = RowOf {
                context: &mut self.context,
                row,
                model: self.model,
                bank: &self.bank,
                store: &self.store,
                metrics: &self.metrics,
            };
            match slot.take_row(of) {
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
