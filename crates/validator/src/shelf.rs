//! Durable state of a validator: one entry a reply, one standing a provider, one note an ejected node.
//!
//! Open entries are held in memory beside the store. A change is on disk before anybody sees it; what a reply waits for
//! is only a note and lives in memory alone.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ogong_audit::{Sprt, SprtParams, Trial};
use ogong_base::hash::{NodeId, ReplyId};
use ogong_base::params::OPENINGS_KEPT_MS;
use ogong_daemon::store::Json;
use ogong_daemon::{Store, Table};
use ogong_net::wire::{ErrorCode, ErrorReply};
use tracing::{info, warn};

use crate::error::{Error, refusal};
use crate::state::{Entry, Phase};

/// The store's file in the data directory.
pub const STORE_FILE: &str = "validator.redb";
/// Locks that keep two changes of one entry apart.
const STRIPES: usize = 64;

/// How many replies stand where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Without a final outcome.
    pub open: u64,
    /// Paid.
    pub settled: u64,
    /// Given back.
    pub refunded: u64,
    /// Whose verdict here is a reject.
    pub rejected: u64,
}

/// One audit for the sequential test.
#[derive(Debug, Clone, Copy)]
pub struct Observation {
    /// The provider.
    pub provider: NodeId,
    /// What the audit came to.
    pub trial: Trial,
    /// Its mean margin, where one was measured.
    pub margin_mean_ppm: Option<u64>,
}

/// The store of one validator.
#[derive(Debug)]
pub struct Shelf {
    store: Store,
    entries: Table<Entry>,
    standings: Table<Sprt>,
    ejected: Table<Json<String>>,
    votes: Table<Json<bool>>,
    owed: Table<Json<bool>>,
    locks: Vec<tokio::sync::Mutex<()>>,
    memory: Mutex<Memory>,
}

#[derive(Debug, Default)]
struct Memory {
    open: BTreeMap<ReplyId, Entry>,
    notes: HashMap<ReplyId, String>,
    settled: u64,
    refunded: u64,
    rejected: u64,
}

impl Shelf {
    /// Opens the store of a data directory and reads what is open; entries long past their deadline are dropped.
    ///
    /// # Errors
    /// When the store cannot be opened or read.
    pub fn open(dir: &Path, now_ms: u64) -> Result<Self, Error> {
        let store = Store::open(&dir.join(STORE_FILE))?;
        let shelf = Self {
            entries: store.table("replies"),
            standings: store.table("standings"),
            ejected: store.table("ejected"),
            votes: store.table("votes"),
            owed: store.table("owed"),
            locks: (0..STRIPES).map(|_| tokio::sync::Mutex::default()).collect(),
            memory: Mutex::default(),
            store,
        };
        for (_, entry) in shelf.entries.prefix("")? {
            let mut memory = shelf.memory();
            memory.count(&entry);
            if !entry.phase.is_final() {
                memory.open.insert(entry.reply_id, entry);
            } else if entry.deadline_ms.saturating_add(OPENINGS_KEPT_MS) < now_ms && entry.work.evidence.is_some() {
                drop(memory);
                shelf.forget_prompt(&entry);
            }
        }
        Ok(shelf)
    }

    /// The store, for those that keep tables of their own.
    #[must_use]
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// A reply, open or final.
    ///
    /// # Errors
    /// When the store fails.
    pub fn entry(&self, reply_id: &ReplyId) -> Result<Option<Entry>, Error> {
        {
            let memory = self.memory();
            if let Some(entry) = memory.open.get(reply_id) {
                let mut entry = entry.clone();
                if let Some(note) = memory.notes.get(reply_id) {
                    entry.note.clone_from(note);
                }
                return Ok(Some(entry));
            }
        }
        Ok(self.entries.get(reply_id)?)
    }

    /// Notes, before anything is signed, whether this node's vote pays a reply or refunds it. False where it has voted the other
    /// way before: two such votes are evidence that costs the bond (SPEC 9.12), so the first one stands for good.
    ///
    /// # Errors
    /// When the store fails; then nothing may be signed.
    pub async fn vote(&self, reply_id: &ReplyId, pays: bool) -> Result<bool, Error> {
        let before = self.votes.put_new(*reply_id, &Json(pays)).await?;
        Ok(before.is_none_or(|Json(before)| before == pays))
    }

    /// Stores a new reply; gives the one that is already there instead.
    ///
    /// # Errors
    /// When the store fails; then nothing was stored.
    pub async fn insert(&self, entry: Entry) -> Result<Option<Entry>, Error> {
        let _lock = self.lock(&entry.reply_id).await;
        if let Some(first) = self.entries.put_new(entry.reply_id, &entry).await? {
            return Ok(Some(first));
        }
        self.memory().open.insert(entry.reply_id, entry);
        Ok(None)
    }

    /// Changes a reply, durably, and gives it as it is then.
    ///
    /// # Errors
    /// When there is none or the store fails; then it is as it was.
    pub async fn update(&self, reply_id: &ReplyId, change: impl FnOnce(&mut Entry)) -> Result<Entry, Error> {
        self.change(reply_id, change, None).await
    }

    /// Changes a reply and counts an audit, together or not at all. True if the provider is ejected now.
    ///
    /// # Errors
    /// As [`Shelf::update`].
    pub async fn conclude(
        &self,
        reply_id: &ReplyId,
        observation: Observation,
        params: &SprtParams,
        change: impl FnOnce(&mut Entry),
    ) -> Result<bool, Error> {
        let before = self.standings.get(observation.provider)?.unwrap_or_default();
        let mut standing = before;
        standing.observe(params, observation.trial);
        if let Some(mean_ppm) = observation.margin_mean_ppm {
            standing.observe_margin(params, mean_ppm);
        }
        self.change(reply_id, change, Some((observation.provider, standing))).await?;
        let ejected = standing.is_ejected() && !before.is_ejected();
        if ejected {
            self.eject(observation.provider, &format!("the sequential test, after {} audits", standing.audits()))
                .await?;
        }
        Ok(standing.is_ejected())
    }

    async fn change(
        &self,
        reply_id: &ReplyId,
        change: impl FnOnce(&mut Entry),
        standing: Option<(NodeId, Sprt)>,
    ) -> Result<Entry, Error> {
        let _lock = self.lock(reply_id).await;
        let mut entry = self.entry(reply_id)?.ok_or_else(|| Error::Audit(format!("reply {reply_id} is not held")))?;
        let before = entry.clone();
        change(&mut entry);
        let mut batch = self.store.batch().put(&self.entries, reply_id, &entry);
        if let Some((provider, standing)) = &standing {
            batch = batch.put(&self.standings, provider, standing);
        }
        batch.commit().await?;
        let mut memory = self.memory();
        memory.uncount(&before);
        memory.count(&entry);
        memory.notes.remove(reply_id);
        if entry.phase.is_final() {
            memory.open.remove(reply_id);
        } else {
            memory.open.insert(*reply_id, entry.clone());
        }
        Ok(entry)
    }

    /// Says what a reply waits for.
    pub fn note(&self, reply_id: &ReplyId, note: String) {
        let mut memory = self.memory();
        if memory.notes.get(reply_id) != Some(&note) {
            info!(%reply_id, waits_for = %note, "reply waits");
            memory.notes.insert(*reply_id, note);
        }
    }

    /// Why a node is ejected, if it is.
    ///
    /// # Errors
    /// When the store fails.
    pub fn ejected(&self, node: &NodeId) -> Result<Option<String>, Error> {
        Ok(self.ejected.get(node)?.map(|Json(why)| why))
    }

    /// Ejects a node for good.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn eject(&self, node: NodeId, why: &str) -> Result<(), Error> {
        if self.ejected.put_new(node, &Json(why.to_owned())).await?.is_none() {
            warn!(%node, why, "node ejected");
        }
        Ok(())
    }

    /// Notes that a reply's verifiers are still to be paid.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn owe(&self, reply_id: &ReplyId) -> Result<(), Error> {
        Ok(self.owed.put(reply_id, &Json(true)).await?)
    }

    /// Notes that they are paid.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn paid(&self, reply_id: &ReplyId) -> Result<(), Error> {
        Ok(self.owed.delete(reply_id).await?)
    }

    /// Replies whose verifiers are still to be paid, `limit` at most.
    ///
    /// # Errors
    /// When the store fails.
    pub fn owed(&self, limit: usize) -> Result<Vec<ReplyId>, Error> {
        let found = self.owed.prefix_limited("", limit)?;
        Ok(found.iter().filter_map(|(key, _)| Some(ReplyId::from_bytes(key.as_slice().try_into().ok()?))).collect())
    }

    /// Replies without a final outcome.
    #[must_use]
    pub fn open_replies(&self) -> Vec<ReplyId> {
        self.memory().open.keys().copied().collect()
    }

    /// How many replies are open.
    #[must_use]
    pub fn open_count(&self) -> usize {
        self.memory().open.len()
    }

    /// How many replies stand where.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let memory = self.memory();
        Counts {
            open: u64::try_from(memory.open.len()).unwrap_or(u64::MAX),
            settled: memory.settled,
            refunded: memory.refunded,
            rejected: memory.rejected,
        }
    }

    /// What most open replies wait for; empty when there is none.
    #[must_use]
    pub fn commonest_note(&self) -> String {
        let memory = self.memory();
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for entry in memory.open.values() {
            let note = memory.notes.get(&entry.reply_id).unwrap_or(&entry.note);
            *counts.entry(note).or_default() += 1;
        }
        let most = counts.into_iter().max_by_key(|(_, count)| *count);
        most.map(|(note, count)| format!("{note} ({count} of {} open replies)", memory.open.len())).unwrap_or_default()
    }

    /// Evidence holds prompts; it is kept as long as openings are, no longer (SPEC 6).
    fn forget_prompt(&self, entry: &Entry) {
        let mut entry = entry.clone();
        entry.work.evidence = None;
        let (table, key) = (self.entries.clone(), entry.reply_id);
        // Opening happens before the runtime serves; a failure leaves the entry for the next start.
        let forgotten = std::thread::spawn(move || table.put_blocking(key, &entry)).join();
        if !matches!(forgotten, Ok(Ok(()))) {
            warn!(reply_id = %key, "old evidence could not be dropped");
        }
    }

    async fn lock(&self, reply_id: &ReplyId) -> tokio::sync::MutexGuard<'_, ()> {
        let [first, ..] = reply_id.as_bytes();
        let stripe = self.locks.get(usize::from(*first) % STRIPES).expect("invariant: a remainder is within the list");
        stripe.lock().await
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        // Every change of the maps is complete when its statement is.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    fn count(&mut self, entry: &Entry) {
        match entry.phase {
            Phase::Settled => self.settled += 1,
            Phase::Refunded => self.refunded += 1,
            _ => {}
        }
        self.rejected += u64::from(rejects(entry));
    }

    fn uncount(&mut self, entry: &Entry) {
        match entry.phase {
            Phase::Settled => self.settled -= 1,
            Phase::Refunded => self.refunded -= 1,
            _ => {}
        }
        self.rejected -= u64::from(rejects(entry));
    }
}

fn rejects(entry: &Entry) -> bool {
    crate::payout::verdict_of(entry).is_ok_and(|verdict| verdict.outcome == ogong_audit::Outcome::Reject)
}

/// What a peer hears when the store fails.
#[must_use]
pub fn store_refusal(err: &Error) -> ErrorReply {
    warn!(%err, "store failed");
    refusal(ErrorCode::Internal, "the validator's store failed", "the validator's log says more; push again later")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_vote_on_a_reply_stands() {
        let dir = tempfile::tempdir().expect("a directory");
        let (reply, other) = (ReplyId::from_bytes([1; 32]), ReplyId::from_bytes([2; 32]));
        {
            let shelf = Shelf::open(dir.path(), 0).expect("opened");
            assert!(shelf.vote(&reply, true).await.expect("stored"));
            assert!(shelf.vote(&reply, true).await.expect("stored"), "the same vote again is no other one");
            assert!(!shelf.vote(&reply, false).await.expect("stored"), "and the other way it may not be");
            assert!(shelf.vote(&other, false).await.expect("stored"), "another reply is another vote");
        }
        let shelf = Shelf::open(dir.path(), 0).expect("opened again");
        assert!(!shelf.vote(&reply, false).await.expect("stored"), "a restart forgets nothing");
        assert!(shelf.vote(&reply, true).await.expect("stored"));
    }
}
