//! The ledger's file: one JSON record a line, in the order in which things happened.
//!
//! ```text
//! records = { "put": [table, key, value] } | { "take": [table, key] } | { "clear": table } | { "position": … } | "commit"
//! ```
//!
//! What stands behind the last `commit` never happened: a process that is killed while it writes leaves whole blocks behind
//! and nothing of the unfinished one. A journal is rewritten, without what was overwritten since, each time it is opened.

use std::{
    collections::HashMap,
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader, BufWriter, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::Error;

const FILE: &str = "chain.journal";
const REWRITTEN: &str = "chain.journal.new";
const LOCK: &str = "lock";

/// Rows of every table, keys and values as JSON.
pub type Rows = HashMap<String, HashMap<String, Value>>;

/// Where the chain stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The slot that is being filled.
    pub slot: u64,
    /// Blocks made.
    pub height: u64,
    /// How far the chain's clock had been moved ahead of the wall clock, milliseconds.
    pub ahead_ms: u64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Record {
    Put(String, Value, Value),
    Take(String, Value),
    Clear(String),
    Position(Position),
    Commit,
}

/// An open journal. Records gather in memory until they are committed.
#[derive(Debug)]
pub struct Journal {
    file: File,
    pending: Vec<u8>,
    failed: Option<io::Error>,
    /// Held for as long as the journal is open.
    _lock: File,
}

impl Journal {
    /// Opens the journal of a directory, or begins one; returns what was committed to it.
    ///
    /// # Errors
    /// [`Error::Ledger`] when the directory cannot be used, another process uses it, or a committed record is damaged.
    pub fn open(dir: &Path) -> Result<(Self, Rows, Option<Position>), Error> {
        let refuse = |path: &Path, source| Error::Ledger { path: path.to_owned(), source };
        fs::create_dir_all(dir).map_err(|source| refuse(dir, source))?;
        let lock = locked(&dir.join(LOCK))?;
        let path = dir.join(FILE);
        let (rows, position) = match File::open(&path) {
            Ok(file) => read(BufReader::new(file), &path)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => (Rows::new(), None),
            Err(source) => return Err(refuse(&path, source)),
        };
        let rewritten = dir.join(REWRITTEN);
        let file = write_whole(&rewritten, &rows, position)
            .and_then(|file| fs::rename(&rewritten, &path).map(|()| file))
            .map_err(|source| refuse(&path, source))?;
        Ok((Self { file, pending: Vec::new(), failed: None, _lock: lock }, rows, position))
    }

    /// Notes a row.
    pub fn put(&mut self, table: &str, key: Value, value: Value) {
        self.push(&Record::Put(table.to_owned(), key, value));
    }

    /// Notes that a row is gone.
    pub fn take(&mut self, table: &str, key: Value) {
        self.push(&Record::Take(table.to_owned(), key));
    }

    /// Notes that a table is empty.
    pub fn clear(&mut self, table: &str) {
        self.push(&Record::Clear(table.to_owned()));
    }

    /// Notes where the chain stands.
    pub fn position(&mut self, position: Position) {
        self.push(&Record::Position(position));
    }

    /// Whether there is anything to commit.
    pub fn is_clean(&self) -> bool {
        self.pending.is_empty()
    }

    /// Writes what was noted to the disk. After a failure nothing can be committed any more.
    ///
    /// # Errors
    /// When this or an earlier write failed.
    pub fn commit(&mut self) -> io::Result<()> {
        if let Some(error) = self.failure() {
            return Err(error);
        }
        self.push(&Record::Commit);
        let written = self.file.write_all(&self.pending).and_then(|()| self.file.sync_data());
        self.pending.clear();
        written.inspect_err(|error| self.failed = Some(again(error)))
    }

    /// Why nothing can be written any more.
    pub fn failure(&self) -> Option<io::Error> {
        self.failed.as_ref().map(again)
    }

    fn push(&mut self, record: &Record) {
        append(&mut self.pending, record).expect("invariant: memory takes every record");
    }
}

fn again(error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), error.to_string())
}

fn append(out: &mut impl Write, record: &Record) -> io::Result<()> {
    serde_json::to_writer(&mut *out, record)?;
    out.write_all(b"\n")
}

/// Two processes that write one ledger would each undo the other's.
fn locked(path: &Path) -> Result<File, Error> {
    let refuse = |source| Error::Ledger { path: path.to_owned(), source };
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path).map_err(refuse)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(Error::LedgerInUse { path: path.to_owned() }),
        Err(fs::TryLockError::Error(source)) => Err(refuse(source)),
    }
}

fn read(mut file: impl BufRead, path: &Path) -> Result<(Rows, Option<Position>), Error> {
    let (mut rows, mut position, mut batch) = (Rows::new(), None, Vec::new());
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let bytes =
            file.read_until(b'\n', &mut line).map_err(|source| Error::Ledger { path: path.to_owned(), source })?;
        // A last line without its end was cut short by the end of its process.
        if bytes == 0 || line.last() != Some(&b'\n') {
            break;
        }
        match serde_json::from_slice(&line) {
            Ok(Record::Commit) => batch.drain(..).for_each(|record| apply(record, &mut rows, &mut position)),
            Ok(record) => batch.push(record),
            Err(why) => return Err(Error::LedgerDamaged { path: path.to_owned(), line: number, why: why.to_string() }),
        }
    }
    Ok((rows, position))
}

fn apply(record: Record, rows: &mut Rows, position: &mut Option<Position>) {
    match record {
        Record::Put(table, key, value) => {
            rows.entry(table).or_default().insert(key.to_string(), value);
        }
        Record::Take(table, key) => {
            rows.entry(table).or_default().remove(&key.to_string());
        }
        Record::Clear(table) => {
            rows.remove(&table);
        }
        Record::Position(now) => *position = Some(now),
        Record::Commit => {}
    }
}

fn write_whole(path: &PathBuf, rows: &Rows, position: Option<Position>) -> io::Result<File> {
    let mut out = BufWriter::new(File::create(path)?);
    for (table, rows) in rows {
        for (key, value) in rows {
            append(&mut out, &Record::Put(table.clone(), serde_json::from_str(key)?, value.clone()))?;
        }
    }
    if let Some(position) = position {
        append(&mut out, &Record::Position(position))?;
    }
    append(&mut out, &Record::Commit)?;
    let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn row<'a>(rows: &'a Rows, table: &str, key: &str) -> Option<&'a Value> {
        rows.get(table)?.get(&json!(key).to_string())
    }

    fn dir(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("ogong-journal-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        dir
    }

    /// Two committed batches, then one that is not.
    fn filled(dir: &Path) {
        let (mut journal, rows, position) = Journal::open(dir).expect("opens");
        assert!(rows.is_empty() && position.is_none());
        journal.put("a", json!("x"), json!(1));
        journal.put("a", json!("y"), json!([2, "two"]));
        journal.position(Position { slot: 9, height: 7, ahead_ms: 5 });
        journal.commit().expect("written");
        journal.put("a", json!("x"), json!(3));
        journal.take("a", json!("y"));
        journal.commit().expect("written");
        journal.put("a", json!("x"), json!("lost"));
    }

    #[test]
    fn what_was_committed_is_there_again_and_nothing_else() {
        let dir = dir("again");
        filled(&dir);
        for _ in 0..2 {
            let (journal, rows, position) = Journal::open(&dir).expect("opens again");
            assert_eq!(row(&rows, "a", "x"), Some(&json!(3)));
            assert_eq!(row(&rows, "a", "y"), None);
            assert_eq!(position, Some(Position { slot: 9, height: 7, ahead_ms: 5 }));
            assert!(journal.is_clean());
        }
        fs::remove_dir_all(&dir).expect("removed");
    }

    #[test]
    fn every_cut_of_the_file_leaves_a_whole_state() {
        let dir = dir("cut");
        filled(&dir);
        let path = dir.join(FILE);
        let whole = fs::read(&path).expect("there");
        let mut seen = Vec::new();
        for cut in 0..=whole.len() {
            fs::write(&path, &whole[..cut]).expect("written");
            let (_, rows, _) = Journal::open(&dir).expect("opens");
            let state = (row(&rows, "a", "x").cloned(), row(&rows, "a", "y").cloned());
            if seen.last() != Some(&state) {
                seen.push(state);
            }
        }
        let states = [(None, None), (Some(json!(1)), Some(json!([2, "two"]))), (Some(json!(3)), None)];
        assert_eq!(seen, states);
        fs::remove_dir_all(&dir).expect("removed");
    }

    #[test]
    fn a_damaged_line_is_named_and_a_second_process_is_refused() {
        let dir = dir("damaged");
        filled(&dir);
        let open = Journal::open(&dir).expect("opens");
        assert!(matches!(Journal::open(&dir), Err(Error::LedgerInUse { .. })));
        drop(open);
        let path = dir.join(FILE);
        let text = fs::read_to_string(&path).expect("there");
        fs::write(&path, format!("{text}{{\"put\":[\n\"commit\"\n")).expect("written");
        let lines = text.lines().count();
        let refused = Journal::open(&dir).expect_err("damaged");
        assert!(matches!(refused, Error::LedgerDamaged { line, .. } if line == lines + 1), "{refused}");
        fs::remove_dir_all(&dir).expect("removed");
    }
}
