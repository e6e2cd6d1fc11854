//! A crash-safe store: typed tables in one redb file, written by one thread that commits many puts at once.
//!
//! A write returns only when it is on disk, so a receipt given after it is never for something lost (SPEC 5.1). The cost of a sync is shared: whatever
//! has queued up while one commit ran goes into the next. Reads see the last commit and do not wait for the writer.

mod value;
mod writer;

use crate::{
    Error,
    error::{OpenFault, StoreFault},
};
use ogong_base::codec::{Decode, Encode};
use redb::{Database, ReadableDatabase, ReadableTableMetadata, TableDefinition, TableError};
use std::{marker::PhantomData, path::Path, sync::Arc};
use writer::{Op, Writer};

pub use value::{Bytes, Json};

type Definition<'a> = TableDefinition<'a, &'static [u8], &'static [u8]>;

/// An open store. Clones share it; the file is locked until the last is dropped.
#[derive(Clone)]
pub struct Store {
    database: Arc<Database>,
    writer: Arc<Writer>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Store")
    }
}

impl Store {
    /// Opens the store, made if it is not there. After a crash this also repairs it.
    ///
    /// # Errors
    /// [`Error::Open`]: locked by another process, damaged, of an old format, or refused by the system.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let failed = |why| Error::Open { path: path.to_owned(), why };
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            crate::files::create_private_dir(parent)?;
        }
        // redb asserts on some damage instead of reporting it; a damaged file must not look like a fault of ours.
        let opened = std::panic::catch_unwind(|| Database::create(path));
        let opened = opened.map_err(|_| failed(OpenFault::Corrupt("unreadable structure".into())))?;
        let database = Arc::new(opened.map_err(|error| failed(open_fault(error)))?);
        let writer = Writer::start(Arc::clone(&database))
            .map_err(|source| Error::Process { what: "the store's writer", source })?;
        Ok(Self { database, writer: Arc::new(writer) })
    }

    /// A table of this store; it comes into being with its first entry.
    pub fn table<V: Encode + Decode>(&self, name: &'static str) -> Table<V> {
        Table { store: self.clone(), name, value: PhantomData }
    }

    /// Several writes that are stored together or not at all, in any tables.
    pub fn batch(&self) -> Batch {
        Batch { store: self.clone(), ops: Vec::new() }
    }

    fn read<T>(
        &self,
        name: &str,
        absent: T,
        read: impl FnOnce(redb::ReadOnlyTable<&'static [u8], &'static [u8]>) -> Result<T, StoreFault>,
    ) -> Result<T, Error> {
        let transaction = self.database.begin_read().map_err(|error| fault(error.into()))?;
        match transaction.open_table(Definition::new(name)) {
            Ok(table) => Ok(read(table)?),
            Err(TableError::TableDoesNotExist(_)) => Ok(absent),
            Err(error) => Err(fault(error.into()).into()),
        }
    }
}

/// Entries of one type under byte keys, sorted by key.
pub struct Table<V> {
    store: Store,
    name: &'static str,
    value: PhantomData<fn() -> V>,
}

impl<V> Clone for Table<V> {
    fn clone(&self) -> Self {
        Self { store: self.store.clone(), name: self.name, value: PhantomData }
    }
}

impl<V> std::fmt::Debug for Table<V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Table({})", self.name)
    }
}

impl<V: Encode + Decode> Table<V> {
    /// The entry of a key.
    ///
    /// # Errors
    /// When the store fails or the entry does not decode.
    pub fn get(&self, key: impl AsRef<[u8]>) -> Result<Option<V>, Error> {
        self.store.read(self.name, None, |table| {
            let entry = table.get(key.as_ref()).map_err(|error| fault(error.into()))?;
            entry.map(|bytes| self.decode(bytes.value())).transpose()
        })
    }

    /// Whether a key has an entry.
    ///
    /// # Errors
    /// When the store fails.
    pub fn contains(&self, key: impl AsRef<[u8]>) -> Result<bool, Error> {
        self.store
            .read(self.name, false, |table| Ok(table.get(key.as_ref()).map_err(|error| fault(error.into()))?.is_some()))
    }

    /// Writes an entry; it is on disk when this returns.
    ///
    /// # Errors
    /// When the store fails; then the entry is as it was.
    pub async fn put(&self, key: impl AsRef<[u8]>, value: &V) -> Result<(), Error> {
        self.store.writer.run(vec![self.op_put(key, value)]).await.map(drop)
    }

    /// As [`Table::put`], for threads outside the runtime.
    ///
    /// # Errors
    /// As [`Table::put`].
    ///
    /// # Panics
    /// When called on a runtime thread.
    pub fn put_blocking(&self, key: impl AsRef<[u8]>, value: &V) -> Result<(), Error> {
        self.store.writer.run_blocking(vec![self.op_put(key, value)]).map(drop)
    }

    /// Writes an entry unless the key has one, which is returned then. Of two calls at once exactly one writes.
    ///
    /// # Errors
    /// As [`Table::put`].
    pub async fn put_new(&self, key: impl AsRef<[u8]>, value: &V) -> Result<Option<V>, Error> {
        let (key, value) = (key.as_ref().to_vec(), value.to_bytes());
        let op = Op::PutNew { table: self.name, key, value };
        let existing = self.store.writer.run(vec![op]).await?;
        Ok(existing.map(|bytes| self.decode(&bytes)).transpose()?)
    }

    /// Removes an entry if there is one.
    ///
    /// # Errors
    /// As [`Table::put`].
    pub async fn delete(&self, key: impl AsRef<[u8]>) -> Result<(), Error> {
        let key = key.as_ref().to_vec();
        self.store.writer.run(vec![Op::Delete { table: self.name, key }]).await.map(drop)
    }

    /// Removes the entries from one key up to, not including, another.
    ///
    /// # Errors
    /// As [`Table::put`].
    pub async fn delete_range(&self, from: impl AsRef<[u8]>, to: impl AsRef<[u8]>) -> Result<(), Error> {
        let (from, to) = (from.as_ref().to_vec(), to.as_ref().to_vec());
        self.store.writer.run(vec![Op::DeleteRange { table: self.name, from, to }]).await.map(drop)
    }

    /// All entries whose key begins so, in order of their keys. An empty prefix means all.
    ///
    /// # Errors
    /// As [`Table::get`].
    pub fn prefix(&self, prefix: impl AsRef<[u8]>) -> Result<Vec<(Vec<u8>, V)>, Error> {
        self.prefix_limited(prefix, usize::MAX)
    }

    /// The first `limit` of [`Table::prefix`].
    ///
    /// # Errors
    /// As [`Table::get`].
    pub fn prefix_limited(&self, prefix: impl AsRef<[u8]>, limit: usize) -> Result<Vec<(Vec<u8>, V)>, Error> {
        let prefix = prefix.as_ref();
        self.store.read(self.name, Vec::new(), |table| {
            let mut found = Vec::new();
            for entry in table.range(prefix..).map_err(|error| fault(error.into()))? {
                let (key, value) = entry.map_err(|error| fault(error.into()))?;
                if !key.value().starts_with(prefix) || found.len() >= limit {
                    break;
                }
                found.push((key.value().to_vec(), self.decode(value.value())?));
            }
            Ok(found)
        })
    }

    /// How many entries there are.
    ///
    /// # Errors
    /// When the store fails.
    pub fn len(&self) -> Result<u64, Error> {
        self.store.read(self.name, 0, |table| table.len().map_err(|error| fault(error.into())))
    }

    /// Whether there is none.
    ///
    /// # Errors
    /// When the store fails.
    pub fn is_empty(&self) -> Result<bool, Error> {
        self.len().map(|len| len == 0)
    }

    fn op_put(&self, key: impl AsRef<[u8]>, value: &V) -> Op {
        Op::Put { table: self.name, key: key.as_ref().to_vec(), value: value.to_bytes() }
    }

    fn decode(&self, bytes: &[u8]) -> Result<V, StoreFault> {
        V::from_bytes(bytes).map_err(|error| StoreFault::Value { table: self.name.to_owned(), why: error.to_string() })
    }
}

/// Writes that are stored together or not at all.
#[derive(Debug)]
#[must_use = "nothing is written before commit"]
pub struct Batch {
    store: Store,
    ops: Vec<Op>,
}

impl Batch {
    /// Adds a write.
    pub fn put<V: Encode + Decode>(mut self, table: &Table<V>, key: impl AsRef<[u8]>, value: &V) -> Self {
        self.ops.push(table.op_put(key, value));
        self
    }

    /// Adds a removal.
    pub fn delete<V: Encode + Decode>(mut self, table: &Table<V>, key: impl AsRef<[u8]>) -> Self {
        self.ops.push(Op::Delete { table: table.name, key: key.as_ref().to_vec() });
        self
    }

    /// Stores all of it; it is on disk when this returns.
    ///
    /// # Errors
    /// When the store fails; then nothing of it is stored.
    pub async fn commit(self) -> Result<(), Error> {
        self.store.writer.run(self.ops).await.map(drop)
    }
}

fn open_fault(error: redb::DatabaseError) -> OpenFault {
    use redb::{DatabaseError as Fault, StorageError};
    match error {
        Fault::DatabaseAlreadyOpen | Fault::LockProtocolMismatch => OpenFault::Locked,
        Fault::UpgradeRequired(version) => OpenFault::OldFormat(version),
        Fault::RepairAborted => OpenFault::Corrupt("it could not be repaired".into()),
        Fault::Storage(StorageError::Corrupted(why)) => OpenFault::Corrupt(why),
        // redb says so of a file that does not begin as its files do.
        Fault::Storage(StorageError::Io(error))
            if error.kind() == std::io::ErrorKind::InvalidData || error.kind() == std::io::ErrorKind::UnexpectedEof =>
        {
            OpenFault::Corrupt(error.to_string())
        }
        Fault::Storage(StorageError::Io(error)) => OpenFault::Io(error),
        other => OpenFault::Other(other.to_string()),
    }
}

fn fault(error: redb::Error) -> StoreFault {
    match error {
        redb::Error::Corrupted(why) => StoreFault::Corrupt(why),
        redb::Error::Io(error) if error.kind() == std::io::ErrorKind::StorageFull => StoreFault::DiskFull,
        other => StoreFault::Other(other.to_string()),
    }
}

#[cfg(test)]
mod tests;
