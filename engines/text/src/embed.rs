//! Embeddings: a context of their own over the same weights, made when first asked for, on a thread of its own.
//!
//! Inputs are packed into calls of as many tokens as the context holds. The pooling is what the model's file says, or what
//! the operator chose; a model that generates text and says nothing gives its last token's state.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use crate::error::Error;
use crate::metrics::Metrics;
use crate::model::Model;
use crate::raw::{EmbeddingConfig, EmbeddingContext};

/// Requests that may wait.
const WAITING_MAX: usize = 64;
/// Inputs of one call at most.
pub const SEQUENCES_MAX: usize = 16;

/// One vector for each input.
pub type Vectors = Vec<Vec<f32>>;

struct Job {
    inputs: Vec<Vec<u32>>,
    reply: oneshot::Sender<Result<Vectors, Error>>,
}

/// Where requests leave their inputs.
#[derive(Debug)]
pub struct Embedder {
    model: Arc<Model>,
    config: EmbeddingConfig,
    metrics: Arc<Metrics>,
    jobs: Mutex<Option<SyncSender<Job>>>,
}

impl Embedder {
    /// An embedder over `model` that has not begun.
    pub fn new(model: Arc<Model>, config: EmbeddingConfig, metrics: Arc<Metrics>) -> Self {
        Self { model, config, metrics, jobs: Mutex::default() }
    }

    /// Tokens of one input at most.
    pub fn tokens_max(&self) -> u32 {
        self.config.n_ctx
    }

    /// Makes the context, where it is not there yet.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn begin(&self) -> Result<(), Error> {
        self.sender().map(drop)
    }

    /// Begins to embed `inputs`, none of them empty or longer than [`Self::tokens_max`]; one vector comes for each.
    ///
    /// # Errors
    /// When the context cannot be made, or too many wait.
    pub fn embed(&self, inputs: Vec<Vec<u32>>) -> Result<oneshot::Receiver<Result<Vectors, Error>>, Error> {
        let (reply, receiver) = oneshot::channel();
        self.sender()?.try_send(Job { inputs, reply }).map_err(|error| match error {
            TrySendError::Full(_) => Error::Busy { waiting: WAITING_MAX },
            TrySendError::Disconnected(_) => Error::Stopped,
        })?;
        Ok(receiver)
    }

    fn sender(&self) -> Result<SyncSender<Job>, Error> {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = &*jobs {
            return Ok(sender.clone());
        }
        let (sender, receiver) = sync_channel(WAITING_MAX);
        let (ready, made) = sync_channel(1);
        let (model, config, metrics) = (Arc::clone(&self.model), self.config, Arc::clone(&self.metrics));
        let thread = std::thread::Builder::new().name("embed".into()).spawn(move || {
            match EmbeddingContext::new(model.llama(), &config) {
                Ok(context) => {
                    // Whoever began this waits for the message and cannot be gone.
                    let _ = ready.send(Ok(()));
                    serve(context, &receiver, &metrics);
                }
                Err(error) => {
                    let _ = ready.send(Err(error));
                }
            }
        });
        thread.map_err(|error| Error::Config(format!("embedding thread cannot be started: {error}")))?;
        made.recv().map_err(|_| Error::Stopped)??;
        *jobs = Some(sender.clone());
        Ok(sender)
    }
}

/// Serves until the last sender is gone.
fn serve(mut context: EmbeddingContext<'_>, jobs: &Receiver<Job>, metrics: &Metrics) {
    while let Ok(Job { inputs, reply }) = jobs.recv() {
        let mut vectors = Vec::with_capacity(inputs.len());
        let mut outcome = Ok(());
        for group in groups(&inputs, context.tokens_max()) {
            if reply.is_closed() {
                break;
            }
            match context.embed(group) {
                Ok(more) => vectors.extend(more),
                Err(error) => {
                    outcome = Err(error);
                    break;
                }
            }
        }
        metrics.embedded(vectors.len(), inputs.iter().map(Vec::len).sum());
        // Nobody hears it when the client has just hung up.
        let _ = reply.send(outcome.map(|()| vectors.into_iter().map(normalised).collect()));
    }
}

/// Consecutive inputs that fit one call together.
fn groups(inputs: &[Vec<u32>], tokens_max: usize) -> Vec<&[Vec<u32>]> {
    let (mut groups, mut start, mut tokens) = (Vec::new(), 0, 0);
    for (at, input) in inputs.iter().enumerate() {
        if at > start && (tokens + input.len() > tokens_max || at - start == SEQUENCES_MAX) {
            groups.extend(inputs.get(start..at));
            (start, tokens) = (at, 0);
        }
        tokens += input.len();
    }
    groups.extend(inputs.get(start..).filter(|rest| !rest.is_empty()));
    groups
}

/// Scaled to length one; a vector of zeros stays.
pub fn normalised(mut vector: Vec<f32>) -> Vec<f32> {
    let norm = vector.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
    if norm > 0.0 {
        vector.iter_mut().for_each(|value| *value = (f64::from(*value) / norm) as f32);
    }
    vector
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_packed_in_order() {
        let inputs: Vec<Vec<u32>> = [5, 5, 5, 1].iter().map(|n| vec![0; *n]).collect();
        let sizes = |max| groups(&inputs, max).iter().map(|group| group.len()).collect::<Vec<_>>();
        assert_eq!(sizes(10), [2, 2]);
        assert_eq!(sizes(5), [1, 1, 1, 1]);
        assert_eq!(sizes(100), [4]);
        assert!(groups(&[], 10).is_empty());
        let many: Vec<Vec<u32>> = vec![vec![0]; SEQUENCES_MAX + 1];
        assert_eq!(groups(&many, 100).len(), 2);
    }

    #[test]
    fn vectors_have_length_one() {
        assert_eq!(normalised(vec![3.0, 4.0]), [0.6, 0.8]);
        assert_eq!(normalised(vec![0.0, 0.0]), [0.0, 0.0]);
    }
}
