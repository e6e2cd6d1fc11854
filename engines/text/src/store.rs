//! The last committed replies, in memory: the trajectory for the provider and auditors, the body for replay.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use ogong_base::hash::ReplyId;
use ogong_commitment::builder::Trajectory;

/// Replies kept.
pub const REPLIES_MAX: usize = 256;
/// Bytes kept over all replies, roughly; older replies go first.
pub const BYTES_MAX: usize = 512 << 20;

/// Memory of one committed token, roughly: a sketch, and a digest of some dozens of entries.
const TOKEN_BYTES: usize = 512;

/// One committed reply.
#[derive(Clone, Debug)]
pub struct Committed {
    /// What was committed.
    pub trajectory: Arc<Trajectory>,
    /// The frozen request body.
    pub body: Bytes,
}

/// Bounded by count and by size; the newest reply always stays.
#[derive(Debug, Default)]
pub struct Store {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    replies: HashMap<ReplyId, (Committed, usize)>,
    order: VecDeque<ReplyId>,
    bytes: usize,
}

impl Store {
    /// Keeps a reply, in place of an earlier one of the same name.
    pub fn insert(&self, reply_id: ReplyId, committed: Committed) {
        let size = committed.body.len() + committed.trajectory.ids.len() * TOKEN_BYTES;
        let mut inner = self.lock();
        inner.remove(reply_id);
        inner.bytes += size;
        inner.order.push_back(reply_id);
        inner.replies.insert(reply_id, (committed, size));
        while inner.order.len() > REPLIES_MAX || (inner.bytes > BYTES_MAX && inner.order.len() > 1) {
            let Some(oldest) = inner.order.front().copied() else { break };
            inner.remove(oldest);
        }
    }

    /// A reply, if it is still kept.
    pub fn find(&self, reply_id: ReplyId) -> Option<Committed> {
        self.lock().replies.get(&reply_id).map(|(committed, _)| committed.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn remove(&mut self, reply_id: ReplyId) {
        if let Some((_, size)) = self.replies.remove(&reply_id) {
            self.bytes -= size;
            self.order.retain(|kept| *kept != reply_id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ogong_base::hash::ClassHash;
    use ogong_commitment::builder::TrajectoryBuilder;
    use ogong_commitment::digest::Digest;
    use ogong_commitment::leaf::Stop;
    use ogong_commitment::params::SamplingParams;
    use ogong_commitment::sketch::Sketch;

    fn committed() -> Committed {
        let mut builder = TrajectoryBuilder::new(&[1], ClassHash::ZERO, SamplingParams::default());
        builder.push(1, b"x", Sketch([0; 64]), Digest::default());
        Committed {
            trajectory: Arc::new(builder.finish(Stop::Length).expect("one token")),
            body: Bytes::from_static(b"{}"),
        }
    }

    fn id(n: usize) -> ReplyId {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&(n as u64).to_le_bytes());
        ReplyId::from_bytes(bytes)
    }

    #[test]
    fn the_last_replies_are_kept() {
        let store = Store::default();
        for n in 0..REPLIES_MAX + 3 {
            store.insert(id(n), committed());
        }
        store.insert(id(REPLIES_MAX), committed());
        assert!(store.find(id(2)).is_none() && store.find(id(3)).is_some());
        let inner = store.lock();
        assert_eq!((inner.order.len(), inner.replies.len()), (REPLIES_MAX, REPLIES_MAX));
        assert_eq!(inner.bytes, REPLIES_MAX * (2 + TOKEN_BYTES));
    }
}
