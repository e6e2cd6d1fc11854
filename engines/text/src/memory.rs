//! What sequences hold, so that a prompt whose beginning is there need not be computed again.
//!
//! A plain request may take any beginning. One that must be repeatable takes only what was computed the way it would
//! compute it itself: whole chunks from the start, each in a call of its own, and its own last, shorter chunk.
//! Committed requests take nothing (SPEC 4.8).

/// A copy from one sequence to another must save at least so many tokens.
const COPY_GAIN_MIN: usize = 64;
/// Copying a token's state costs a small part of computing it; never copy more than so many for each one saved.
const COPY_COST_MAX: usize = 8;
/// Of a sequence that is reused in place, at least one part in so many must stay.
const KEPT_PART: usize = 2;

/// The tokens of one sequence.
#[derive(Debug)]
pub struct Memory {
    /// Tokens of a whole prompt chunk.
    chunk: usize,
    tokens: Vec<u32>,
    /// Ends of the chunks from the start on that a fresh computation would cut the same way.
    steps: Vec<usize>,
    /// When it was last used, counted in requests.
    used: u64,
}

/// How much of what is there a request may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// Nothing.
    Nothing,
    /// What it would compute the same way.
    Same,
    /// Any beginning.
    Any,
}

/// Where a prompt's beginning is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// The sequence.
    pub sequence: usize,
    /// Tokens to take.
    pub tokens: usize,
}

impl Memory {
    /// Of an empty sequence, for prompts that are computed in chunks of `chunk` tokens.
    pub fn new(chunk: usize) -> Self {
        Self { chunk: chunk.max(1), tokens: Vec::new(), steps: Vec::new(), used: 0 }
    }

    /// Tokens held.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// The tokens held.
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// Tokens of `prompt` that could be taken; never the last one, which must be computed for its outputs.
    pub fn common(&self, prompt: &[u32], reuse: Reuse) -> usize {
        let until = prompt.len().saturating_sub(1);
        let common = self.tokens.iter().zip(prompt).take(until).take_while(|(held, asked)| held == asked).count();
        match reuse {
            Reuse::Nothing => 0,
            Reuse::Any => common,
            Reuse::Same => {
                let same = |end: usize| end <= common && (end.is_multiple_of(self.chunk) || end == until);
                self.steps.iter().copied().filter(|end| same(*end)).max().unwrap_or(0)
            }
        }
    }

    /// Forgets all but the first `tokens`.
    pub fn cut(&mut self, tokens: usize) {
        self.tokens.truncate(tokens);
        self.steps.retain(|end| *end <= tokens);
    }

    /// Takes over the first `tokens` of another sequence.
    pub fn copy(&mut self, from: &Self, tokens: usize) {
        self.tokens.clear();
        self.tokens.extend(from.tokens.iter().take(tokens));
        self.steps.clear();
        self.steps.extend(from.steps.iter().filter(|end| **end <= tokens));
    }

    /// Notes a prompt chunk that was computed in one call of its own.
    pub fn computed(&mut self, chunk: &[u32]) {
        let start = self.tokens.len();
        self.tokens.extend_from_slice(chunk);
        if start == self.steps.last().copied().unwrap_or(0) && start.is_multiple_of(self.chunk) {
            self.steps.push(self.tokens.len());
        }
    }

    /// Notes a token of an answer.
    pub fn answered(&mut self, token: u32) {
        self.tokens.push(token);
    }

    /// Notes tokens that were moved here from behind.
    pub fn moved(&mut self, tokens: &[u32]) {
        self.tokens.extend_from_slice(tokens);
    }

    /// Notes that a request uses it.
    pub fn touch(&mut self, now: u64) {
        self.used = now;
    }
}

/// The free sequence for a new prompt: one whose beginning it shares without wasting much of it, else an empty one, else the
/// one beside those at work (llama.cpp computes rows together only of sequences that stand side by side), and of these the one
/// that was not used for longest.
pub fn seat(
    memories: &[Memory],
    free: impl Iterator<Item = usize> + Clone,
    prompt: &[u32],
    reuse: Reuse,
) -> Option<usize> {
    let shared = |index: &usize| {
        let memory = memories.get(*index)?;
        let common = memory.common(prompt, reuse);
        (common > 0 && common * KEPT_PART >= memory.len()).then_some(common)
    };
    let best = free.clone().filter_map(|index| Some((shared(&index)?, index))).max_by_key(|(common, _)| *common);
    if let Some((_, index)) = best {
        return Some(index);
    }
    let waits: Vec<usize> = free.clone().collect();
    let busy = |index: usize| index < memories.len() && !waits.contains(&index);
    free.min_by_key(|index| {
        let apart = !busy(index + 1) && !index.checked_sub(1).is_some_and(busy);
        memories.get(*index).map_or((true, true, u64::MAX), |memory| (!memory.is_empty(), apart, memory.used))
    })
}

/// Where to take the beginning of the prompt in `own` from: its own sequence, or another that saves enough beyond it.
pub fn find(memories: &[Memory], own: usize, prompt: &[u32], reuse: Reuse) -> Found {
    let held = memories.get(own).map_or(0, |memory| memory.common(prompt, reuse));
    let worth = |memory: &Memory, tokens: usize| {
        let gain = tokens.saturating_sub(held);
        gain >= COPY_GAIN_MIN && gain * COPY_COST_MAX >= memory.len()
    };
    memories
        .iter()
        .enumerate()
        .filter(|(index, _)| *index != own)
        .map(|(sequence, memory)| (memory, Found { sequence, tokens: memory.common(prompt, reuse) }))
        .filter(|(memory, found)| worth(memory, found.tokens))
        .map(|(_, found)| found)
        .max_by_key(|found| found.tokens)
        .unwrap_or(Found { sequence: own, tokens: held })
}

/// Whether so much of two prompts is the same that one of them is worth a copy of the other.
pub fn begin_alike(one: &[u32], other: &[u32]) -> bool {
    one.iter().zip(other).take_while(|(one, other)| one == other).count() >= COPY_GAIN_MIN
}

/// Runs of at least `window` tokens that stand in both `held` and `prompt` behind the shared beginning of `common` tokens, as
/// (position in `held`, position in `prompt` where it moves to, length), in order and each right behind the one before in the
/// prompt. Source: llama-server's `--cache-reuse`.
pub fn movable(held: &[u32], prompt: &[u32], common: usize, window: usize) -> Vec<(usize, usize, usize)> {
    let until = prompt.len().saturating_sub(1);
    let (mut from, mut to) = (common, common);
    let mut runs = Vec::new();
    while window > 0 && from < held.len() && to < until {
        let pairs = held.iter().skip(from).zip(prompt.iter().take(until).skip(to));
        let run = pairs.take_while(|(held, asked)| held == asked).count();
        if run >= window {
            runs.push((from, to, run));
            from += run;
            to += run;
        } else {
            from += 1;
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(chunks: &[usize], answer: usize) -> Memory {
        let mut memory = Memory::new(512);
        let mut next = 0u32;
        for chunk in chunks {
            let tokens: Vec<u32> = (next..).take(*chunk).collect();
            next += u32::try_from(*chunk).expect("small");
            memory.computed(&tokens);
        }
        (next..).take(answer).for_each(|token| memory.answered(token));
        memory
    }

    fn prompt(length: u32) -> Vec<u32> {
        (0..length).collect()
    }

    #[test]
    fn what_is_repeatable_was_computed_the_same_way() {
        let memory = held(&[512, 88], 20);
        assert_eq!(memory.common(&prompt(610), Reuse::Any), 609);
        assert_eq!(memory.common(&prompt(601), Reuse::Same), 600, "the same prompt again");
        assert_eq!(memory.common(&prompt(610), Reuse::Same), 512, "its second chunk would be longer");
        assert_eq!(memory.common(&prompt(400), Reuse::Same), 0);
        assert_eq!(memory.common(&prompt(610), Reuse::Nothing), 0);
        let mut cut = held(&[512, 88], 20);
        cut.cut(560);
        cut.computed(&[1000; 40]);
        assert_eq!(cut.steps, [512], "a chunk that began elsewhere is not the same");
        assert_eq!(Memory::new(512).common(&[], Reuse::Any), 0);
    }

    #[test]
    fn a_prompt_sits_where_its_beginning_is_unless_that_wastes_more() {
        let memories = [held(&[100], 0), held(&[512, 512], 0), Memory::new(512)];
        assert_eq!(seat(&memories, 0..3, &prompt(120), Reuse::Any), Some(0));
        assert_eq!(seat(&memories, 1..3, &prompt(120), Reuse::Any), Some(2), "an empty one before wasting a long one");
        assert_eq!(seat(&memories, 0..0, &prompt(9), Reuse::Any), None);
        let mut used = [held(&[9], 0), held(&[9], 0)];
        used[0].touch(2);
        used[1].touch(1);
        assert_eq!(seat(&used, 0..2, &[7, 7, 7], Reuse::Any), Some(1));
        let mut row: Vec<Memory> = (0..6).map(|_| held(&[9], 0)).collect();
        row.iter_mut().zip([0, 1, 2, 3, 4, 5]).for_each(|(memory, now)| memory.touch(now));
        let but = |busy: usize| (0..6).filter(move |index| *index != busy);
        assert_eq!(seat(&row, but(4), &[7, 7, 7], Reuse::Any), Some(3), "beside the one at work, not the oldest");
    }

    #[test]
    fn a_beginning_is_copied_when_that_is_cheaper() {
        let memories = [Memory::new(512), held(&[300], 100), held(&[80], 4000)];
        assert_eq!(find(&memories, 0, &prompt(301), Reuse::Any), Found { sequence: 1, tokens: 300 });
        assert_eq!(find(&memories, 0, &prompt(50), Reuse::Any), Found { sequence: 0, tokens: 0 }, "too little");
        assert_eq!(find(&memories[..1], 0, &prompt(50), Reuse::Any), Found { sequence: 0, tokens: 0 });
        assert_eq!(find(&memories, 2, &prompt(300), Reuse::Any), Found { sequence: 2, tokens: 299 });
    }

    #[test]
    fn runs_move_up() {
        let held: Vec<u32> = [1, 2, 3, 90, 91, 4, 5, 6, 7].into();
        let prompt: Vec<u32> = [1, 2, 3, 4, 5, 6, 7, 8].into();
        assert_eq!(movable(&held, &prompt, 3, 3), [(5, 3, 4)]);
        assert!(movable(&held, &prompt, 3, 5).is_empty());
        assert!(movable(&held, &prompt, 3, 0).is_empty());
    }
}
