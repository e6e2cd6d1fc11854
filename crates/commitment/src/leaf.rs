//! Leaves of a reply (SPEC 3.1–3.4): the header, which everyone derives again, and one leaf a window of 32 tokens.

use crate::digest::{Digest, DigestFault};
use crate::order::version;
use crate::params::SamplingParams;
use crate::sketch::Sketch;
use ogong_base::params::{
    BANK_ID, DIGEST_ENTRIES_MAX, PROMPT_CHUNK, SKETCH_DIMS, STOP_STRING_BYTES_MAX, STOP_STRINGS_MAX, VERSION,
    WINDOW_TOKENS,
};
use ogong_base::{ClassHash, Decode, DecodeError, Encode, Hash32, Reader, Writer};
use std::ops::Range;
use thiserror::Error;

const KIND_HEADER: u8 = 0;
const KIND_WINDOW: u8 = 1;

/// Bytes of a window leaf at most: five-byte ids, sketches, and full digests of five-byte ids and two-byte gaps, where one
/// gap may have three: all gaps of a digest sum to 32768 at most.
pub const LEAF_BYTES_MAX: usize = 7 + WINDOW_TOKENS * (5 + 2 * SKETCH_DIMS + 1 + DIGEST_ENTRIES_MAX * 7 + 1);

const _: () = assert!(LEAF_BYTES_MAX > 512 + STOP_STRINGS_MAX * (4 + STOP_STRING_BYTES_MAX));

/// Leaves of a reply: `1 + ceil(n_tokens / 32)`.
pub fn leaf_count(n_tokens: u32) -> u64 {
    1 + u64::from(window_count(n_tokens))
}

/// Windows of a reply: `ceil(n_tokens / 32)`.
pub fn window_count(n_tokens: u32) -> u32 {
    n_tokens.div_ceil(WINDOW_TOKENS as u32)
}

/// Tokens of window `index` in a reply, as a range of answer indices; empty past the end.
pub fn window_range(n_tokens: u32, index: u32) -> Range<usize> {
    let n = usize::try_from(n_tokens).unwrap_or(usize::MAX);
    let start = usize::try_from(index).unwrap_or(usize::MAX).saturating_mul(WINDOW_TOKENS).min(n);
    start..start.saturating_add(WINDOW_TOKENS).min(n)
}

/// Why a reply ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Stop {
    /// The model's end token, which is the last committed one.
    EndToken = 1,
    /// A stop string of the request.
    StopString = 2,
    /// The limit on tokens.
    Length = 3,
}

impl Stop {
    /// The one reason a reply of these tokens can have ended for; `None` when it should have ended earlier or gone on.
    ///
    /// `pieces`: the tokens' bytes, special tokens empty. `end_token_at`: index of the first end token.
    /// `limit`: min(max_tokens, n_ctx − n_prompt).
    pub fn derive<P: AsRef<[u8]>>(
        pieces: &[P],
        end_token_at: Option<usize>,
        stops: &[Vec<u8>],
        limit: usize,
    ) -> Option<Self> {
        let last = pieces.len().checked_sub(1)?;
        let joined = |pieces: &[P]| pieces.iter().flat_map(|p| p.as_ref().iter().copied()).collect::<Vec<u8>>();
        let before = joined(pieces.get(..last)?);
        let early = end_token_at.is_some_and(|at| at < last) || crate::response::find_stop(&before, stops).is_some();
        if early || pieces.len() > limit {
            return None;
        }
        if end_token_at == Some(last) {
            Some(Self::EndToken)
        } else if crate::response::find_stop(&joined(pieces), stops).is_some() {
            Some(Self::StopString)
        } else {
            (pieces.len() == limit).then_some(Self::Length)
        }
    }
}

impl TryFrom<u8> for Stop {
    type Error = DecodeError;
    fn try_from(code: u8) -> Result<Self, DecodeError> {
        match code {
            1 => Ok(Self::EndToken),
            2 => Ok(Self::StopString),
            3 => Ok(Self::Length),
            other => Err(DecodeError::invalid("stop reason", other)),
        }
    }
}

/// Leaf 0. Format, bank, dims, k, chunk and window are constants of the network and read as nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Prompt tokens.
    pub n_prompt: u32,
    /// Hash of the prompt's ids.
    pub prompt_ids: Hash32,
    /// Generated tokens, the end token included.
    pub n_tokens: u32,
    /// Numeric class that generated.
    pub class: ClassHash,
    /// Canonical sampling parameters.
    pub params: SamplingParams,
    /// Why the reply ended.
    pub stop: Stop,
}

impl Header {
    /// Holds a committed header to one that was derived again.
    ///
    /// # Errors
    /// Names the first field that differs.
    pub fn check(&self, derived: &Self) -> Result<(), HeaderFault> {
        let differs = [
            ("n_prompt", self.n_prompt != derived.n_prompt),
            ("prompt_ids", self.prompt_ids != derived.prompt_ids),
            ("n_tokens", self.n_tokens != derived.n_tokens),
            ("class", self.class != derived.class),
            ("params", self.params != derived.params),
            ("stop", self.stop != derived.stop),
        ];
        match differs.iter().find(|(_, differs)| *differs) {
            Some((field, _)) => Err(HeaderFault { field }),
            None => Ok(()),
        }
    }
}

/// A committed header is not the one that follows from the request and the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("header's {field} is not what was derived")]
pub struct HeaderFault {
    /// The field.
    pub field: &'static str,
}

impl Encode for Header {
    fn encode(&self, w: &mut Writer) {
        w.u8(VERSION).u8(KIND_HEADER).u32(self.n_prompt).put(&self.prompt_ids).u32(self.n_tokens).put(&self.class);
        w.u32(BANK_ID).u16(SKETCH_DIMS as u16).u16(DIGEST_ENTRIES_MAX as u16).put(&self.params);
        w.u16(PROMPT_CHUNK as u16).u16(WINDOW_TOKENS as u16).u8(self.stop as u8);
    }
}

impl Decode for Header {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        version("leaf version", r)?;
        constant("leaf kind", r.u8()?, KIND_HEADER)?;
        let (n_prompt, prompt_ids, n_tokens, class) = (r.u32()?, r.get()?, r.u32()?, r.get()?);
        constant("sketch bank", r.u32()?, BANK_ID)?;
        constant("sketch dims", r.u16()?, SKETCH_DIMS as u16)?;
        constant("digest k", r.u16()?, DIGEST_ENTRIES_MAX as u16)?;
        let params = r.get()?;
        constant("prompt chunk", r.u16()?, PROMPT_CHUNK as u16)?;
        constant("window", r.u16()?, WINDOW_TOKENS as u16)?;
        Ok(Self { n_prompt, prompt_ids, n_tokens, class, params, stop: r.u8()?.try_into()? })
    }
}

/// Leaf `index + 1`: the tokens of one window with what predicted each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowLeaf {
    /// Index of the window.
    pub index: u32,
    /// Token ids, 1 to 32.
    pub ids: Vec<u32>,
    /// One sketch a token.
    pub sketches: Vec<Sketch>,
    /// One digest a token.
    pub digests: Vec<Digest>,
}

/// Why an opened window is not a window of its reply.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum LeafFault {
    /// Another window.
    #[error("leaf is of window {got}, {expected} expected")]
    Index {
        /// The window asked for.
        expected: u32,
        /// The window opened.
        got: u32,
    },
    /// Other tokens than the reply's.
    #[error("leaf's token ids are not the reply's")]
    Ids,
    /// A digest that cannot be.
    #[error("token {position} of the window: {fault}")]
    Digest {
        /// Position in the window.
        position: usize,
        /// What is wrong with it.
        fault: DigestFault,
    },
}

impl WindowLeaf {
    /// Holds an opened leaf to the reply's ids and to the rules of digests.
    ///
    /// # Errors
    /// Names the first rule that is broken.
    pub fn check(&self, index: u32, answer_ids: &[u32], n_vocab: u32) -> Result<(), LeafFault> {
        if self.index != index {
            return Err(LeafFault::Index { expected: index, got: self.index });
        }
        let n_tokens = u32::try_from(answer_ids.len()).unwrap_or(u32::MAX);
        let slice = answer_ids.get(window_range(n_tokens, index)).unwrap_or_default();
        if slice.is_empty() || self.ids != slice {
            return Err(LeafFault::Ids);
        }
        for (position, digest) in self.digests.iter().enumerate() {
            digest.check(n_vocab).map_err(|fault| LeafFault::Digest { position, fault })?;
        }
        Ok(())
    }
}

impl Encode for WindowLeaf {
    fn encode(&self, w: &mut Writer) {
        let n = self.ids.len();
        assert!(self.sketches.len() == n && self.digests.len() == n, "invariant: one sketch and one digest a token");
        w.u8(VERSION).u8(KIND_WINDOW).u32(self.index);
        w.u8(u8::try_from(n).expect("invariant: a window has at most 32 tokens"));
        self.ids.iter().for_each(|id| {
            w.varint(*id);
        });
        self.sketches.iter().for_each(|sketch| sketch.encode(w));
        self.digests.iter().for_each(|digest| digest.encode(w));
    }
}

impl Decode for WindowLeaf {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        version("leaf version", r)?;
        constant("leaf kind", r.u8()?, KIND_WINDOW)?;
        let index = r.u32()?;
        let n = usize::from(r.u8()?);
        if !(1..=WINDOW_TOKENS).contains(&n) {
            return Err(DecodeError::invalid("window tokens", n));
        }
        let ids = (0..n).map(|_| r.varint()).collect::<Result<_, _>>()?;
        let sketches = (0..n).map(|_| r.get()).collect::<Result<_, _>>()?;
        let digests = (0..n).map(|_| r.get()).collect::<Result<_, _>>()?;
        Ok(Self { index, ids, sketches, digests })
    }
}

fn constant<T: PartialEq + ToString>(what: &'static str, got: T, expected: T) -> Result<(), DecodeError> {
    if got == expected { Ok(()) } else { Err(DecodeError::invalid(what, got)) }
}

#[cfg(test)]
#[path = "leaf_tests.rs"]
mod tests;
