//! What of a prompt is taken from memory instead of computed.

use tracing::debug;

use super::{Scheduler, position, sequence_of};
use crate::memory::{self, Memory, Reuse};
use crate::vision::is_image;

impl Scheduler<'_> {
    /// Takes what is already computed of a prompt's beginning. Done when the prompt's turn comes, not when it is seated, so that
    /// prompts that came together share what the first of them computes.
    pub(super) fn warm(&mut self, index: usize) {
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
}
