//! The chain's state across restarts: accounts, transactions and blocks, kept in a journal (`--ledger DIR`).
//!
//! The embedded validator writes accounts and transactions as it executes them and a block's header when it closes the
//! block, all under one lock; a transaction counts as confirmed from then on. So the header commits: what a client saw confirmed
//! is on the disk, and what was not is gone whole.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use serde_json::Value;
use surfpool_core::{
    solana_account::{Account, AccountSharedData, ReadableAccount},
    storage::Storage,
    surfnet::{BlockHeader, BlockIdentifier, svm::SurfnetSvm},
    types::{SurfnetTransactionStatus, SyntheticBlockhash},
};
use tracing::info;

use crate::{
    clock,
    error::Error,
    journal::{Journal, Position, Rows},
    table::{Kept, Shared, Table, lock},
};

const ACCOUNTS: &str = "accounts";
const TRANSACTIONS: &str = "transactions";
const BLOCKS: &str = "blocks";
/// Empty slots after which the position is noted at the next call of [`Ledger::keep`].
const SLOTS_UNNOTED_MAX: u64 = 150;
/// [`Ledger::keep`] is called once in this time.
const KEEP_PERIOD_MS: u64 = 1_000;

/// An open ledger.
pub struct Ledger {
    journal: Shared,
    path: PathBuf,
    noted: Option<Position>,
}

impl Ledger {
    /// Opens the ledger in `dir`, puts what it holds into a validator that has not started yet, and has it kept from now on.
    ///
    /// # Errors
    /// [`Error::Ledger`], [`Error::LedgerInUse`] or [`Error::LedgerDamaged`].
    pub fn open(dir: &Path, svm: &mut SurfnetSvm) -> Result<Self, Error> {
        let (journal, mut rows, position) = Journal::open(dir)?;
        let ledger = Self { journal: Arc::new(Mutex::new(journal)), path: dir.to_owned(), noted: position };
        let accounts: Table<String, AccountSharedData> = ledger.table(ACCOUNTS, &mut rows)?;
        let transactions: Table<String, SurfnetTransactionStatus> = ledger.table(TRANSACTIONS, &mut rows)?;
        let blocks: Table<u64, BlockHeader> = ledger.table(BLOCKS, &mut rows)?;
        let last = blocks.into_iter().ok().and_then(|blocks| blocks.max_by_key(|(slot, _)| *slot));
        ledger.load_accounts(&accounts, svm)?;
        svm.transactions_processed = transactions.count().unwrap_or_default();
        svm.transactions = Box::new(transactions);
        svm.blocks = Box::new(blocks.committing());
        svm.inner.db = Some(Box::new(accounts));
        if let Some(position) = last_position(position, last.as_ref()) {
            continue_at(svm, position, last.map_or(0, |(_, header)| header.block_time));
            info!(slot = position.slot, transactions = svm.transactions_processed, "chain continued");
        }
        Ok(ledger)
    }

    /// Notes where the chain stands and commits, unless a block is half full: call it about once a second, under the chain's lock.
    ///
    /// # Errors
    /// [`Error::Ledger`] when the disk refused this or an earlier write; what was confirmed before it is safe.
    pub fn keep(&mut self, svm: &SurfnetSvm, wall_ms: u64) -> Result<(), Error> {
        let mut journal = lock(&self.journal);
        if let Some(source) = journal.failure() {
            return Err(Error::Ledger { path: self.path.clone(), source });
        }
        if !svm.transactions_queued_for_confirmation.is_empty() {
            return Ok(());
        }
        let now = Position {
            slot: svm.get_latest_absolute_slot(),
            height: svm.chain_tip.index,
            ahead_ms: clock::ahead(svm.updated_at, wall_ms),
        };
        if self.noted.is_some_and(|noted| is_near(&noted, &now)) && journal.is_clean() {
            return Ok(());
        }
        journal.position(now);
        journal.commit().map_err(|source| Error::Ledger { path: self.path.clone(), source })?;
        self.noted = Some(now);
        Ok(())
    }

    fn table<K: Kept + Eq + std::hash::Hash, V: Kept>(
        &self,
        name: &'static str,
        rows: &mut Rows,
    ) -> Result<Table<K, V>, Error> {
        let rows: HashMap<String, Value> = rows.remove(name).unwrap_or_default();
        Table::open(name, rows, &self.journal).map_err(|why| self.damaged(format!("table {name}: {why}")))
    }

    /// Programs come last: the validator loads one from the account that holds its code.
    fn load_accounts(&self, accounts: &Table<String, AccountSharedData>, svm: &mut SurfnetSvm) -> Result<(), Error> {
        let all = accounts.into_iter().map_err(|why| self.damaged(why.to_string()))?;
        let (programs, others): (Vec<_>, Vec<_>) = all.partition(|(_, account)| account.executable());
        for (address, account) in others.into_iter().chain(programs) {
            let address = address.parse().map_err(|_| self.damaged(format!("account {address}")))?;
            svm.set_account(&address, Account::from(account)).map_err(|why| self.damaged(why.to_string()))?;
        }
        Ok(())
    }

    fn damaged(&self, why: String) -> Error {
        Error::LedgerDamaged { path: self.path.clone(), line: 0, why }
    }
}

/// Empty slots are noted now and then; the last block may be later than the last note.
fn last_position(noted: Option<Position>, last: Option<&(u64, BlockHeader)>) -> Option<Position> {
    let block = last.map(|(slot, header)| Position {
        slot: slot + 1,
        height: header.block_height,
        ahead_ms: noted.map_or(0, |noted| noted.ahead_ms),
    });
    noted.into_iter().chain(block).max_by_key(|position| position.slot)
}

/// A few empty blocks are not worth a write; a moved clock is.
fn is_near(noted: &Position, now: &Position) -> bool {
    now.slot < noted.slot + SLOTS_UNNOTED_MAX && now.ahead_ms.abs_diff(noted.ahead_ms) <= clock::LAG_MS_MAX
}

/// No slot is filled twice: those that may have gone by unnoted are skipped, as a validator skips slots it missed. Block hashes go
/// on without a gap, so that a transaction signed before is good afterwards. The clock goes on as far ahead as it was, and
/// never behind the last block, Unix seconds.
fn continue_at(svm: &mut SurfnetSvm, position: Position, block_time: i64) {
    svm.chain_tip =
        BlockIdentifier::new(position.height, &SyntheticBlockhash::new(position.height.saturating_sub(1)).to_string());
    let unnoted = 2 * KEEP_PERIOD_MS / svm.slot_time.max(1) + SLOTS_UNNOTED_MAX;
    let slot = position.slot.saturating_add(unnoted);
    let info = &mut svm.latest_epoch_info;
    info.absolute_slot = slot;
    info.block_height = position.height;
    info.epoch = slot.checked_div(info.slots_in_epoch).unwrap_or_default();
    info.slot_index = slot.checked_rem(info.slots_in_epoch).unwrap_or_default();
    let block_ms = u64::try_from(block_time).unwrap_or_default().saturating_add(1).saturating_mul(1_000);
    svm.updated_at = svm.updated_at.saturating_add(position.ahead_ms).max(block_ms);
    // The validator counts block times from its first slot: put that where it was.
    let since_genesis_ms = slot.saturating_sub(svm.genesis_slot).saturating_mul(svm.slot_time);
    svm.genesis_updated_at = svm.updated_at.saturating_sub(since_genesis_ms);
    svm.reconstruct_sysvars();
}
