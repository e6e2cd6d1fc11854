//! From the end of an answer to a signed record on disk (SPEC 2.5, 3.8, 3.9).

use crate::{gate::SignedOrder, openings::StoredReply};
use ogong_base::keys::NodeKey;
use ogong_commitment::{builder::Trajectory, record::Record, response::resp_hash};

/// When an answer began and ended, Unix milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// The engine was asked.
    pub begun_ms: u64,
    /// It was done.
    pub ended_ms: u64,
}

/// Signs the record over a trajectory and puts everything together that is stored.
pub fn finish(key: &NodeKey, signed: &SignedOrder, body: Vec<u8>, trajectory: Trajectory, times: Times) -> StoredReply {
    let record = Record {
        reply_id: signed.reply_id,
        req_hash: signed.order.req_hash,
        resp_hash: resp_hash(&trajectory.ids, &trajectory.raw_text),
        model_root: signed.order.model_root,
        commit_root: trajectory.commit_root(),
        n_tokens: trajectory.header.n_tokens,
        t0_ms: times.begun_ms,
        t1_ms: times.ended_ms,
    };
    StoredReply::new(record.sign(key), signed, body, trajectory)
}
