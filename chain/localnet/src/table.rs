//! A table of the embedded validator that is kept in the journal: rows in memory, every change noted.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use surfpool_core::storage::{Storage, StorageError, StorageResult};

use crate::journal::Journal;

/// A journal that tables share.
pub type Shared = Arc<Mutex<Journal>>;

/// What keys and values are.
pub trait Kept: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {}
impl<T: Serialize + DeserializeOwned + Clone + Send + Sync + 'static> Kept for T {}

/// One table. Clones are the same table, as the validator expects of a table on disk.
#[derive(Debug)]
pub struct Table<K, V> {
    name: &'static str,
    rows: Arc<RwLock<HashMap<K, V>>>,
    journal: Shared,
    commits: bool,
}

impl<K: Kept + Eq + Hash, V: Kept> Table<K, V> {
    /// A table with the rows it had.
    ///
    /// # Errors
    /// When a row is not of this table's types.
    pub fn open(name: &'static str, rows: HashMap<String, Value>, journal: &Shared) -> serde_json::Result<Self> {
        let rows = rows
            .into_iter()
            .map(|(key, value)| Ok((serde_json::from_str(&key)?, serde_json::from_value(value)?)))
            .collect::<serde_json::Result<_>>()?;
        Ok(Self { name, rows: Arc::new(RwLock::new(rows)), journal: journal.clone(), commits: false })
    }

    /// The same, and each row that is stored commits everything noted so far: for blocks, which end a unit of change.
    pub fn committing(self) -> Self {
        Self { commits: true, ..self }
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<K, V>> {
        self.rows.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<K, V>> {
        self.rows.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn key(&self, key: &K) -> StorageResult<Value> {
        serde_json::to_value(key).map_err(|error| StorageError::SerializeKeyError(self.name.into(), error))
    }
}

impl<K: Kept + Eq + Hash, V: Kept> Storage<K, V> for Table<K, V> {
    fn store(&mut self, key: K, value: V) -> StorageResult<()> {
        let noted =
            serde_json::to_value(&value).map_err(|error| StorageError::SerializeValueError(self.name.into(), error))?;
        let mut journal = lock(&self.journal);
        journal.put(self.name, self.key(&key)?, noted);
        if self.commits {
            // The error itself stays with the journal, which ends the process by it.
            journal.commit().map_err(|_| StorageError::LockError)?;
        }
        self.write().insert(key, value);
        Ok(())
    }

    fn clear(&mut self) -> StorageResult<()> {
        lock(&self.journal).clear(self.name);
        self.write().clear();
        Ok(())
    }

    fn get(&self, key: &K) -> StorageResult<Option<V>> {
        Ok(self.read().get(key).cloned())
    }

    fn take(&mut self, key: &K) -> StorageResult<Option<V>> {
        let taken = self.write().remove(key);
        if taken.is_some() {
            lock(&self.journal).take(self.name, self.key(key)?);
        }
        Ok(taken)
    }

    fn keys(&self) -> StorageResult<Vec<K>> {
        Ok(self.read().keys().cloned().collect())
    }

    fn into_iter(&self) -> StorageResult<Box<dyn Iterator<Item = (K, V)> + '_>> {
        Ok(Box::new(self.read().clone().into_iter()))
    }

    fn contains_key(&self, key: &K) -> StorageResult<bool> {
        Ok(self.read().contains_key(key))
    }

    fn count(&self) -> StorageResult<u64> {
        Ok(u64::try_from(self.read().len()).unwrap_or(u64::MAX))
    }

    fn clone_box(&self) -> Box<dyn Storage<K, V>> {
        Box::new(Self {
            name: self.name,
            rows: self.rows.clone(),
            journal: self.journal.clone(),
            commits: self.commits,
        })
    }
}

/// A panic elsewhere leaves a journal that is as good as it was.
pub fn lock(journal: &Shared) -> MutexGuard<'_, Journal> {
    journal.lock().unwrap_or_else(PoisonError::into_inner)
}
