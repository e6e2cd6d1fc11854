//! The lie: a record over a tree of the header leaf alone, zero tokens, zero windows: nothing to open, nothing to be wrong.
//!
//! A reply without a token is none (SPEC 5.5, 1); without that check the stop reason would not follow from the counts (SPEC 5.5, 3).

use super::Expected;
use ogong_audit::Check;
use ogong_base::keys::NodeKey;
use ogong_commitment::{
    builder::Trajectory,
    leaf::Stop,
    record::{Record, SignedRecord},
    response::resp_hash,
};

/// What catches it.
pub const EXPECTED: Expected = Expected::of(&[Check::TokenCount], &[Check::Stop]);

/// The empty trajectory in place of one that was made, and a record over it.
pub fn emptied(mut made: Trajectory, record: &Record, key: &NodeKey) -> (Trajectory, SignedRecord) {
    made.leaves.clear();
    made.ids.clear();
    made.raw_text.clear();
    made.header.n_tokens = 0;
    made.header.stop = Stop::Length;
    let record = Record {
        resp_hash: resp_hash(&made.ids, &made.raw_text),
        commit_root: made.commit_root(),
        n_tokens: 0,
        ..record.clone()
    };
    let signed = record.sign(key);
    (made, signed)
}
