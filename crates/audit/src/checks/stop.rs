//! SPEC 5.5, 3: why the reply ended, as far as counts and text show it. Where an end token or a stop string stands is the verifier's word.

use ogong_commitment::leaf::{Header, Stop};
use ogong_commitment::response::find_stop;

use super::ensure;
use crate::Reason;
use crate::evidence::Material;

/// Holds the stop reason to the limits, and the text to the stop strings.
pub(crate) fn check(header: &Header, material: &Material, n_ctx: u32) -> Result<(), Reason> {
    let limit = header.params.max_tokens.min(n_ctx.saturating_sub(header.n_prompt));
    let possible = match header.stop {
        Stop::EndToken => true,
        Stop::StopString => !header.params.stop.is_empty(),
        Stop::Length => header.n_tokens == limit,
    };
    ensure(possible, Reason::StopReason)?;
    ensure(find_stop(&material.raw_text, &header.params.stop).is_none(), Reason::StopString)
}

/// Holds the stop reason to where the verifier found the first end token and the first stop string: the text is cut before a stop string,
/// so only somebody with the model's vocabulary sees whether one was there.
pub(crate) fn ending(header: &Header, end_token_at: Option<u32>, stop_string_at: Option<u32>) -> Result<(), Reason> {
    let last = header.n_tokens.checked_sub(1);
    let expected = match header.stop {
        Stop::EndToken => (last, None),
        Stop::StopString => (None, last),
        Stop::Length => (None, None),
    };
    ensure((end_token_at, stop_string_at) == expected, Reason::EndToken)
}
