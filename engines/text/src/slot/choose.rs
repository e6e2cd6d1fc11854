//! How an answer's tokens are chosen: by the canonical sampler, whose numbers are committed, or by llama.cpp's.

use std::sync::Arc;

use ogong_base::class::NumericClass;
use ogong_commitment::builder::{Trajectory, TrajectoryBuilder};
use ogong_commitment::digest::Digest;
use ogong_commitment::sampler::{self, Counts};
use ogong_commitment::sketch::Bank;
use tokio::sync::mpsc;

use super::event::{Event, Finish};
use crate::error::Error;
use crate::logprobs;
use crate::memory::Reuse;
use crate::model::Model;
use crate::plain::Plain;
use crate::raw::Context;
use crate::request::{Commit, How};
use crate::stop::StopScanner;
use crate::store::{Committed, Store};

/// Chooses an answer's tokens.
pub enum Chooser {
    /// By the canonical sampler.
    Committed(Box<Committing>),
    /// By llama.cpp's chain.
    Plain(Box<Plain>),
}

/// The canonical sampler's state and the commitment that grows with it.
pub struct Committing {
    commit: Commit,
    counts: Counts,
    builder: Option<TrajectoryBuilder>,
}

impl Chooser {
    /// Of a request for a prompt of `ids`, with what ends its answer; `class` is what a commitment says of the engine.
    pub fn new(how: How, ids: &[u32], class: &NumericClass) -> (StopScanner, Self) {
        match how {
            How::Committed(commit) => {
                let builder = TrajectoryBuilder::new(ids, class.class_hash(), commit.params.clone());
                let stops = StopScanner::new(commit.params.stop.iter().cloned());
                let committing = Committing { commit: *commit, counts: Counts::default(), builder: Some(builder) };
                (stops, Self::Committed(Box::new(committing)))
            }
            How::Plain(mut plain) => (StopScanner::new(std::mem::take(&mut plain.stops)), Self::Plain(plain)),
        }
    }

    /// How much of the prompt's beginning may come from memory.
    pub fn reuse(&self) -> Reuse {
        match self {
            Self::Committed(_) => Reuse::Nothing,
            Self::Plain(plain) => plain.reuse(),
        }
    }

    /// Seals the commitment, if there is one, and keeps it.
    ///
    /// # Errors
    /// When there is nothing that could be committed.
    pub fn seal(&mut self, finish: Finish, store: &Store) -> Result<Option<Arc<Trajectory>>, Error> {
        let Self::Committed(committing) = self else { return Ok(None) };
        let Some(builder) = committing.builder.take() else { return Ok(None) };
        let trajectory = builder.finish(finish.into()).map_err(|error| Error::Commit(error.to_string()))?;
        let trajectory = Arc::new(trajectory);
        let Commit { reply_id, body, .. } = &committing.commit;
        store.insert(*reply_id, Committed { trajectory: Arc::clone(&trajectory), body: body.clone() });
        Ok(Some(trajectory))
    }
}

impl Committing {
    /// What is committed to.
    pub fn commit(&self) -> &Commit {
        &self.commit
    }

    /// The canonical choice for answer token `t` (SPEC 4), recorded with what it was made from.
    ///
    /// # Errors
    /// When the numbers cannot be committed or no candidate is left (SPEC 3.10, 4.4).
    pub fn choose(
        &mut self,
        context: &Context<'_>,
        row: usize,
        model: &Model,
        bank: &Bank,
        t: u32,
    ) -> Result<u32, Error> {
        let refused = |error: &dyn std::fmt::Display| Error::Commit(error.to_string());
        let digest = Digest::from_logits(context.logits(row)).map_err(|error| refused(&error))?;
        let id = sampler::choose(&digest, &self.commit.params, &self.counts, &self.commit.seed, t)
            .ok_or_else(|| refused(&"no candidate token is left"))?;
        let sketch = bank.project(context.hidden(row)?).map_err(|error| refused(&error))?;
        if let Some(builder) = &mut self.builder {
            builder.push(id, model.piece(id), sketch, digest);
        }
        self.counts.add(id);
        Ok(id)
    }
}

/// The chain's choice, and what the client wants to know of it.
///
/// # Errors
/// When no token is left.
pub fn choose(
    plain: &mut Plain,
    context: &mut Context<'_>,
    row: usize,
    events: &mpsc::Sender<Event>,
) -> Result<u32, Error> {
    let id = context.sample(&mut plain.chain, row)?;
    if let Some(count) = plain.logprobs {
        // Nobody hears it when the client has just hung up.
        let _ = events.try_send(Event::Logprobs(logprobs::measure(context.logits(row), id, count)));
    }
    Ok(id)
}
