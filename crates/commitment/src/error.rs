//! What can go wrong here. A [`crate::params::Refusal`] is the client's, a `*Fault` a peer's; this is everything else.

use ogong_base::{DecodeError, KeyError};
use thiserror::Error;

/// Why something could not be computed, read or held.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Error {
    /// An engine handed over a NaN or infinite number (SPEC 3.10).
    #[error("{what} {index} is not finite")]
    NonFinite {
        /// The kind of number.
        what: &'static str,
        /// Where it stands.
        index: usize,
    },
    /// A sketch value does not fit a binary16 (SPEC 3.5).
    #[error("sketch value {0} is saturated")]
    Saturated(usize),
    /// A hidden state has another width than the bank.
    #[error("hidden state is {got} wide, {expected} expected")]
    Width {
        /// The bank's width.
        expected: usize,
        /// The state's width.
        got: usize,
    },
    /// A bank's width is outside 1–65,536.
    #[error("hidden width {0} is not supported")]
    BankWidth(usize),
    /// A vocabulary is too small for a digest, or too large for its ids.
    #[error("a vocabulary of {0} tokens is not supported")]
    Vocabulary(usize),
    /// A token id is outside the vocabulary.
    #[error("token id {id} is outside the vocabulary of {n_vocab}")]
    TokenId {
        /// The id.
        id: u32,
        /// The vocabulary's size.
        n_vocab: usize,
    },
    /// A request body cannot be frozen.
    #[error("request body: {0}")]
    Body(String),
    /// A reply without tokens commits to nothing.
    #[error("a reply needs 1 to {max} tokens, got {got}")]
    AnswerLength {
        /// Tokens of the reply.
        got: usize,
        /// Tokens at most.
        max: usize,
    },
    /// A leaf index outside the tree.
    #[error("leaf {index} of {leaves} does not exist")]
    LeafIndex {
        /// The index asked for.
        index: u64,
        /// Leaves in the tree.
        leaves: u64,
    },
    /// A leaf is not in the tree under the head.
    #[error("merkle proof of leaf {0} does not lead to the commit root")]
    Inclusion(u64),
    /// Bytes of a peer are not a value.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// A signature does not hold.
    #[error(transparent)]
    Key(#[from] KeyError),
}
