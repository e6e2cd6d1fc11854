//! Pushes records to every validator until each has given its signed receipt (SPEC 5.1).
//!
//! One task a validator, so that a dead one delays nobody. What is not acknowledged is found again on disk after a restart.

use crate::{ledger_store::Replies, validators::Validators};
use ogong_audit::{Receipt, SignedReceipt};
use ogong_base::{
    codec::{Decode, Encode},
    hash::{ConsensusId, RecordHash, ReplyId},
    keys::{HybridSignature, NodePublic},
};
use ogong_daemon::{Shutdown, clock::now_ms};
use ogong_net::{
    Dialer,
    wire::{PushRecord, ReceiptReply},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{sync::watch, time::sleep};
use tracing::{debug, info, warn};

/// How often the set of validators is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// First pause after a refused push.
const PAUSE_MIN: Duration = Duration::from_millis(250);
/// Longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// A record on its way.
#[derive(Debug, Clone)]
struct Pending {
    push: Arc<PushRecord>,
    record_hash: RecordHash,
    deadline_ms: u64,
}

/// Hands records to validators. Cheap to clone.
#[derive(Clone)]
pub struct Pusher {
    pending: Arc<Mutex<BTreeMap<ReplyId, Pending>>>,
    changed: watch::Sender<u64>,
    replies: Replies,
    payout: [u8; 32],
}

impl Pusher {
    /// A pusher that begins with what is on disk and still has time.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn new(replies: Replies, payout: [u8; 32]) -> Result<Self, ogong_daemon::Error> {
        let pusher = Self { pending: Arc::default(), changed: watch::Sender::new(0), replies, payout };
        let now = now_ms();
        for (reply_id, stored) in pusher.replies.all()? {
            if stored.deadline_ms > now {
                pusher.add(reply_id, &stored);
            }
        }
        Ok(pusher)
    }

    /// Pushes a stored reply from now on.
    pub fn add(&self, reply_id: ReplyId, stored: &crate::openings::StoredReply) {
        let pending = Pending {
            push: Arc::new(stored.push(&self.payout)),
            record_hash: stored.record.record_hash(),
            deadline_ms: stored.deadline_ms,
        };
        self.pending.lock().unwrap_or_else(PoisonError::into_inner).insert(reply_id, pending);
        self.changed.send_modify(|version| *version += 1);
    }

    /// Starts a task for each validator as it becomes known; ends with `shutdown`.
    pub async fn run(self, validators: Validators, shutdown: Shutdown) {
        let mut served = BTreeSet::new();
        while !shutdown.is_triggered() {
            for (id, dialer) in validators.all() {
                if served.insert((id, dialer.target().to_owned())) {
                    tokio::spawn(shutdown_or(shutdown.clone(), self.clone().serve(id, dialer)));
                }
            }
            self.forget_expired();
            let _ = shutdown.unless(sleep(LOOK)).await;
        }
    }

    fn forget_expired(&self) {
        let now = now_ms();
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        pending.retain(|reply_id, record| {
            let live = record.deadline_ms > now;
            if !live {
                debug!(%reply_id, "record's deadline passed");
            }
            live
        });
    }

    async fn serve(self, validator: ConsensusId, dialer: Dialer) {
        let mut changed = self.changed.subscribe();
        let mut acknowledged = BTreeSet::new();
        let mut pause = PAUSE_MIN;
        loop {
            changed.borrow_and_update();
            let mut failed = false;
            for (reply_id, record) in self.waiting(&validator, &mut acknowledged) {
                match self.push(&validator, &dialer, reply_id, &record).await {
                    Ok(()) => {
                        acknowledged.insert(reply_id);
                    }
                    Err(why) => {
                        debug!(%validator, %reply_id, %why, "record was not taken; trying again");
                        failed = true;
                    }
                }
            }
            if failed {
                sleep(pause).await;
                pause = (pause * 2).min(PAUSE_MAX);
                continue;
            }
            pause = PAUSE_MIN;
            if changed.changed().await.is_err() {
                return;
            }
        }
    }

    fn waiting(&self, validator: &ConsensusId, acknowledged: &mut BTreeSet<ReplyId>) -> Vec<(ReplyId, Pending)> {
        let pending: Vec<_> = {
            let pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
            acknowledged.retain(|reply_id| pending.contains_key(reply_id));
            pending
                .iter()
                .filter(|(id, _)| !acknowledged.contains(*id))
                .map(|(id, record)| (*id, record.clone()))
                .collect()
        };
        pending.into_iter().filter(|(id, _)| !matches!(self.replies.has_receipt(id, validator), Ok(true))).collect()
    }

    async fn push(
        &self,
        validator: &ConsensusId,
        dialer: &Dialer,
        reply_id: ReplyId,
        record: &Pending,
    ) -> Result<(), String> {
        let reply = dialer.ask(PushRecord::clone(&record.push)).await.map_err(|error| error.to_string())?;
        let receipt = receipt_of(&reply, reply_id, record.record_hash)?;
        self.replies.put_receipt(&reply_id, validator, receipt.to_bytes()).await.map_err(|error| {
            warn!(%error, "receipt could not be stored");
            error.to_string()
        })?;
        info!(%reply_id, %validator, round = %receipt.body.round.0, "record acknowledged");
        Ok(())
    }
}

/// Reads and verifies a receipt for this very record.
fn receipt_of(reply: &ReceiptReply, reply_id: ReplyId, record_hash: RecordHash) -> Result<SignedReceipt, String> {
    let text = |error: ogong_base::codec::DecodeError| error.to_string();
    let receipt = SignedReceipt {
        body: Receipt::from_bytes(&reply.receipt).map_err(text)?,
        public: NodePublic::from_bytes(&reply.validator_public).map_err(text)?,
        signature: HybridSignature::from_bytes(&reply.signature).map_err(text)?,
    };
    receipt.verify().map_err(|error| format!("receipt: {error}"))?;
    let body = &receipt.body;
    if (body.reply_id, body.record_hash, body.validator) != (reply_id, record_hash, receipt.node_id()) {
        return Err("the receipt is for another record or by another validator".to_owned());
    }
    Ok(receipt)
}

async fn shutdown_or(shutdown: Shutdown, work: impl Future<Output = ()>) {
    let _ = shutdown.unless(work).await;
}
