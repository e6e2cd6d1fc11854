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

use crate::draft::Drafter;
use crate::error::Error;
use crate::memory::{self, Memory, Reuse};
use crate::metrics::{Metrics, Outcome};
use crate::model::Model;
use crate::queue::{Queue, Work};
use crate::raw::{Context, Row};
use crate::score::ScoreRun;
use crate::slot::{Pending, Piece, Progress, RowOf, Slot};
use crate::speculate::Method;
use crate::store::Store;
use crate::vision::is_image;

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

/// Tokens that a draft model runs ahead at most: each costs a call of it.
const DRAFT_MODEL_MAX: usize = 8;

/// What one slot is fed in a call.
struct Fed {
    index: usize,
    /// Position of the first token.
    position: u32,
    /// The last token chosen, then what was drafted.
    tokens: Vec<u32>,
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

    /// Takes what is already computed of a prompt's beginning. Done when the prompt's turn comes, not when it is seated, so that
    /// prompts that came together share what the first of them computes.
    fn warm(&mut self, index: usize) {
        let Some(slot) = self.slots.get(index).and_then(Option::as_ref) else { return };
        let reuse = slot.reuse();
        let found = memory::find(&self.memories, index, &slot.prompt().ids, reuse);
        let mut tokens = found.tokens;
        if found.sequence != index {
            tokens =
                if self.context.copy_sequence(sequence_of(found.sequence), sequence_of(index)) { tokens } else { 0 };
            self.remember_copy(found.sequence, index, tokens);
        }
        let whole = self.slots.get(index).and_then(Option::as_ref).map(|slot| slot.prompt().whole_images(tokens));
        tokens = whole.unwrap_or(0);
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
        if !slot.prompt().images.is_empty() || held.iter().any(|id| is_image(*id)) {
            return tokens;
        }
        let runs = memory::movable(&held, &slot.prompt().ids, tokens, self.cache_reuse);
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
            let Some(piece) = slot.prompt_piece(self.chunk) else {
                self.in_prompt.remove(0);
                continue;
            };
            let (sequence, memory) = (sequence_of(index), self.memories.get_mut(index));
            let outcome = match piece {
                Piece::Text { position, tokens } => {
                    let rows = crate::score::rows(tokens, position, sequence, false);
                    self.context.decode(rows, false).map(|()| {
                        memory.into_iter().for_each(|memory| memory.computed(tokens));
                        tokens.len()
                    })
                }
                Piece::Image(image) => match self.model.projector() {
                    None => Err(Error::Stopped),
                    Some(projector) => projector.decode(&mut self.context, image, sequence).map(|()| {
                        let ids = slot.prompt().ids.get(image.start..image.start + image.positions);
                        memory.into_iter().for_each(|memory| memory.moved(ids.unwrap_or_default()));
                        image.positions
                    }),
                },
            };
            match outcome {
                Ok(count) => {
                    slot.prefilled(count);
                    if slot.prompt_piece(self.chunk).is_none() {
                        self.in_prompt.remove(0);
                    }
                }
                Err(error) => self.fail(index, error),
            }
            return;
        }
    }

    /// The next tokens of every slot that is past its prompt, in calls of at most one window of rows.
    fn answer_calls(&mut self) {
        let ready: Vec<usize> = (0..self.slots.len()).filter(|index| self.is_answering(*index)).collect();
        let each = (WINDOW_TOKENS / ready.len().max(1)).saturating_sub(1);
        let fed: Vec<Fed> = ready.into_iter().filter_map(|index| self.fed(index, each)).collect();
        let mut rest = fed.as_slice();
        while !rest.is_empty() {
            let mut rows = 0;
            let fits = |fed: &&Fed| {
                rows += fed.tokens.len();
                rows <= WINDOW_TOKENS
            };
            let count = rest.iter().take_while(fits).count().max(1);
            let (group, after) = rest.split_at(count);
            if let Err(error) = self.answer_call(group) {
                let message = error.to_string();
                error!(%message, "decode call failed");
                for fed in group {
                    self.fail(fed.index, Error::Commit(message.clone()));
                }
            }
            rest = after;
        }
    }

    fn is_answering(&self, index: usize) -> bool {
        self.slots.get(index).is_some_and(Option::is_some) && !self.in_prompt.contains(&index)
    }

    /// What a slot is fed next: its last token, and what may follow, at most `draft_max` tokens.
    fn fed(&mut self, index: usize, draft_max: usize) -> Option<Fed> {
        let slot = self.slots.get_mut(index)?.as_mut()?;
        let (token, position) = slot.next_row();
        let mut tokens = vec![token];
        let room = draft_max.min(slot.draft_room());
        if self.speculation != Method::None && room > 0 {
            let held = self.memories.get(index).map(Memory::tokens).unwrap_or_default();
            let history: Vec<u32> = held.iter().copied().chain([token]).collect();
            tokens.extend(match (&mut self.drafter, slot.ngrams()) {
                _ if self.context.drafts() => self.context.draft(sequence_of(index), position, token, room),
                (Some(drafter), _) => {
                    drafter.draft(index, &history, room.min(DRAFT_MODEL_MAX)).unwrap_or_else(|error| {
                        debug!(%error, "nothing drafted");
                        Vec::new()
                    })
                }
                (None, Some(ngrams)) => ngrams.draft(&history, room),
                (None, None) => Vec::new(),
            });
        }
        Some(Fed { index, position, tokens })
    }

    fn answer_call(&mut self, group: &[Fed]) -> Result<(), Error> {
        let rows = group.iter().flat_map(|fed| {
            (fed.position..).zip(&fed.tokens).map(|(position, token)| Row {
                token: *token,
                position,
                sequence: sequence_of(fed.index),
                output: true,
            })
        });
        let slots = &self.slots;
        let hidden =
            group.iter().any(|fed| slots.get(fed.index).and_then(Option::as_ref).is_some_and(Slot::is_committed));
        self.context.decode(rows, hidden)?;
        self.metrics.decoded(group.iter().map(|fed| fed.tokens.len()).sum());
        let mut row = 0;
        for fed in group {
            self.take_rows(fed, row);
            row += fed.tokens.len();
        }
        Ok(())
    }

    /// Takes a slot's rows, from `row` on, for as long as what was drafted is what it chooses.
    fn take_rows(&mut self, fed: &Fed, row: usize) {
        let index = fed.index;
        let mut used = 0;
        for (at, token) in fed.tokens.iter().enumerate() {
            let Some(slot) = self.slots.get_mut(index).and_then(Option::as_mut) else { return };
            if let Some(memory) = self.memories.get_mut(index) {
                memory.answered(*token);
            }
            used += 1;
            let of = RowOf {
                context: &mut self.context,
                row: row + at,
                model: self.model,
                bank: &self.bank,
                store: &self.store,
                metrics: &self.metrics,
            };
            let progress = slot.take_row(of);
            let confirmed = fed.tokens.get(at + 1) == Some(&slot.next_row().0);
            match progress {
                Ok(Progress::Going) if confirmed => {}
                Ok(Progress::Going) => break,
                Ok(Progress::Ended) => {
                    self.take_back(fed, used);
                    return self.free(index);
                }
                Err(error) => return self.fail(index, error),
            }
        }
        self.take_back(fed, used);
    }

    /// Removes what was fed but not confirmed.
    fn take_back(&mut self, fed: &Fed, used: usize) {
        let drafted = fed.tokens.len() - 1;
        if drafted == 0 {
            return;
        }
        let confirmed = used.saturating_sub(1);
        self.metrics.drafted(drafted, confirmed);
        self.context.drafted(sequence_of(fed.index), confirmed);
        if let Some(ngrams) = self.slots.get_mut(fed.index).and_then(Option::as_mut).and_then(Slot::ngrams) {
            ngrams.accepted(confirmed);
        }
        if used < fed.tokens.len()
            && let Err(error) = self.context.truncate(sequence_of(fed.index), fed.position + position(used))
        {
            self.fail(fed.index, error);
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
