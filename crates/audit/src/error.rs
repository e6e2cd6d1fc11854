//! What callers of this crate can get wrong. What providers and verifiers get wrong is a [`crate::Reason`], not an error.

use crate::Check;

/// A value that cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A limit is over the ceiling the protocol sets.
    #[error("limit of {check} is {got} ppm, at most {max} is allowed")]
    Limit {
        /// The check.
        check: Check,
        /// The limit that was asked for.
        got: u64,
        /// The ceiling.
        max: u64,
    },
    /// The sequential test's parameters are outside their ranges.
    #[error("sequential test: {0}")]
    Sprt(&'static str),
}
