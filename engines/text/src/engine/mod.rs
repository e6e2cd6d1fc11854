//! The engine as a library: load a model, generate (plainly or committed), score. The HTTP front uses this and nothing else.

mod config;
mod load;

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use bytes::Bytes;
use ogong_base::hash::ReplyId;
use ogong_commitment::builder::Trajectory;
use ogong_engine::wire::{Capabilities, OrderLimits, ScoreReply, ScoreRequest};
use tokio::sync::{mpsc, oneshot};

pub use self::config::{EngineConfig, PARALLEL_MAX, default_threads};
use crate::embed::{Embedder, Vectors};
use crate::error::{Error, RequestError};
use crate::metrics::{Gauges, Metrics};
use crate::model::Model;
use crate::plain;
use crate::queue::Queue;
use crate::request::{self, Generate, How, Prepared};
use crate::score::PendingScore;
use crate::slot::{Done, Event, Pending};
use crate::store::{Committed, Store};

/// A loaded model that serves; cheap to clone, the last clone ends it.
#[derive(Clone, Debug)]
pub struct Engine {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    model: Arc<Model>,
    queue: Arc<Queue>,
    store: Arc<Store>,
    metrics: Arc<Metrics>,
    embedder: Embedder,
    /// Whether text is generated.
    generates: bool,
    capabilities: Capabilities,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Engine {
    /// What the engine is and can do.
    pub fn capabilities(&self) -> &Capabilities {
        &self.inner.capabilities
    }

    /// The loaded model.
    pub fn model(&self) -> &Model {
        &self.inner.model
    }

    /// Checks a plain request.
    ///
    /// # Errors
    /// When it cannot be served.
    pub fn prepare_plain(&self, body: &[u8]) -> Result<Prepared, RequestError> {
        self.generates()?;
        plain::prepare(self.model(), self.capabilities().n_ctx, body)
    }

    fn generates(&self) -> Result<(), RequestError> {
        if self.inner.generates { Ok(()) } else { Err(RequestError::NoText) }
    }

    /// Tokens of one input to embed at most.
    pub fn embedding_tokens_max(&self) -> u32 {
        self.inner.embedder.tokens_max()
    }

    /// Begins to embed inputs, none of them empty or longer than [`Self::embedding_tokens_max`]; one vector of length one comes
    /// for each.
    ///
    /// # Errors
    /// When the context for it cannot be made, or too many wait.
    pub fn embed(&self, inputs: Vec<Vec<u32>>) -> Result<oneshot::Receiver<Result<Vectors, Error>>, Error> {
        self.inner.embedder.embed(inputs)
    }

    /// The counters in Prometheus' text format.
    pub fn metrics(&self) -> String {
        let capabilities = self.capabilities();
        self.inner.metrics.render(Gauges {
            slots: capabilities.slots,
            waiting: self.inner.queue.waiting(),
            kv_capacity: u64::from(capabilities.slots) * u64::from(capabilities.n_ctx),
        })
    }

    /// Checks a request to fill in the middle.
    ///
    /// # Errors
    /// When it cannot be served.
    pub fn prepare_infill(&self, body: &[u8]) -> Result<Prepared, RequestError> {
        self.generates()?;
        plain::prepare_infill(self.model(), self.capabilities().n_ctx, body)
    }

    /// Checks a committed request.
    ///
    /// # Errors
    /// When it cannot be served, or the engine does not commit.
    pub fn prepare_committed(
        &self,
        body: Bytes,
        reply_id: ReplyId,
        limits: OrderLimits,
    ) -> Result<Prepared, RequestError> {
        if !self.capabilities().commit {
            return Err(RequestError::NotCommitting);
        }
        request::committed(self.model(), self.capabilities().n_ctx, body, reply_id, limits)
    }

    /// Begins a reply and returns its events. Dropping the receiver stops the reply.
    ///
    /// # Errors
    /// When too many wait, or the engine has stopped.
    pub fn generate(&self, job: Generate) -> Result<mpsc::Receiver<Event>, Error> {
        // Room for every event of the longest answer: the engine's thread must never wait for a client.
        let events = match &job.how {
            How::Plain(plain) if plain.logprobs.is_some() => 2,
            _ => 1,
        };
        let room = usize::try_from(job.limit).unwrap_or(usize::MAX).saturating_mul(events).saturating_add(4);
        let room = room.min(mpsc_room_max());
        let (events, receiver) = mpsc::channel(room);
        self.inner.queue.generate(Pending { job, events, arrived: Instant::now() })?;
        Ok(receiver)
    }

    /// Generates a whole committed reply and waits for it. Not for async code.
    ///
    /// # Errors
    /// When the request cannot be served or the reply fails.
    pub fn generate_committed(
        &self,
        body: Bytes,
        reply_id: ReplyId,
        limits: OrderLimits,
    ) -> Result<Arc<Trajectory>, Error> {
        let Some(mut job) = self.prepare_committed(body, reply_id, limits)?.jobs.pop() else {
            return Err(Error::Stopped);
        };
        job.stream = false;
        let (_, done) = wait(self.generate(job)?)?;
        done.trajectory.ok_or(Error::Stopped)
    }

    /// Begins a score.
    ///
    /// # Errors
    /// When the request cannot be served, too many wait, or the engine has stopped.
    pub fn begin_score(&self, request: &ScoreRequest) -> Result<oneshot::Receiver<Result<ScoreReply, Error>>, Error> {
        let capabilities = self.capabilities();
        if !capabilities.score {
            return Err(Error::Hidden);
        }
        let job = request::scored(self.model(), capabilities.n_ctx, capabilities.exact, request)?;
        let (reply, receiver) = oneshot::channel();
        self.inner.queue.score(PendingScore { job, reply })?;
        Ok(receiver)
    }

    /// Scores an answer and waits for it. Not for async code.
    ///
    /// # Errors
    /// As [`Engine::begin_score`], or when the numbers are not finite.
    pub fn score(&self, request: &ScoreRequest) -> Result<ScoreReply, Error> {
        self.begin_score(request)?.blocking_recv().map_err(|_| Error::Stopped)?
    }

    /// A committed reply, if it is still kept.
    pub fn committed(&self, reply_id: ReplyId) -> Option<Committed> {
        self.inner.store.find(reply_id)
    }

    /// Begins nothing more; replies under way go on.
    pub fn drain(&self) {
        self.inner.queue.drain();
    }

    /// Ends the engine after the decode calls under way and waits for its thread.
    pub fn stop(&self) {
        self.inner.stop();
    }
}

impl Inner {
    fn stop(&self) {
        self.queue.stop();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // A panic of the thread has been reported by then.
            let _ = thread.join();
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Collects a reply: its raw text and how it ended. Not for async code.
///
/// # Errors
/// When the reply fails.
pub fn wait(mut events: mpsc::Receiver<Event>) -> Result<(Vec<u8>, Done), Error> {
    let mut text = Vec::new();
    while let Some(event) = events.blocking_recv() {
        match event {
            Event::Text(bytes) => text.extend(bytes),
            Event::Logprobs(_) => {}
            Event::Done(done) => return Ok((text, done)),
            Event::Failed(error) => return Err(error),
        }
    }
    Err(Error::Stopped)
}

/// The largest capacity that tokio's channel takes.
fn mpsc_room_max() -> usize {
    tokio::sync::Semaphore::MAX_PERMITS
}
