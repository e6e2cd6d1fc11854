//! What the provider keeps on disk: replies with their openings, and which validator has given its receipt for which (SPEC 5.1, 6).

use crate::openings::StoredReply;
use ogong_base::hash::{ConsensusId, ReplyId};
use ogong_daemon::{Error, Store, Table, store::Bytes};

/// The two tables. Cheap to clone.
#[derive(Clone)]
pub struct Replies {
    replies: Table<StoredReply>,
    receipts: Table<Bytes>,
}

impl Replies {
    /// The tables of a store.
    pub fn of(store: &Store) -> Self {
        Self { replies: store.table("replies"), receipts: store.table("receipts") }
    }

    /// Stores a reply; durable when it returns.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn put(&self, reply_id: &ReplyId, reply: &StoredReply) -> Result<(), Error> {
        self.replies.put(reply_id.as_bytes(), reply).await
    }

    /// A reply.
    ///
    /// # Errors
    /// When the disk refuses or the entry is damaged.
    pub fn get(&self, reply_id: &ReplyId) -> Result<Option<StoredReply>, Error> {
        self.replies.get(reply_id.as_bytes())
    }

    /// Every reply that is kept.
    ///
    /// # Errors
    /// When the disk refuses or an entry is damaged.
    pub fn all(&self) -> Result<Vec<(ReplyId, StoredReply)>, Error> {
        let entries = self.replies.prefix([])?;
        Ok(entries
            .into_iter()
            .filter_map(|(key, reply)| Some((ReplyId::from_bytes(key.try_into().ok()?), reply)))
            .collect())
    }

    /// Stores a validator's receipt.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn put_receipt(
        &self,
        reply_id: &ReplyId,
        validator: &ConsensusId,
        receipt: Vec<u8>,
    ) -> Result<(), Error> {
        self.receipts.put(receipt_key(reply_id, validator), &Bytes(receipt)).await
    }

    /// Whether a validator has given its receipt.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn has_receipt(&self, reply_id: &ReplyId, validator: &ConsensusId) -> Result<bool, Error> {
        self.receipts.contains(receipt_key(reply_id, validator))
    }

    /// Drops replies whose time is over, with their receipts; returns how many.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn expire(&self, now_ms: u64) -> Result<usize, Error> {
        let over: Vec<_> =
            self.all()?.into_iter().filter(|(_, reply)| reply.keep_until_ms < now_ms).map(|(id, _)| id).collect();
        for reply_id in &over {
            for (key, _) in self.receipts.prefix(reply_id.as_bytes())? {
                self.receipts.delete(&key).await?;
            }
            self.replies.delete(reply_id.as_bytes()).await?;
        }
        Ok(over.len())
    }
}

fn receipt_key(reply_id: &ReplyId, validator: &ConsensusId) -> [u8; 64] {
    let mut key = [0; 64];
    key[..32].copy_from_slice(reply_id.as_bytes());
    key[32..].copy_from_slice(validator.as_bytes());
    key
}
