//! The rows of answers: the last token of each slot and what may follow it, confirmed or taken back.

use ogong_base::params::WINDOW_TOKENS;
use tracing::{debug, error};

use super::{Scheduler, position, sequence_of};
use crate::error::Error;
use crate::memory::Memory;
use crate::raw::Row;
use crate::slot::{Progress, RowOf, Slot};
use crate::speculate::Method;

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

impl Scheduler<'_> {
    /// The next tokens of every slot that is past its prompt, in calls of at most one window of rows.
    pub(super) fn answer_calls(&mut self) {
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
                error!(%error, "decode call failed");
                self.fail_all(&group.iter().map(|fed| fed.index).collect::<Vec<_>>(), error);
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
}
