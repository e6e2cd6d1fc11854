//! The escrows this gateway opened and may still have to take back (SPEC 9.6), kept on disk.
//!
//! An escrow is noted before its transaction is sent: whatever happens afterwards, the money is not forgotten.

use ogong_base::ReplyId;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use std::path::Path;
use std::sync::Arc;

/// Reply id to deadline, milliseconds since 1970.
const ESCROWS: TableDefinition<[u8; 32], u64> = TableDefinition::new("escrows");
/// File in the data directory.
pub const LEDGER_FILE: &str = "gateway.redb";

/// Why the ledger could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("escrow ledger: {0}")]
pub struct Error(#[from] redb::Error);

/// Escrows not known to be closed.
#[derive(Clone)]
pub struct Ledger(Arc<Database>);

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ledger")
    }
}

impl Ledger {
    /// Opens the ledger of a data directory; makes it the first time.
    ///
    /// # Errors
    /// When the file cannot be opened, is damaged, or is held by another process.
    pub fn open(dir: &Path) -> Result<Self, Error> {
        let database = Database::create(dir.join(LEDGER_FILE)).map_err(redb::Error::from)?;
        let write = database.begin_write().map_err(redb::Error::from)?;
        write.open_table(ESCROWS).map_err(redb::Error::from)?;
        write.commit().map_err(redb::Error::from)?;
        Ok(Self(Arc::new(database)))
    }

    /// Notes an escrow, durably.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn note(&self, reply_id: &ReplyId, deadline_ms: u64) -> Result<(), Error> {
        self.write(|table| table.insert(*reply_id.as_bytes(), deadline_ms).map(drop))
    }

    /// Forgets an escrow that is closed or never came to be.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn forget(&self, reply_id: &ReplyId) -> Result<(), Error> {
        self.write(|table| table.remove(*reply_id.as_bytes()).map(drop))
    }

    /// Escrows whose deadline is before `before_ms`, at most `limit`, the oldest reply ids in key order.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn due(&self, before_ms: u64, limit: usize) -> Result<Vec<ReplyId>, Error> {
        let read = self.0.begin_read().map_err(redb::Error::from)?;
        let table = read.open_table(ESCROWS).map_err(redb::Error::from)?;
        let mut due = Vec::new();
        for row in table.iter().map_err(redb::Error::from)? {
            let (key, deadline) = row.map_err(redb::Error::from)?;
            if deadline.value() < before_ms && due.len() < limit {
                due.push(ReplyId::from_bytes(key.value()));
            }
        }
        Ok(due)
    }

    fn write(
        &self,
        change: impl FnOnce(&mut redb::Table<'_, [u8; 32], u64>) -> Result<(), redb::StorageError>,
    ) -> Result<(), Error> {
        let write = self.0.begin_write().map_err(redb::Error::from)?;
        {
            let mut table = write.open_table(ESCROWS).map_err(redb::Error::from)?;
            change(&mut table).map_err(redb::Error::from)?;
        }
        write.commit().map_err(redb::Error::from)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_noted_outlives_the_process_and_what_is_forgotten_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let (early, late) = (ReplyId::from_bytes([1; 32]), ReplyId::from_bytes([2; 32]));
        let ledger = Ledger::open(dir.path()).unwrap();
        ledger.note(&early, 100).unwrap();
        ledger.note(&late, 200).unwrap();
        drop(ledger);
        let ledger = Ledger::open(dir.path()).unwrap();
        assert_eq!(ledger.due(101, 10).unwrap(), [early]);
        assert_eq!(ledger.due(100, 10).unwrap(), []);
        assert_eq!(ledger.due(1_000, 1).unwrap().len(), 1);
        ledger.forget(&early).unwrap();
        assert_eq!(ledger.due(1_000, 10).unwrap(), [late]);
    }

    #[test]
    fn a_second_process_is_told_that_the_ledger_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let held = Ledger::open(dir.path()).unwrap();
        assert!(Ledger::open(dir.path()).unwrap_err().to_string().contains("escrow ledger"));
        drop(held);
    }
}
