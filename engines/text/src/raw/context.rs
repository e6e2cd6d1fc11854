//! Decoding: a llama.cpp context with its batch, its threads and its tap.

use std::num::NonZeroU32;
use std::ptr::NonNull;

use llama_cpp_4::common_sampler::CommonSampler;
use llama_cpp_4::context::LlamaContext;
use llama_cpp_4::context::params::{LlamaContextParams, LlamaFlashAttnType, LlamaPoolingType};
use llama_cpp_4::llama_batch::LlamaBatch;
use llama_cpp_4::model::LlamaModel;
use llama_cpp_4::quantize::GgmlType;
use llama_cpp_4::token::LlamaToken;
use llama_cpp_sys_4 as sys;

use super::heads::{HeadKind, Heads};
use super::log::{backend, take_log};
use super::tap::{TapPlace, on_node};
use super::{row_index, signed};
use crate::error::Error;

/// Rows of one decode call where nothing else is said: the prompt chunk of SPEC 4.8.
pub const ROWS_MAX: usize = ogong_base::params::PROMPT_CHUNK;

/// Bytes of the buffer for copying sequences that are kept from one copy to the next.
const STATE_BYTES_KEPT: usize = 64 << 20;

/// ggml worker threads that sleep between graphs instead of spinning.
struct Threadpool(NonNull<sys::ggml_threadpool>);

impl Threadpool {
    fn new(threads: i32, poll: u32) -> Option<Self> {
        // SAFETY: the parameters are a plain struct made by llama.cpp itself; the pool copies what it needs.
        let pool = unsafe {
            let mut params = sys::ggml_threadpool_params_default(threads);
            params.poll = poll;
            sys::ggml_threadpool_new(&raw mut params)
        };
        NonNull::new(pool).map(Self)
    }
}

impl Drop for Threadpool {
    fn drop(&mut self) {
        // SAFETY: the pointer came from `ggml_threadpool_new` and is freed once; `Context` drops the llama context first.
        unsafe { sys::ggml_threadpool_free(self.0.as_ptr()) }
    }
}

/// How to build a [`Context`].
#[derive(Clone, Copy, Debug)]
pub struct ContextConfig {
    /// Tokens of one sequence.
    pub n_ctx: u32,
    /// Sequences that may live at once.
    pub sequences: u32,
    /// Threads of decoding.
    pub threads: i32,
    /// Threads of prefill.
    pub threads_batch: i32,
    /// Rows of one decode call at most, and of one computation within it.
    pub rows: u32,
    /// Rows computed together at most.
    pub rows_together: u32,
    /// Bytes on the GPU for experts that are in use; 0 is no such cache.
    pub expert_cache_bytes: usize,
    /// ggml's polling level, 0 (sleep at once) to 100.
    pub poll: u32,
    /// Flash attention on or off.
    pub flash_attention: bool,
    /// Storage type of keys.
    pub cache_type_k: GgmlType,
    /// Storage type of values.
    pub cache_type_v: GgmlType,
    /// Whether hidden states can be asked for.
    pub tap: bool,
}

impl ContextConfig {
    /// What contexts of this configuration have in common.
    fn params(&self) -> LlamaContextParams {
        let flash = if self.flash_attention { LlamaFlashAttnType::Enabled } else { LlamaFlashAttnType::Disabled };
        LlamaContextParams::default()
            .with_n_ctx(NonZeroU32::new(self.n_ctx.saturating_mul(self.sequences)))
            .with_n_seq_max(self.sequences)
            .with_n_batch(self.rows)
            .with_n_ubatch(self.rows_together)
            .with_n_threads(self.threads)
            .with_n_threads_batch(self.threads_batch)
            .with_flash_attn_type(flash)
            .with_cache_type_k(self.cache_type_k)
            .with_cache_type_v(self.cache_type_v)
            .with_pooling_type(LlamaPoolingType::None)
            .with_kv_unified(false)
            .with_embeddings(false)
            .with_no_perf(true)
    }
}

/// One row of a decode call.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The token to feed.
    pub token: u32,
    /// Its position in the sequence.
    pub position: u32,
    /// The sequence.
    pub sequence: u32,
    /// Whether the row's outputs are wanted.
    pub output: bool,
}

/// A llama.cpp context, its batch and its threads. Owned by one thread.
pub struct Context<'model> {
    // Dropped before the context that it drafts for.
    heads: Option<Heads<'model>>,
    // Dropped before the pool and the tap that it borrows.
    llama: LlamaContext<'model>,
    _pool: Option<Threadpool>,
    tap: TapPlace,
    width: usize,
    batch: LlamaBatch,
    /// The rows in it, where a drafter follows them.
    rows: Vec<Row>,
    /// A sequence's state on its way to another.
    state: Vec<u8>,
}

impl<'model> Context<'model> {
    /// Builds a context over `model`.
    ///
    /// # Errors
    /// When llama.cpp cannot allocate it.
    pub fn new(model: &'model LlamaModel, config: &ContextConfig) -> Result<Self, Error> {
        let width = usize::try_from(model.n_embd_out()).unwrap_or(0);
        let tap = TapPlace::new(width);
        let params = config.params();
        let params =
            if config.expert_cache_bytes > 0 { params.with_moe_cache_size(config.expert_cache_bytes) } else { params };
        let params = if config.tap {
            params.with_cb_eval(Some(on_node)).with_cb_eval_user_data(tap.0.as_ptr().cast())
        } else {
            params
        };
        let mut llama =
            model.new_context(backend(), params).map_err(|source| Error::Context { source, log: take_log() })?;
        let threads = config.threads.max(config.threads_batch);
        // One pool serves both: a graph uses as many of its threads as it was given.
        let pool = if threads > 1 { Threadpool::new(threads, config.poll) } else { None };
        if let Some(pool) = &pool {
            // SAFETY: the pool lives in this struct beside the context, is dropped after it, and is never handed out.
            unsafe { llama.attach_threadpool(pool.0.as_ptr(), pool.0.as_ptr()) };
        }
        let rows = usize::try_from(config.rows).unwrap_or(ROWS_MAX);
        Ok(Self {
            heads: None,
            llama,
            _pool: pool,
            tap,
            width,
            batch: LlamaBatch::new(rows, 1),
            rows: Vec::new(),
            state: Vec::new(),
        })
    }

    /// Drafts from hidden states with `model` from now on.
    ///
    /// # Errors
    /// When the drafter does not go with the model, or its context cannot be made.
    pub fn draft_with(
        &mut self,
        model: &'model LlamaModel,
        kind: HeadKind,
        config: &ContextConfig,
    ) -> Result<(), Error> {
        self.heads = Some(Heads::new(&mut self.llama, model, kind, config.params(), config.sequences)?);
        Ok(())
    }

    /// Whether hidden states are drafted from.
    pub fn drafts(&self) -> bool {
        self.heads.is_some()
    }

    /// What may follow `last`, which goes to `position` of `sequence`: at most `room` tokens.
    pub fn draft(&mut self, sequence: u32, position: u32, last: u32, room: usize) -> Vec<u32> {
        self.heads.as_mut().map(|heads| heads.draft(sequence, position, last, room)).unwrap_or_default()
    }

    /// Answers for the last draft of `sequence`, once the target has decoded it: how many of its tokens came true.
    pub fn drafted(&mut self, sequence: u32, count: usize) {
        if let Some(heads) = &mut self.heads {
            heads.accept(sequence, count);
        }
    }

    /// Runs one decode call. With `hidden` the final hidden state of every output row can be read beside its logits; rows
    /// must then be in order of their sequences, as llama.cpp computes them in that order.
    ///
    /// # Errors
    /// When llama.cpp refuses the batch or fails.
    pub fn decode(&mut self, rows: impl IntoIterator<Item = Row>, hidden: bool) -> Result<(), Error> {
        self.tap.set(hidden);
        self.batch.clear();
        self.rows.clear();
        for row in rows {
            let sequence = [signed(row.sequence)];
            self.batch.add(LlamaToken(signed(row.token)), signed(row.position), &sequence, row.output)?;
            if self.heads.is_some() {
                self.rows.push(row);
            }
        }
        self.llama.decode(&mut self.batch).map_err(|source| Error::Decode { source, log: take_log() })?;
        if let Some(heads) = &mut self.heads
            && let Err(error) = heads.follow(&self.rows)
        {
            // The answers do not need it.
            tracing::warn!(%error, "no more is drafted");
            self.heads = None;
        }
        Ok(())
    }

    /// The logits of output row `index` of the last decode call, `[n_vocab]`.
    pub fn logits(&self, index: usize) -> &[f32] {
        self.llama.get_logits_ith(row_index(index))
    }

    /// Chooses a token from output row `index` of the last decode call and tells the chain so.
    ///
    /// # Errors
    /// When no token satisfies the chain's grammar.
    pub fn sample(&mut self, chain: &mut CommonSampler, index: usize) -> Result<u32, Error> {
        let token = chain
            .sample(&mut self.llama, row_index(index), false)
            .map_err(|source| Error::Sample { source, log: take_log() })?;
        chain.accept(token, true);
        u32::try_from(token.0).map_err(|_| Error::Commit("no candidate token is left".into()))
    }

    /// The hidden state of output row `index` of the last decode call, `[n_embd]`, after the final norm.
    ///
    /// # Errors
    /// When the call did not ask for hidden states, or the model's graph does not show them.
    pub fn hidden(&self, index: usize) -> Result<&[f32], Error> {
        let start = index.saturating_mul(self.width);
        self.tap.values().get(start..start + self.width).filter(|row| !row.is_empty()).ok_or(Error::Hidden)
    }

    /// Forgets `sequence` from `position` on.
    ///
    /// # Errors
    /// When the model's memory cannot be cut there.
    pub fn truncate(&mut self, sequence: u32, position: u32) -> Result<(), Error> {
        match self.llama.clear_kv_cache_seq(Some(sequence), Some(position), None) {
            Ok(true) => {}
            _ => return Err(Error::Truncate { sequence, position }),
        }
        let Some(heads) = &mut self.heads else { return Ok(()) };
        heads.accept(sequence, 0);
        heads.cut(sequence, position)
    }

    /// Copies the state of one sequence to another and returns whether that worked; the other is empty if not.
    pub fn copy_sequence(&mut self, from: u32, to: u32) -> bool {
        // A drafter's sequence is more than its cells.
        if self.drafts() {
            let _ = self.truncate(to, 0);
            return false;
        }
        let size = self.llama.state_seq_get_size(signed(from));
        self.state.resize(size, 0);
        let written = self.llama.state_seq_get_data(&mut self.state, signed(from));
        let taken = self.state.get(..written).filter(|state| !state.is_empty());
        let read = taken.map_or(0, |state| self.llama.state_seq_set_data(state, signed(to)));
        // Long prompts make large states; what is not needed again soon is given back.
        if self.state.capacity() > STATE_BYTES_KEPT {
            self.state = Vec::new();
        }
        if read == 0 {
            let _ = self.truncate(to, 0);
        }
        read > 0
    }

    /// Moves the tokens of `sequence` at positions `from..from + length` down to `to`, over what stands between.
    ///
    /// # Errors
    /// When the model's memory cannot be cut there.
    pub fn move_down(&mut self, sequence: u32, from: u32, to: u32, length: u32) -> Result<(), Error> {
        let cut = |_| Error::Truncate { sequence, position: to };
        self.llama.clear_kv_cache_seq(Some(sequence), Some(to), Some(from)).map_err(cut)?;
        let delta = signed(to) - signed(from);
        self.llama.kv_cache_seq_add(signed(sequence), Some(from), Some(from + length), delta).map_err(cut)
    }

    /// Whether tokens can be moved at all.
    pub fn can_move(&self) -> bool {
        !self.drafts() && self.llama.memory_can_shift()
    }

    /// The first position that `sequence` still holds; models that attend to a window forget what left it.
    pub fn first_position(&self, sequence: u32) -> Option<u32> {
        u32::try_from(self.llama.memory_seq_pos_min(signed(sequence))).ok()
    }

    /// Rows computed together at most; llama.cpp ends the process where more of them see one another.
    pub(super) fn rows(&self) -> u32 {
        self.llama.n_ubatch()
    }

    /// The wrapped context; with the tap off, since rows that others feed are none of its business.
    pub(super) fn llama_mut(&mut self) -> &mut LlamaContext<'model> {
        self.tap.set(false);
        &mut self.llama
    }

    /// Tokens one sequence can hold.
    pub fn n_ctx_sequence(&self) -> u32 {
        self.llama.n_ctx_seq()
    }
}
