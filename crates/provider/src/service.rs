//! One paid request, from the order to the record on disk.

use crate::{
    gate::{self, SignedOrder, Terms},
    ledger_store::Replies,
    openings::StoredReply,
    push::Pusher,
    refusal::Refusal,
    reply::{self, Times},
};
use bytes::Bytes;
use ogong_base::{hash::ReplyId, keys::NodeKey};
use ogong_daemon::clock::now_ms;
use ogong_engine::{EngineClient, client::CommitHeaders, wire::OrderLimits};
use ogong_openai::ErrorKind;
use ogong_settlement::Chain;
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use tracing::{error, info, warn};

/// How long a request waits for a slot.
const SLOT_WAIT: Duration = Duration::from_secs(60);

/// Everything that serves requests. Shared by all of them.
pub struct Service {
    /// What an order must say.
    pub terms: Terms,
    /// Signs records.
    pub key: Arc<NodeKey>,
    /// Where escrows are read.
    pub chain: Chain,
    /// The engine.
    pub engine: EngineClient,
    /// One permit a slot.
    pub slots: Arc<Semaphore>,
    /// Replies and receipts on disk.
    pub replies: Replies,
    /// Takes finished records.
    pub pusher: Pusher,
    /// Replies being made now: an order is served once.
    pub under_way: UnderWay,
}

/// A request that may go to the engine.
pub struct Admitted {
    /// The order.
    pub signed: SignedOrder,
    /// The frozen body.
    pub body: Bytes,
    /// When the engine is asked.
    pub begun_ms: u64,
    _slot: OwnedSemaphorePermit,
    _claim: Claim,
}

impl Service {
    /// Holds a request against everything that can be known before the engine is asked.
    ///
    /// # Errors
    /// What the consumer is told.
    pub async fn admit(&self, signed: SignedOrder, body: Bytes) -> Result<Admitted, Refusal> {
        self.terms.check(&signed.order, &body, now_ms())?;
        let claim = self.under_way.claim(signed.reply_id).ok_or_else(used)?;
        if self.replies.get(&signed.reply_id).map_err(|error| store_failed(&error))?.is_some() {
            return Err(used());
        }
        gate::secured(&self.chain, &signed, &self.terms.payout).await?;
        let slot = timeout(SLOT_WAIT, Arc::clone(&self.slots).acquire_owned()).await;
        let Ok(Ok(slot)) = slot else {
            return Err(Refusal::new(ErrorKind::Unavailable, "busy", "all slots are busy")
                .hint("try again, or another provider"));
        };
        Ok(Admitted { signed, body, begun_ms: now_ms(), _slot: slot, _claim: claim })
    }

    /// Asks the engine in commit mode.
    ///
    /// # Errors
    /// When the engine does not answer.
    pub async fn ask(&self, path: &str, admitted: &Admitted) -> Result<reqwest::Response, Refusal> {
        let order = &admitted.signed.order;
        let limits = OrderLimits { issued_ms: order.issued_ms, max_tokens: order.max_tokens, n_ctx: order.n_ctx };
        let commit = CommitHeaders { reply_id: admitted.signed.reply_id, limits };
        self.engine.forward(path, admitted.body.clone(), Some(commit)).await.map_err(|error| {
            warn!(%error, "engine did not answer");
            Refusal::new(ErrorKind::Unavailable, "engine_down", "this provider's engine is restarting")
                .hint("try again, or another provider")
        })
    }

    /// Signs and stores the record of a whole answer, and hands it to the validators.
    ///
    /// # Errors
    /// When the engine no longer has the trajectory or the disk refuses; then there is no record and nothing is paid.
    pub async fn finish(&self, admitted: &Admitted) -> Result<StoredReply, Refusal> {
        let reply_id = admitted.signed.reply_id;
        let trajectory = self.engine.trajectory(reply_id).await.map_err(|error| {
            error!(%reply_id, %error, "trajectory could not be read");
            Refusal::new(ErrorKind::Upstream, "no_trajectory", "the engine lost the answer's commitment")
        })?;
        let times = Times { begun_ms: admitted.begun_ms, ended_ms: now_ms() };
        let stored = reply::finish(&self.key, &admitted.signed, admitted.body.to_vec(), trajectory, times);
        self.replies.put(&reply_id, &stored).await.map_err(|error| store_failed(&error))?;
        self.pusher.add(reply_id, &stored);
        info!(%reply_id, tokens = stored.trajectory.header.n_tokens, ms = times.ended_ms - times.begun_ms, "reply committed");
        Ok(stored)
    }
}

fn used() -> Refusal {
    Refusal::invalid("order_used", "this order was served already").hint("every request needs an order of its own")
}

fn store_failed(error: &ogong_daemon::Error) -> Refusal {
    error!(%error, "store failed");
    Refusal::new(ErrorKind::Internal, "store", "this provider's disk refuses to store the answer")
        .hint("try another provider")
}

/// Orders being served now. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct UnderWay(Arc<Mutex<BTreeSet<ReplyId>>>);

/// Holds an order until dropped.
#[derive(Debug)]
struct Claim {
    under_way: UnderWay,
    reply_id: ReplyId,
}

impl UnderWay {
    fn claim(&self, reply_id: ReplyId) -> Option<Claim> {
        let fresh = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(reply_id);
        fresh.then(|| Claim { under_way: self.clone(), reply_id })
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.under_way.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.reply_id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_claimed_once_at_a_time() {
        let under_way = UnderWay::default();
        let id = ReplyId::from_bytes([1; 32]);
        let first = under_way.claim(id).expect("free");
        assert!(under_way.claim(id).is_none());
        assert!(under_way.claim(ReplyId::from_bytes([2; 32])).is_some());
        drop(first);
        assert!(under_way.claim(id).is_some());
    }
}
