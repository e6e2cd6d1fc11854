//! Inputs to vectors.

use std::num::NonZeroU32;

use llama_cpp_4::context::LlamaContext;
use llama_cpp_4::context::params::{LlamaContextParams, LlamaFlashAttnType, LlamaPoolingType};
use llama_cpp_4::llama_batch::LlamaBatch;
use llama_cpp_4::model::LlamaModel;
use llama_cpp_4::token::LlamaToken;

use super::log::{backend, take_log};
use super::signed;
use crate::error::Error;

/// How to build an [`EmbeddingContext`].
#[derive(Clone, Copy, Debug)]
pub struct EmbeddingConfig {
    /// Tokens of one call, and so of one input at most.
    pub n_ctx: u32,
    /// Threads.
    pub threads: i32,
    /// Flash attention on or off; `None` as llama.cpp finds best.
    pub flash_attention: Option<bool>,
    /// How the tokens' states become one vector.
    pub pooling: LlamaPoolingType,
}

/// A llama.cpp context that turns inputs into vectors. Owned by one thread.
pub struct EmbeddingContext<'model> {
    llama: LlamaContext<'model>,
    batch: LlamaBatch,
    tokens_max: usize,
    pooling: LlamaPoolingType,
}

impl<'model> EmbeddingContext<'model> {
    /// Builds a context over `model`.
    ///
    /// # Errors
    /// When llama.cpp cannot allocate it.
    pub fn new(model: &'model LlamaModel, config: &EmbeddingConfig) -> Result<Self, Error> {
        let tokens_max = usize::try_from(config.n_ctx).unwrap_or(usize::MAX);
        let flash = match config.flash_attention {
            None => LlamaFlashAttnType::Auto,
            Some(true) => LlamaFlashAttnType::Enabled,
            Some(false) => LlamaFlashAttnType::Disabled,
        };
        let sequences = u32::try_from(crate::embed::SEQUENCES_MAX).expect("invariant: a small constant");
        let params = LlamaContextParams::default()
            .with_n_ctx(NonZeroU32::new(config.n_ctx))
            .with_n_seq_max(sequences)
            .with_n_batch(config.n_ctx)
            .with_n_ubatch(config.n_ctx)
            .with_n_threads(config.threads)
            .with_n_threads_batch(config.threads)
            .with_flash_attn_type(flash)
            .with_pooling_type(config.pooling)
            .with_kv_unified(true)
            .with_embeddings(true)
            .with_no_perf(true);
        take_log();
        let llama =
            model.new_context(backend(), params).map_err(|source| Error::Context { source, log: take_log() })?;
        let pooling = llama.pooling_type();
        Ok(Self { llama, batch: LlamaBatch::new(tokens_max, 1), tokens_max, pooling })
    }

    /// Tokens of one call.
    pub fn tokens_max(&self) -> usize {
        self.tokens_max
    }

    /// One vector for each input, not normalised. The inputs fit one call together.
    ///
    /// # Errors
    /// When llama.cpp refuses the batch or fails, or the model pools nothing.
    pub fn embed(&mut self, inputs: &[Vec<u32>]) -> Result<Vec<Vec<f32>>, Error> {
        if matches!(self.pooling, LlamaPoolingType::None | LlamaPoolingType::Rank) {
            return Err(Error::Pooling);
        }
        self.llama.clear_kv_cache();
        self.batch.clear();
        for (sequence, input) in (0i32..).zip(inputs) {
            for (position, token) in (0i32..).zip(input) {
                self.batch.add(LlamaToken(signed(*token)), position, &[sequence], true)?;
            }
        }
        self.llama.decode(&mut self.batch).map_err(|source| Error::Decode { source, log: take_log() })?;
        (0i32..)
            .zip(inputs)
            .map(|(sequence, _)| Ok(self.llama.embeddings_seq_ith(sequence).map_err(|_| Error::Pooling)?.to_vec()))
            .collect()
    }
}
