//! SPEC 5.5, 2: opened leaves stand under the signed root, in a tree of the size that the record's token count gives.

use ogong_commitment::builder::Opening;
use ogong_commitment::record::Record;

use super::ensure;
use crate::Reason;

/// Holds one opening at the leaf index it must have.
pub(crate) fn check(record: &Record, index: u32, opening: &Opening) -> Result<(), Reason> {
    let verified = opening.verify(&record.commit_root, record.n_tokens);
    ensure(opening.index == index && verified.is_ok(), Reason::Merkle)
}
