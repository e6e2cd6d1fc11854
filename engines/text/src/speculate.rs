//! Speculation: drafting tokens ahead, so that one call of the model confirms several.
//!
//! A drafter proposes what may come next; the model computes all of it in one call, and its own sampler chooses token by token
//! as ever: the answer is the same as without, only sooner. Committed answers never use it.
//!
//! - `ngram-simple`: what followed the last time these tokens stood in prompt or answer.
//! - `ngram-map-k`: the same, from a map of where they stood that grows with the answer.
//! - `draft-simple`: a small model of the same vocabulary, run ahead greedily ([`crate::draft`]).
//! - `draft-mtp`: heads for multi-token prediction, in the model's own file or in one of their own ([`crate::raw`]).
//! - `draft-eagle3`: a model of one layer that reads the states of three of the model's.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::raw::HeadKind;

/// Tokens of the key that n-gram methods look for. Source: llama.cpp's default.
const KEY: usize = 12;
/// Tokens proposed at once at most; with the token before them they are rows of one call.
pub const DRAFT_MAX: usize = 15;
/// Tokens for which drafting rests after drafts in a row came to nothing, at most.
const REST_MAX: u32 = 64;

/// How tokens are drafted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// Not.
    #[default]
    None,
    /// The last time these tokens stood.
    NgramSimple,
    /// From a map of where they stood.
    NgramMap,
    /// As the drafter's file says.
    OfDrafter,
    /// A small model.
    Draft,
    /// Heads for multi-token prediction.
    Mtp,
    /// A model of one layer that reads the model's states.
    Eagle3,
}

impl Method {
    /// What reads hidden states for it, where something does.
    pub fn heads(self) -> Option<HeadKind> {
        match self {
            Self::Mtp => Some(HeadKind::Mtp),
            Self::Eagle3 => Some(HeadKind::Eagle3),
            _ => None,
        }
    }

    /// Reads the name that flags and llama-server use.
    ///
    /// # Errors
    /// When the method is unknown.
    pub fn parse(name: &str) -> Result<Self, String> {
        match name {
            "none" => Ok(Self::None),
            "ngram-simple" => Ok(Self::NgramSimple),
            "ngram-map-k" => Ok(Self::NgramMap),
            "draft-simple" | "draft" => Ok(Self::Draft),
            "draft-mtp" => Ok(Self::Mtp),
            "draft-eagle" | "draft-eagle3" => Ok(Self::Eagle3),
            _ => Err("must be none, ngram-simple, ngram-map-k, draft-simple, draft-mtp or draft-eagle3".to_owned()),
        }
    }
}

/// Drafts for one answer from the tokens that stand before.
#[derive(Debug)]
pub struct Ngrams {
    /// Where each key was followed by something, for the method that keeps a map.
    map: Option<HashMap<u64, usize>>,
    /// Tokens of the history that are in the map.
    mapped: usize,
    /// Drafts in a row that came to nothing.
    misses: u32,
    /// Tokens for which drafting still rests.
    rest: u32,
}

impl Ngrams {
    /// A drafter; `None` where the method is none of this kind.
    pub fn new(method: Method) -> Option<Self> {
        let map = match method {
            Method::NgramSimple => None,
            Method::NgramMap => Some(HashMap::new()),
            Method::None | Method::OfDrafter | Method::Draft | Method::Mtp | Method::Eagle3 => return None,
        };
        Some(Self { map, mapped: 0, misses: 0, rest: 0 })
    }

    /// What may follow `history`, all tokens of prompt and answer so far: at most `room` tokens.
    pub fn draft(&mut self, history: &[u32], room: usize) -> Vec<u32> {
        let place = self.place(history);
        if self.rest > 0 {
            self.rest -= 1;
            return Vec::new();
        }
        let from = place.and_then(|place| history.get(place..)).unwrap_or_default();
        from.iter().copied().take(room.min(DRAFT_MAX)).collect()
    }

    /// Tells how many tokens of the last draft, which was not empty, came true.
    pub fn accepted(&mut self, count: usize) {
        if count > 0 {
            (self.misses, self.rest) = (0, 0);
        } else {
            self.misses = self.misses.saturating_add(1);
            self.rest = 1u32.checked_shl(self.misses).unwrap_or(REST_MAX).min(REST_MAX);
        }
    }

    /// Where the history went on the last time that its end stood in it.
    fn place(&mut self, history: &[u32]) -> Option<usize> {
        let start = history.len().checked_sub(KEY)?;
        let key = history.get(start..)?;
        let Some(map) = &mut self.map else {
            let found = history.get(..history.len() - 1)?.windows(KEY).rposition(|window| window == key)?;
            return Some(found + KEY);
        };
        for end in self.mapped.max(KEY)..history.len() {
            if let Some(window) = history.get(end - KEY..end) {
                map.insert(hash_of(window), end);
            }
        }
        self.mapped = history.len();
        let place = *map.get(&hash_of(key))?;
        (history.get(place.checked_sub(KEY)?..place) == Some(key)).then_some(place)
    }
}

fn hash_of(window: &[u32]) -> u64 {
    let mut hasher = DefaultHasher::new();
    window.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_have_llama_servers_names() {
        assert_eq!(Method::parse("ngram-simple"), Ok(Method::NgramSimple));
        assert_eq!(Method::parse("draft-simple"), Ok(Method::Draft));
        assert_eq!(Method::parse("draft-mtp"), Ok(Method::Mtp));
        assert_eq!(Method::parse("draft-eagle"), Method::parse("draft-eagle3"));
        assert!(Method::parse("magic").is_err());
    }

    #[test]
    fn what_stood_once_is_drafted_again() {
        let mut history: Vec<u32> = (0..10).chain(100..160).chain([7, 8, 9]).chain(100..114).collect();
        for method in [Method::NgramSimple, Method::NgramMap] {
            let mut ngrams = Ngrams::new(method).expect("a drafter");
            assert_eq!(ngrams.draft(&history, 4), [114, 115, 116, 117], "{method:?}");
            assert!(ngrams.draft(&history[..40], 4).is_empty(), "{method:?}");
            ngrams.accepted(0);
            assert!(ngrams.draft(&history, 4).is_empty(), "it rests after a miss");
            ngrams.accepted(1);
            history.extend([114, 115]);
            assert_eq!(ngrams.draft(&history, 2), [116, 117], "{method:?}");
            assert!(ngrams.draft(&history, 0).is_empty() && ngrams.draft(&[], 4).is_empty());
            history.truncate(history.len() - 2);
        }
        assert!(Ngrams::new(Method::None).is_none());
    }
}
