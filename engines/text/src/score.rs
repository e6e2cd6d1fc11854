//! Teacher-forced scoring of an answer (SPEC 4.7, 4.8, 5.4): the engine's own sketches, top-64 lists and margins.
//!
//! A score is a run of steps, one decode call each, so that the scheduler can interleave them with serving. Answer rows
//! never share a call with anybody else's rows; in exact mode a call is one window, as the provider's slots ran it.

use ogong_base::class::NumericClass;
use ogong_base::hash::{Hash32, sha256};
use ogong_base::params::{PROMPT_CHUNK, WINDOW_TOKENS};
use ogong_commitment::digest::{Digest, Scan};
use ogong_commitment::response;
use ogong_commitment::sampler::{self, Counts};
use ogong_commitment::sketch::{Bank, Sketch};
use ogong_engine::wire::{ScoreMode, ScoreReply, WindowScore, margins_text};
use tokio::sync::oneshot;

use crate::error::Error;
use crate::model::Model;
use crate::raw::{Context, Row};
use crate::request::Score;

/// Answer rows of one call in tolerance mode. Logits are held for all of them: 50 MB at a vocabulary of 49k.
pub const SCORE_ROWS: usize = 256;

/// A score and where its answer goes.
#[derive(Debug)]
pub struct PendingScore {
    /// The job.
    pub job: Score,
    /// The listener.
    pub reply: oneshot::Sender<Result<ScoreReply, Error>>,
}

/// A score under way.
pub struct ScoreRun {
    job: Score,
    reply: oneshot::Sender<Result<ScoreReply, Error>>,
    prefilled: usize,
    scored: usize,
    counts: Counts,
    margins: Vec<u16>,
    windows: Vec<Window>,
}

struct Window {
    index: u32,
    sketches: Vec<Sketch>,
    tops: Vec<Digest>,
}

impl ScoreRun {
    /// Takes a job up.
    pub fn new(pending: PendingScore) -> Self {
        let PendingScore { job, reply } = pending;
        let windows =
            job.windows.iter().map(|index| Window { index: *index, sketches: Vec::new(), tops: Vec::new() }).collect();
        let margins = Vec::with_capacity(job.ids.len());
        Self { job, reply, prefilled: 0, scored: 0, counts: Counts::default(), margins, windows }
    }

    /// Whether the listener has gone.
    pub fn is_abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    /// Does one decode call in `sequence` and takes its outputs; `None` once the listener has its answer.
    pub fn step(
        mut self,
        context: &mut Context<'_>,
        sequence: u32,
        model: &Model,
        bank: &Bank,
        class: &NumericClass,
    ) -> Option<Self> {
        let outcome = if self.prefilled + 1 < self.job.prompt.len() {
            self.prompt_step(context, sequence)
        } else {
            self.answer_step(context, sequence, bank)
        };
        match outcome {
            Ok(()) if self.scored < self.job.ids.len() => Some(self),
            Ok(()) => {
                let answer = self.answer(model, class);
                // Nobody hears it when the client has just hung up.
                let _ = self.reply.send(Ok(answer));
                None
            }
            Err(error) => {
                let _ = self.reply.send(Err(error));
                None
            }
        }
    }

    fn prompt_step(&mut self, context: &mut Context<'_>, sequence: u32) -> Result<(), Error> {
        let start = self.prefilled;
        let end = (start + PROMPT_CHUNK).min(self.job.prompt.len() - 1);
        let tokens = self.job.prompt.get(start..end).unwrap_or_default();
        context.decode(rows(tokens, start, sequence, false), false)?;
        self.prefilled = end;
        Ok(())
    }

    fn answer_step(&mut self, context: &mut Context<'_>, sequence: u32, bank: &Bank) -> Result<(), Error> {
        let rows_max = match self.job.mode {
            ScoreMode::Exact => WINDOW_TOKENS,
            ScoreMode::Tolerance => SCORE_ROWS,
        };
        let start = self.scored;
        let end = (start + rows_max).min(self.job.ids.len());
        let first =
            start.checked_sub(1).and_then(|before| self.job.ids.get(before)).or(self.job.prompt.last()).copied();
        let rest = self.job.ids.get(start..end - 1).unwrap_or_default();
        let fed: Vec<u32> = first.into_iter().chain(rest.iter().copied()).collect();
        let position = self.job.prompt.len() - 1 + start;
        context.decode(rows(&fed, position, sequence, true), true)?;
        for row in 0..fed.len() {
            self.take_row(row, context, bank)?;
        }
        Ok(())
    }

    fn take_row(&mut self, row: usize, context: &Context<'_>, bank: &Bank) -> Result<(), Error> {
        let refused = |error: &dyn std::fmt::Display| Error::Commit(error.to_string());
        let (index, claimed) = (self.scored, self.job.ids.get(self.scored).copied().unwrap_or_default());
        let logits = context.logits(row);
        let t = u32::try_from(index).unwrap_or(u32::MAX);
        let scan = Scan::new(logits).map_err(|error| refused(&error))?;
        let margin = sampler::margin_of(&scan, logits, claimed, &self.job.params, &self.counts, &self.job.seed, t);
        self.margins.push(sampler::margin_steps(margin.map_err(|error| refused(&error))?));
        let window = u32::try_from(index / WINDOW_TOKENS).unwrap_or(u32::MAX);
        if self.windows.iter().any(|wanted| wanted.index == window) {
            let sketch = bank.project(context.hidden(row)?).map_err(|error| refused(&error))?;
            let top = scan.top64();
            for wanted in self.windows.iter_mut().filter(|wanted| wanted.index == window) {
                wanted.sketches.push(sketch);
                wanted.tops.push(top.clone());
            }
        }
        self.counts.add(claimed);
        self.scored += 1;
        Ok(())
    }

    fn answer(&self, model: &Model, class: &NumericClass) -> ScoreReply {
        let ids = &self.job.ids;
        let pieces: Vec<&[u8]> = ids.iter().map(|id| model.piece(*id)).collect();
        let stop_string_at = response::stop_token(&pieces, &self.job.params.stop).and_then(|at| u32::try_from(at).ok());
        let text = pieces.concat();
        let text = response::cut_at_stop(&text, &self.job.params.stop);
        let end_token_at = ids.iter().position(|id| model.is_end(*id)).and_then(|at| u32::try_from(at).ok());
        ScoreReply {
            class: class.clone(),
            n_prompt: u32::try_from(self.job.prompt.len()).unwrap_or(u32::MAX),
            prompt_ids_hash: response::prompt_ids_hash(&self.job.prompt),
            raw_text_sha256: Hash32::from_bytes(sha256(text)),
            end_token_at,
            stop_string_at,
            windows: self
                .windows
                .iter()
                .map(|window| WindowScore::new(window.index, &window.sketches, &window.tops))
                .collect(),
            margins: margins_text(&self.margins),
        }
    }
}

/// Rows of consecutive positions in one sequence.
pub fn rows(tokens: &[u32], position: usize, sequence: u32, output: bool) -> impl Iterator<Item = Row> + '_ {
    let position = u32::try_from(position).unwrap_or(u32::MAX);
    (position..).zip(tokens).map(move |(position, token)| Row { token: *token, position, sequence, output })
}
