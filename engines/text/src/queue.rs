//! The bounded queues between HTTP and the engine's thread.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::Error;
use crate::score::PendingScore;
use crate::slot::Pending;

/// Requests that may wait for a slot, beside those being served.
pub const WAITING_MAX: usize = 256;
/// Scores that may wait.
pub const SCORES_WAITING_MAX: usize = 32;
/// How often an idle thread looks up.
const IDLE_PERIOD: Duration = Duration::from_secs(1);

/// Jobs handed to the engine's thread.
#[derive(Debug, Default)]
pub struct Work {
    /// Replies to begin, no more than there are free slots.
    pub generate: Vec<Pending>,
    /// A score to begin.
    pub score: Option<PendingScore>,
}

/// Where HTTP handlers leave jobs.
#[derive(Debug, Default)]
pub struct Queue {
    inner: Mutex<Inner>,
    wake: Condvar,
}

#[derive(Debug, Default)]
struct Inner {
    generate: VecDeque<Pending>,
    scores: VecDeque<PendingScore>,
    stopping: Stopping,
}

/// How far the engine is from ending.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stopping {
    #[default]
    No,
    /// Finish what is under way, begin nothing.
    Drain,
    /// End at once.
    Now,
}

impl Queue {
    /// Leaves a reply to be generated.
    ///
    /// # Errors
    /// When too many wait, or the engine is stopping.
    pub fn generate(&self, pending: Pending) -> Result<(), Error> {
        let mut inner = self.lock();
        inner.admits()?;
        if inner.generate.len() >= WAITING_MAX {
            inner.generate.retain(|waiting| !waiting.events.is_closed());
        }
        if inner.generate.len() >= WAITING_MAX {
            return Err(Error::Busy { waiting: inner.generate.len() });
        }
        inner.generate.push_back(pending);
        self.wake.notify_one();
        Ok(())
    }

    /// Leaves an answer to be scored.
    ///
    /// # Errors
    /// When too many wait, or the engine is stopping.
    pub fn score(&self, pending: PendingScore) -> Result<(), Error> {
        let mut inner = self.lock();
        inner.admits()?;
        inner.scores.retain(|waiting| !waiting.reply.is_closed());
        if inner.scores.len() >= SCORES_WAITING_MAX {
            return Err(Error::Busy { waiting: inner.scores.len() });
        }
        inner.scores.push_back(pending);
        self.wake.notify_one();
        Ok(())
    }

    /// Takes up to `free_slots` replies and, when `score_free`, a score; waits for work only when `idle`. `None` ends the thread.
    pub fn next(&self, free_slots: usize, score_free: bool, idle: bool) -> Option<Work> {
        let mut inner = self.lock();
        loop {
            if inner.stopping == Stopping::Now || (inner.stopping == Stopping::Drain && idle) {
                inner.generate.clear();
                inner.scores.clear();
                return None;
            }
            let work = inner.take(free_slots, score_free);
            if !idle || !work.generate.is_empty() || work.score.is_some() {
                return Some(work);
            }
            inner = self.wake.wait_timeout(inner, IDLE_PERIOD).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Requests that wait for a slot.
    pub fn waiting(&self) -> usize {
        self.lock().generate.len()
    }

    /// Begins nothing more, and ends once all under way is done.
    pub fn drain(&self) {
        let mut inner = self.lock();
        if inner.stopping == Stopping::No {
            inner.stopping = Stopping::Drain;
        }
        inner.generate.clear();
        inner.scores.clear();
        self.wake.notify_all();
    }

    /// Ends after the round under way.
    pub fn stop(&self) {
        self.lock().stopping = Stopping::Now;
        self.wake.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn admits(&self) -> Result<(), Error> {
        if self.stopping == Stopping::No { Ok(()) } else { Err(Error::Stopped) }
    }

    fn take(&mut self, free_slots: usize, score_free: bool) -> Work {
        let mut work = Work::default();
        while work.generate.len() < free_slots {
            let Some(pending) = self.generate.pop_front() else { break };
            if !pending.events.is_closed() {
                work.generate.push(pending);
            }
        }
        while score_free && work.score.is_none() {
            let Some(pending) = self.scores.pop_front() else { break };
            work.score = Some(pending).filter(|pending| !pending.reply.is_closed());
        }
        work
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::{Commit, Generate, How};
    use crate::slot::Event;
    use bytes::Bytes;
    use ogong_base::hash::ReplyId;
    use ogong_commitment::params::SamplingParams;
    use tokio::sync::mpsc;

    fn pending() -> (Pending, mpsc::Receiver<Event>) {
        let (events, receiver) = mpsc::channel(4);
        let commit = Commit {
            reply_id: ReplyId::from_bytes([0; 32]),
            body: Bytes::new(),
            params: SamplingParams::default(),
            seed: [0; 32],
        };
        let how = How::Committed(Box::new(commit));
        let job = Generate { prompt: vec![1].into(), limit: 1, stream: false, how };
        (Pending { job, events, arrived: std::time::Instant::now() }, receiver)
    }

    #[test]
    fn a_full_queue_refuses_unless_somebody_hung_up() {
        let queue = Queue::default();
        let mut listeners = Vec::new();
        for _ in 0..WAITING_MAX {
            let (job, listener) = pending();
            queue.generate(job).expect("room");
            listeners.push(listener);
        }
        let (job, _listener) = pending();
        assert!(matches!(queue.generate(job), Err(Error::Busy { waiting: WAITING_MAX })));
        listeners.pop();
        let (job, listener) = pending();
        queue.generate(job).expect("the place of the one who hung up");
        listeners.push(listener);
        assert_eq!(queue.next(3, true, true).expect("work").generate.len(), 3);
    }

    #[test]
    fn a_stopping_queue_ends_the_thread_once_it_is_idle() {
        let queue = Queue::default();
        let (job, _listener) = pending();
        queue.generate(job).expect("room");
        queue.drain();
        let (job, _other) = pending();
        assert!(matches!(queue.generate(job), Err(Error::Stopped)));
        assert!(queue.next(0, false, false).is_some_and(|work| work.generate.is_empty()), "what is under way goes on");
        assert!(queue.next(1, true, true).is_none());
        queue.stop();
        assert!(queue.next(1, true, false).is_none());
    }
}
