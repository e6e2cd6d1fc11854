//! The desk at which jobs wait for the engine: one is scored at a time, a few may wait, the rest is told to come back.
//!
//! Engines that share a machine share its cores; two prefills side by side take longer than one after the other.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ogong_base::hash::JobHash;
use ogong_base::params::VERIFIER_JOB_MS;
use ogong_net::wire::{ErrorCode, ErrorReply, SignedReport};
use tokio::sync::{Semaphore, SemaphorePermit};

/// Jobs scored at once.
pub const JOBS_AT_ONCE: usize = 1;
/// Jobs that may wait for their turn.
pub const JOBS_WAITING_MAX: usize = 16;
/// Reports kept, so that a validator that lost its connection gets the same one again.
const REPORTS_KEPT: usize = 64;

/// Admission to the engine, and the reports it made last.
#[derive(Debug)]
pub struct Desk {
    places: Semaphore,
    engine: Semaphore,
    done: Mutex<VecDeque<(JobHash, SignedReport)>>,
}

/// A place in the queue and, once it came to that, the engine itself.
#[derive(Debug)]
pub struct Turn<'a> {
    _place: SemaphorePermit<'a>,
    _engine: SemaphorePermit<'a>,
}

impl Default for Desk {
    fn default() -> Self {
        Self {
            places: Semaphore::new(JOBS_AT_ONCE + JOBS_WAITING_MAX),
            engine: Semaphore::new(JOBS_AT_ONCE),
            done: Mutex::default(),
        }
    }
}

impl Desk {
    /// Waits for the engine, within the time a job has.
    ///
    /// # Errors
    /// Busy when too many wait already or the wait took the whole time.
    pub async fn turn(&self) -> Result<Turn<'_>, ErrorReply> {
        let busy = |what: &str| ErrorReply::new(ErrorCode::Busy, what, "draw another verifier or try again later");
        let place = self.places.try_acquire().map_err(|_| busy("too many jobs wait for this verifier's engine"))?;
        let engine = tokio::time::timeout(Duration::from_millis(VERIFIER_JOB_MS), self.engine.acquire())
            .await
            .map_err(|_| busy("this verifier's engine did not become free in time"))?
            .map_err(|_| busy("this verifier is shutting down"))?;
        Ok(Turn { _place: place, _engine: engine })
    }

    /// A report made before for the same job.
    #[must_use]
    pub fn report(&self, job: JobHash) -> Option<SignedReport> {
        let done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        done.iter().find(|(hash, _)| *hash == job).map(|(_, report)| report.clone())
    }

    /// Keeps a report.
    pub fn keep(&self, job: JobHash, report: SignedReport) {
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        if done.len() == REPORTS_KEPT {
            done.pop_front();
        }
        done.push_back((job, report));
    }

    /// Jobs at the desk now, the one being scored among them.
    #[must_use]
    pub fn occupied(&self) -> usize {
        (JOBS_AT_ONCE + JOBS_WAITING_MAX).saturating_sub(self.places.available_permits())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_at_a_time_and_a_bounded_queue() {
        let desk = Desk::default();
        let first = desk.turn().await.expect("free");
        assert_eq!(desk.occupied(), 1);
        let mut waiting = Vec::new();
        for _ in 0..JOBS_WAITING_MAX {
            waiting.push(Box::pin(desk.turn()));
        }
        for turn in &mut waiting {
            assert!(futures_pending(turn), "nobody else may score meanwhile");
        }
        let refused = desk.turn().await.expect_err("the queue is full");
        assert_eq!(refused.code(), ErrorCode::Busy);
        drop(first);
        let second = waiting.remove(0).await.expect("the next in the queue");
        drop(waiting);
        drop(second);
        assert_eq!(desk.occupied(), 0);
    }

    fn futures_pending<F: Future + Unpin>(future: &mut F) -> bool {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        std::pin::Pin::new(future).poll(&mut context).is_pending()
    }

    #[test]
    fn the_same_job_gets_the_same_report_until_it_is_forgotten() {
        let desk = Desk::default();
        let name = |n: u8| JobHash::from_bytes([n; 32]);
        let report = |n: u8| SignedReport { report: vec![n], ..SignedReport::default() };
        for n in 0..=64 {
            desk.keep(name(n), report(n));
        }
        assert_eq!(desk.report(name(0)), None);
        assert_eq!(desk.report(name(64)), Some(report(64)));
    }
}
