//! What tokens say and which of them end an answer.

use llama_cpp_4::model::{LlamaModel, Special};
use llama_cpp_4::token::LlamaToken;

/// The bytes of every token, end to end, so that the token loop makes no call and no allocation.
#[derive(Debug)]
pub struct Pieces {
    bytes: Vec<u8>,
    ends_at: Vec<u32>,
    is_end: Vec<bool>,
}

impl Pieces {
    /// Of all tokens below `n_vocab`.
    pub fn new(llama: &LlamaModel, n_vocab: u32) -> Self {
        let (mut bytes, mut ends_at, mut is_end) = (Vec::new(), Vec::new(), Vec::new());
        let mut piece = Vec::new();
        for id in 0..n_vocab {
            let token = LlamaToken(i32::try_from(id).unwrap_or(i32::MAX));
            // An error means that the token has no text.
            if llama.token_to_raw_bytes_into(token, Special::Plaintext, &mut piece).is_ok() {
                bytes.extend_from_slice(&piece);
            }
            ends_at.push(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
            is_end.push(llama.is_eog_token(token));
        }
        Self { bytes, ends_at, is_end }
    }

    /// A token's bytes; none of a special token.
    pub fn bytes(&self, id: u32) -> &[u8] {
        let index = id as usize;
        let end = self.ends_at.get(index).map_or(0, |end| *end as usize);
        let start = index.checked_sub(1).and_then(|before| self.ends_at.get(before)).map_or(0, |start| *start as usize);
        self.bytes.get(start..end).unwrap_or_default()
    }

    /// Tokens that end an answer.
    pub fn ends(&self) -> impl Iterator<Item = u32> + '_ {
        (0u32..).zip(&self.is_end).filter(|(_, is_end)| **is_end).map(|(id, _)| id)
    }

    /// Whether a token ends an answer.
    pub fn is_end(&self, id: u32) -> bool {
        self.is_end.get(id as usize).copied().unwrap_or(false)
    }
}
