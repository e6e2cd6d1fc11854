//! The store's one writing thread: takes what has queued up, commits it in one transaction, then answers all who wait.

use super::{Definition, fault};
use crate::{Error, error::StoreFault};
use redb::{Database, Durability, ReadableTable, WriteTransaction};
use std::{io, sync::Arc, thread::JoinHandle};
use tokio::sync::{mpsc, oneshot};

/// Jobs that wait at most; further callers wait to hand theirs in.
const QUEUE_DEPTH: usize = 1024;

/// Jobs in one transaction at most, so that the first is not kept waiting for long.
const GROUP_JOBS_MAX: usize = 256;

/// One change.
#[derive(Debug)]
pub(super) enum Op {
    Put { table: &'static str, key: Vec<u8>, value: Vec<u8> },
    PutNew { table: &'static str, key: Vec<u8>, value: Vec<u8> },
    Delete { table: &'static str, key: Vec<u8> },
    DeleteRange { table: &'static str, from: Vec<u8>, to: Vec<u8> },
}

/// What a job gives: the entry that kept its [`Op::PutNew`] from writing.
type Outcome = Result<Option<Vec<u8>>, StoreFault>;

struct Job {
    ops: Vec<Op>,
    done: oneshot::Sender<Outcome>,
}

/// Hands jobs to the thread. Dropping it waits for the thread, so that the file is free when the store is gone.
#[derive(Debug)]
pub(super) struct Writer {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(database: Arc<Database>) -> io::Result<Self> {
        let (jobs, queue) = mpsc::channel(QUEUE_DEPTH);
        let thread = std::thread::Builder::new().name("store-writer".into()).spawn(move || write(&database, queue))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    pub(super) async fn run(&self, ops: Vec<Op>) -> Result<Option<Vec<u8>>, Error> {
        let (done, outcome) = oneshot::channel();
        self.jobs()?.send(Job { ops, done }).await.map_err(|_| StoreFault::Closed)?;
        Ok(outcome.await.map_err(|_| StoreFault::Closed)??)
    }

    pub(super) fn run_blocking(&self, ops: Vec<Op>) -> Result<Option<Vec<u8>>, Error> {
        let (done, outcome) = oneshot::channel();
        self.jobs()?.blocking_send(Job { ops, done }).map_err(|_| StoreFault::Closed)?;
        Ok(outcome.blocking_recv().map_err(|_| StoreFault::Closed)??)
    }
}

impl Writer {
    fn jobs(&self) -> Result<&mpsc::Sender<Job>, StoreFault> {
        self.jobs.as_ref().ok_or(StoreFault::Closed)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A panic there has already failed the jobs that waited.
            let _ = thread.join();
        }
    }
}

fn write(database: &Database, mut queue: mpsc::Receiver<Job>) {
    while let Some(first) = queue.blocking_recv() {
        let mut group = vec![first];
        while group.len() < GROUP_JOBS_MAX {
            match queue.try_recv() {
                Ok(job) => group.push(job),
                Err(_) => break,
            }
        }
        let committed = commit(database, &group);
        if let Err(error) = &committed {
            tracing::error!(%error, jobs = group.len(), "store write failed");
        }
        // A caller that no longer waits needs no answer.
        match committed {
            Ok(outcomes) => {
                for (job, existing) in group.into_iter().zip(outcomes) {
                    let _ = job.done.send(Ok(existing));
                }
            }
            Err(error) => {
                for job in group {
                    let _ = job.done.send(Err(error.clone()));
                }
            }
        }
    }
}

fn commit(database: &Database, group: &[Job]) -> Result<Vec<Option<Vec<u8>>>, StoreFault> {
    let mut transaction = database.begin_write().map_err(|error| fault(error.into()))?;
    transaction.set_durability(Durability::Immediate).map_err(|error| StoreFault::Other(error.to_string()))?;
    let mut outcomes = Vec::with_capacity(group.len());
    for job in group {
        let mut existing = None;
        for op in &job.ops {
            existing = apply(&transaction, op).map_err(fault)?.or(existing);
        }
        outcomes.push(existing);
    }
    transaction.commit().map_err(|error| fault(error.into()))?;
    Ok(outcomes)
}

fn apply(transaction: &WriteTransaction, op: &Op) -> Result<Option<Vec<u8>>, redb::Error> {
    let open = |name| transaction.open_table(Definition::new(name));
    match op {
        Op::Put { table, key, value } => {
            open(table)?.insert(key.as_slice(), value.as_slice())?;
        }
        Op::PutNew { table, key, value } => {
            let mut table = open(table)?;
            let existing = table.get(key.as_slice())?.map(|value| value.value().to_vec());
            if existing.is_some() {
                return Ok(existing);
            }
            table.insert(key.as_slice(), value.as_slice())?;
        }
        Op::Delete { table, key } => {
            open(table)?.remove(key.as_slice())?;
        }
        Op::DeleteRange { table, from, to } => {
            if from < to {
                open(table)?.retain_in(from.as_slice()..to.as_slice(), |_, _| false)?;
            }
        }
    }
    Ok(None)
}
