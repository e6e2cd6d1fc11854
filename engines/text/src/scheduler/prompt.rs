//! The rows of prompts: a chunk of the oldest, and with it what else fits one call.
//!
//! A prompt that must come out the same each time is computed alone, in whole chunks from its start (SPEC 4.8 for committed ones).
//! Others share a call, as long as they do not begin alike: of those the first is computed, and the rest is copied.

use super::{Scheduler, sequence_of};
use crate::error::Error;
use crate::memory::{self, Reuse};
use crate::slot::{Piece, Slot};

/// A part of a prompt in a call.
struct Part {
    index: usize,
    position: usize,
    tokens: Vec<u32>,
}

impl Scheduler<'_> {
    /// One call over prompts, if any waits.
    pub(super) fn prompt_call(&mut self) {
        while let Some(&index) = self.in_prompt.first() {
            self.warm_up(index);
            let piece = self.slots.get(index).and_then(Option::as_ref).and_then(|slot| slot.prompt_piece(self.chunk));
            match piece {
                None => {
                    self.in_prompt.remove(0);
                    continue;
                }
                Some(Piece::Image(_)) => self.image_call(index),
                Some(Piece::Text { position, tokens }) => {
                    let first = Part { index, position, tokens: tokens.to_vec() };
                    self.text_call(first);
                }
            }
            return;
        }
    }

    fn warm_up(&mut self, index: usize) {
        if self.slots.get(index).and_then(Option::as_ref).is_some_and(|slot| !slot.is_warm()) {
            self.warm(index);
        }
    }

    fn text_call(&mut self, first: Part) {
        let parts = self.packed(first);
        let rows = parts
            .iter()
            .flat_map(|part| crate::score::rows(&part.tokens, part.position, sequence_of(part.index), false));
        match self.context.decode(rows, false) {
            Ok(()) => {
                let alone = parts.len() == 1;
                for Part { index, tokens, .. } in &parts {
                    if let Some(memory) = self.memories.get_mut(*index) {
                        // What was computed in company is not what a fresh computation would cut the same way.
                        if alone { memory.computed(tokens) } else { memory.moved(tokens) }
                    }
                    self.prefilled(*index, tokens.len());
                }
            }
            Err(error) => self.fail_all(&parts.iter().map(|part| part.index).collect::<Vec<_>>(), error),
        }
    }

    /// The first part, and parts of other prompts for as many rows as a call has left.
    fn packed(&mut self, first: Part) -> Vec<Part> {
        if !self.packs(first.index) {
            return vec![first];
        }
        let mut left = self.chunk.saturating_sub(first.tokens.len());
        let mut parts = vec![first];
        for index in self.in_prompt.clone().into_iter().skip(1) {
            if left == 0 {
                break;
            }
            if !self.packs(index) || self.begins_like_one_of(index, &parts) {
                continue;
            }
            self.warm_up(index);
            let slot = self.slots.get(index).and_then(Option::as_ref);
            if let Some(Piece::Text { position, tokens }) = slot.and_then(|slot| slot.prompt_piece(left)) {
                left -= tokens.len();
                parts.push(Part { index, position, tokens: tokens.to_vec() });
            }
        }
        parts
    }

    fn packs(&self, index: usize) -> bool {
        self.slots.get(index).and_then(Option::as_ref).is_some_and(Slot::may_have_company)
    }

    fn begins_like_one_of(&self, index: usize, parts: &[Part]) -> bool {
        if self.slots.get(index).and_then(Option::as_ref).is_none_or(|slot| slot.reuse() == Reuse::Nothing) {
            return false;
        }
        let ids = |index: usize| {
            self.slots.get(index).and_then(Option::as_ref).map(|slot| slot.prompt().ids.as_slice()).unwrap_or_default()
        };
        parts.iter().any(|part| memory::begin_alike(ids(part.index), ids(index)))
    }

    fn image_call(&mut self, index: usize) {
        let Some(slot) = self.slots.get(index).and_then(Option::as_ref) else { return };
        let Some(Piece::Image(image)) = slot.prompt_piece(self.chunk) else { return };
        let outcome = match self.model.projector() {
            None => Err(Error::Stopped),
            Some(projector) => projector.decode(&mut self.context, image, sequence_of(index)).map(|()| {
                let ids = slot.prompt().ids.get(image.start..image.start + image.positions).unwrap_or_default();
                self.memories.get_mut(index).into_iter().for_each(|memory| memory.moved(ids));
                image.positions
            }),
        };
        match outcome {
            Ok(positions) => self.prefilled(index, positions),
            Err(error) => self.fail(index, error),
        }
    }

    /// Notes what of a prompt is there, and whether that is all.
    fn prefilled(&mut self, index: usize, positions: usize) {
        let Some(slot) = self.slots.get_mut(index).and_then(Option::as_mut) else { return };
        slot.prefilled(positions);
        if slot.prompt_piece(self.chunk).is_none() {
            self.in_prompt.retain(|waiting| *waiting != index);
        }
    }
}
