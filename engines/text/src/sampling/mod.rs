//! How plain requests are sampled: llama.cpp's own chain, with llama-server's names, ranges and defaults.
//!
//! The chain is built while the request is checked, not by the engine's thread, so that a large grammar delays nobody else and
//! one that cannot be is the client's 400.

mod constraint;
mod members;

use llama_cpp_4::common_sampler::{
    CommonSampler, CommonSamplerError, CommonSamplerParams, CommonSamplerScalars, CommonSamplerType,
};
use llama_cpp_4::token::LlamaToken;

pub use self::constraint::{Constraint, Grammar, Thinking, Trigger, tag_tokens};
use self::members::{breakers, logit_bias, order, read_integers, read_numbers, seed};
use crate::error::RequestError;
use crate::fields;
use crate::model::Model;
use crate::prompt::Body;
use crate::raw;

/// llama.cpp draws a seed of its own for this one.
const SEED_DRAWN: u32 = u32::MAX;

/// The sampler members of a request.
pub struct Sampling {
    scalars: CommonSamplerScalars,
    biases: Vec<(u32, f32)>,
    order: Option<Vec<CommonSamplerType>>,
    breakers: Option<Vec<String>>,
    seed: Option<u32>,
}

impl Sampling {
    /// Reads the sampler members of `body`.
    ///
    /// # Errors
    /// When one is of the wrong kind or out of its range.
    pub fn from_body(model: &Model, n_ctx: u32, body: &Body) -> Result<Self, RequestError> {
        let mut scalars = CommonSamplerParams::new().scalars();
        read_numbers(body, &mut scalars)?;
        read_integers(body, i64::from(n_ctx), &mut scalars)?;
        let mut biases = logit_bias(model, body)?;
        if fields::truth(body, "ignore_eos")?.unwrap_or(false) {
            biases.extend(model.end_tokens().map(|id| (id, f32::NEG_INFINITY)));
        }
        Ok(Self { scalars, biases, order: order(body)?, breakers: breakers(body)?, seed: seed(body)? })
    }

    /// Whether the client named a seed, so that the answer must come out the same again.
    pub fn is_seeded(&self) -> bool {
        self.seed.is_some()
    }

    /// The chain for answer `nth` of a request.
    ///
    /// # Errors
    /// When llama.cpp cannot build it; the grammar is then at fault.
    pub fn chain(
        &self,
        model: &Model,
        constraint: &Constraint,
        prompt: &[u32],
        nth: u32,
    ) -> Result<CommonSampler, RequestError> {
        let refused = |param: &str, error: &dyn std::fmt::Display| {
            let log = raw::take_log();
            let why = if log.is_empty() { error.to_string() } else { format!("{error}: {log}") };
            RequestError::member(param, why)
        };
        let mut params = CommonSamplerParams::new();
        let mut scalars = self.scalars;
        scalars.seed = self.seed.map_or(SEED_DRAWN, |seed| seed.wrapping_add(nth).min(SEED_DRAWN - 1));
        scalars.no_perf = true;
        constraint.apply_thinking(&mut params, &mut scalars).map_err(|error| refused("messages", &error))?;
        params.set_scalars(&scalars);
        let outcome = self.apply_lists(&mut params).and_then(|()| constraint.apply(&mut params));
        outcome.map_err(|error| refused("grammar", &error))?;
        raw::take_log();
        let mut chain = CommonSampler::new(model.llama(), &mut params).map_err(|error| {
            let param = if constraint.grammar.is_some() { "grammar" } else { "request" };
            refused(param, &error)
        })?;
        for id in self.looked_back_at(prompt) {
            chain.accept(token(*id), false);
        }
        Ok(chain)
    }

    fn apply_lists(&self, params: &mut CommonSamplerParams) -> Result<(), CommonSamplerError> {
        for (id, bias) in &self.biases {
            params.add_logit_bias(token(*id), *bias)?;
        }
        if let Some(order) = &self.order {
            params.set_samplers(order)?;
        }
        if let Some(breakers) = &self.breakers {
            params.set_dry_breakers(&breakers.iter().map(String::as_str).collect::<Vec<_>>())?;
        }
        Ok(())
    }

    /// The end of the prompt that the penalties look back at; nothing where they are off, which saves going through it.
    fn looked_back_at<'prompt>(&self, prompt: &'prompt [u32]) -> &'prompt [u32] {
        let scalars = &self.scalars;
        let penalties = scalars.penalty_repeat != 1.0 || scalars.penalty_freq != 0.0 || scalars.penalty_present != 0.0;
        let reach = [(penalties, scalars.penalty_last_n), (scalars.dry_multiplier > 0.0, scalars.dry_penalty_last_n)]
            .into_iter()
            .filter(|(on, _)| *on)
            .map(|(_, reach)| usize::try_from(reach).unwrap_or(usize::MAX))
            .max()
            .unwrap_or(0);
        prompt.get(prompt.len().saturating_sub(reach)..).unwrap_or(prompt)
    }
}

/// A token as llama.cpp takes it.
pub fn token(id: u32) -> LlamaToken {
    LlamaToken(i32::try_from(id).unwrap_or(i32::MAX))
}
