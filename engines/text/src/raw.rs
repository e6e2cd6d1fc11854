//! The one home of `unsafe` in this crate: the llama.cpp context with its thread pool and its tap, and the log hook.
//!
//! The safe wrapper covers decoding and reading; what it leaves unsafe is attaching a thread pool (without one, ggml starts
//! and joins its threads once per graph), watching a tensor while a graph is computed, and the process-wide log callback.
//! All are wrapped here so that their lifetime rules hold by construction.
//!
//! The tap reads the hidden states off the graph itself. llama.cpp's own switch for them (`embeddings`) makes every prompt
//! row an output, plans its graphs anew at each toggle, and decodes one sequence at a time, which undoes batching.

use std::ffi::{CStr, CString, c_char, c_void};
use std::num::NonZeroU32;
use std::path::Path;
use std::ptr::NonNull;
use std::sync::{Mutex, OnceLock, PoisonError};

use llama_cpp_4::common_sampler::CommonSampler;
use llama_cpp_4::context::LlamaContext;
use llama_cpp_4::context::params::{LlamaContextParams, LlamaFlashAttnType, LlamaPoolingType};
use llama_cpp_4::llama_backend::LlamaBackend;
use llama_cpp_4::llama_batch::LlamaBatch;
use llama_cpp_4::model::LlamaModel;
use llama_cpp_4::quantize::GgmlType;
use llama_cpp_4::token::LlamaToken;
use llama_cpp_sys_4 as sys;

use crate::error::Error;
use crate::placement::{ExpertsInRam, Placement, Reading, Split};

/// Rows of one decode call where nothing else is said: the prompt chunk of SPEC 4.8.
pub const ROWS_MAX: usize = ogong_base::params::PROMPT_CHUNK;

/// Bytes of the buffer for copying sequences that are kept from one copy to the next.
const STATE_BYTES_KEPT: usize = 64 << 20;

/// Bytes of llama.cpp's error log kept for the next error message.
const LOG_BYTES_MAX: usize = 4096;

static LOG: Mutex<String> = Mutex::new(String::new());

/// The process-wide backend; llama.cpp allows one.
pub fn backend() -> &'static LlamaBackend {
    static BACKEND: OnceLock<LlamaBackend> = OnceLock::new();
    BACKEND.get_or_init(|| {
        // SAFETY: `on_log` is a static function that never unwinds and takes no user data, so it stays callable from any
        // thread for the rest of the process.
        unsafe { llama_cpp_4::log_set(Some(on_log), std::ptr::null_mut()) };
        LlamaBackend::init().expect("invariant: only this function initialises the backend")
    })
}

/// Takes what llama.cpp reported as errors since the last call.
pub fn take_log() -> String {
    let mut log = LOG.lock().unwrap_or_else(PoisonError::into_inner);
    std::mem::take(&mut *log).trim().to_owned()
}

unsafe extern "C" fn on_log(level: sys::ggml_log_level, text: *const c_char, _data: *mut c_void) {
    if text.is_null() {
        return;
    }
    // SAFETY: llama.cpp passes a NUL-terminated string that lives for the duration of the call.
    let text = unsafe { CStr::from_ptr(text) }.to_string_lossy();
    let line = text.trim();
    if line.is_empty() {
        return;
    }
    match level {
        sys::GGML_LOG_LEVEL_ERROR => {
            tracing::debug!(target: "llama", "{line}");
            let mut log = LOG.lock().unwrap_or_else(PoisonError::into_inner);
            if log.len() + line.len() < LOG_BYTES_MAX {
                if !log.is_empty() {
                    log.push_str("; ");
                }
                log.push_str(line);
            }
        }
        sys::GGML_LOG_LEVEL_WARN => tracing::debug!(target: "llama", "{line}"),
        _ => tracing::trace!(target: "llama", "{line}"),
    }
}

/// A device that weights can go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// ggml's short name, e.g. `CUDA0`.
    pub name: String,
    /// What it is.
    pub description: String,
    /// Bytes that are free.
    pub free_bytes: u64,
    /// Bytes in all.
    pub total_bytes: u64,
}

/// The GPUs that this build sees.
pub fn gpus() -> Vec<Device> {
    backend();
    // SAFETY: ggml's registry of devices is made once by the backend and never changes; indices below its count are valid, and
    // the strings are its own for the rest of the process.
    unsafe {
        (0..sys::ggml_backend_dev_count())
            .map(|index| sys::ggml_backend_dev_get(index))
            .filter(|device| {
                let kind = sys::ggml_backend_dev_type(*device);
                kind == sys::GGML_BACKEND_DEVICE_TYPE_GPU || kind == sys::GGML_BACKEND_DEVICE_TYPE_IGPU
            })
            .map(|device| {
                let (mut free, mut total) = (0usize, 0usize);
                sys::ggml_backend_dev_memory(device, &raw mut free, &raw mut total);
                Device {
                    name: CStr::from_ptr(sys::ggml_backend_dev_name(device)).to_string_lossy().into_owned(),
                    description: CStr::from_ptr(sys::ggml_backend_dev_description(device))
                        .to_string_lossy()
                        .into_owned(),
                    free_bytes: free as u64,
                    total_bytes: total as u64,
                }
            })
            .collect()
    }
}

/// What a model's parameters point at; kept as long as the model.
#[derive(Debug)]
pub struct ModelParts {
    _shares: Vec<f32>,
    _patterns: Vec<CString>,
    _overrides: Overrides,
}

struct Overrides(Vec<sys::llama_model_tensor_buft_override>);

// SAFETY: the pointers in it are to the patterns beside it and to a static buffer type; nobody writes through them.
unsafe impl Send for Overrides {}
// SAFETY: as above.
unsafe impl Sync for Overrides {}

impl std::fmt::Debug for Overrides {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Overrides").field(&self.0.len()).finish()
    }
}

/// Loads the model at `path` with its weights where `placement` says; further shards are found beside it.
///
/// # Errors
/// When llama.cpp cannot load it; its own words are in the error.
pub fn load_model(path: &Path, placement: &Placement) -> Result<(LlamaModel, ModelParts), Error> {
    backend();
    let failed = |log: String| Error::ModelLoad { path: path.to_owned(), log };
    let name = CString::new(path.as_os_str().as_encoded_bytes()).map_err(|_| failed("its name holds a NUL".into()))?;
    let patterns: Vec<CString> = expert_patterns(placement.experts_in_ram)
        .into_iter()
        .map(|pattern| CString::new(pattern).expect("invariant: patterns hold no NUL"))
        .collect();
    // SAFETY: the buffer type is a static of ggml's.
    let in_ram = unsafe { sys::ggml_backend_cpu_buffer_type() };
    let of_pattern =
        |pattern: &CString| sys::llama_model_tensor_buft_override { pattern: pattern.as_ptr(), buft: in_ram };
    let end = sys::llama_model_tensor_buft_override { pattern: std::ptr::null(), buft: std::ptr::null_mut() };
    let overrides: Vec<_> = patterns.iter().map(of_pattern).chain([end]).collect();
    // SAFETY: a number; llama.cpp reads as many shares.
    let devices_max = unsafe { sys::llama_max_devices() };
    let mut shares = placement.shares.clone();
    shares.resize(devices_max.max(shares.len()), 0.0);
    // SAFETY: a plain struct that llama.cpp fills.
    let mut params = unsafe { sys::llama_model_default_params() };
    params.n_gpu_layers = placement.n_gpu_layers.map_or(-1, |layers| i32::try_from(layers).unwrap_or(i32::MAX));
    params.split_mode = match placement.split {
        Split::None => sys::LLAMA_SPLIT_MODE_NONE,
        Split::Layer => sys::LLAMA_SPLIT_MODE_LAYER,
        Split::Row => sys::LLAMA_SPLIT_MODE_ROW,
        Split::Tensor => sys::LLAMA_SPLIT_MODE_TENSOR,
    };
    params.main_gpu = i32::try_from(placement.main_gpu).unwrap_or(i32::MAX);
    params.load_mode = match placement.reading {
        Reading::Auto => sys::LLAMA_LOAD_MODE_AUTO,
        Reading::Whole => sys::LLAMA_LOAD_MODE_NONE,
        Reading::Locked => sys::LLAMA_LOAD_MODE_MMAP_MLOCK,
    };
    if !placement.shares.is_empty() {
        params.tensor_split = shares.as_ptr();
    }
    if !patterns.is_empty() {
        params.tensor_buft_overrides = overrides.as_ptr();
    }
    take_log();
    // SAFETY: `name` is a NUL-terminated string, and what the parameters point at lives beyond the call.
    let model = unsafe { sys::llama_model_load_from_file(name.as_ptr(), params) };
    let Some(model) = NonNull::new(model) else {
        let log = take_log();
        return Err(failed(if log.is_empty() { "llama.cpp does not say why".into() } else { log }));
    };
    // SAFETY: `LlamaModel` is `repr(transparent)` over this very pointer and takes ownership of the model; the wrapper itself
    // offers no way to load with these parameters.
    let model = unsafe { std::mem::transmute::<NonNull<sys::llama_model>, LlamaModel>(model) };
    Ok((model, ModelParts { _shares: shares, _patterns: patterns, _overrides: Overrides(overrides) }))
}

/// Regular expressions over the names of experts' tensors. Source: llama.cpp's `common.h`.
fn expert_patterns(experts: ExpertsInRam) -> Vec<String> {
    const EXPERTS: &str = r"\.ffn_(up|down|gate|gate_up)_(ch|)exps";
    match experts {
        ExpertsInRam::None => Vec::new(),
        ExpertsInRam::First(layers) => (0..layers).map(|layer| format!(r"blk\.{layer}{EXPERTS}")).collect(),
        ExpertsInRam::All => vec![EXPERTS.to_owned()],
    }
}

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

/// llama.cpp's name of the tensor that goes into the LM head: the last hidden states after the final norm (SPEC 3.5).
const HIDDEN_TENSOR: &[u8; 12] = b"result_norm\0";

/// Copies [`HIDDEN_TENSOR`] out of each graph while it is on. Rows are those with outputs, in the batch's order.
#[derive(Debug)]
struct Tap {
    on: bool,
    width: usize,
    values: Vec<f32>,
}

/// The heap place of a [`Tap`] that llama.cpp knows too; never moved, reached through the pointer only.
struct TapPlace(NonNull<Tap>);

impl TapPlace {
    fn new(width: usize) -> Self {
        Self(NonNull::from(Box::leak(Box::new(Tap { on: false, width, values: Vec::new() }))))
    }

    /// Sets the tap for the next decode call.
    fn set(&mut self, on: bool) {
        // SAFETY: the place lives as long as `self`, and ggml uses it only within a decode call, which borrows the context
        // mutably and so excludes this.
        let tap = unsafe { self.0.as_mut() };
        tap.on = on;
        tap.values.clear();
    }

    fn values(&self) -> &[f32] {
        // SAFETY: as in `set`; a shared borrow of the context excludes a decode call.
        unsafe { &self.0.as_ref().values }
    }
}

impl Drop for TapPlace {
    fn drop(&mut self) {
        // SAFETY: the pointer came from a leaked box and is freed once; `Context` drops the llama context first.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

/// Called by ggml for every node of a graph: first to ask whether the node is wanted, then, if so, once it is computed.
unsafe extern "C" fn on_node(tensor: *mut sys::ggml_tensor, ask: bool, tap: *mut c_void) -> bool {
    // SAFETY: the pointer is the `TapPlace` of the context that decodes; nothing else refers to the tap meanwhile.
    let tap = unsafe { &mut *tap.cast::<Tap>() };
    if !tap.on {
        return !ask;
    }
    // SAFETY: ggml passes a live tensor.
    let (name, kind, ne) = unsafe { (&(*tensor).name, (*tensor).type_, (*tensor).ne) };
    let wanted = name.iter().zip(HIDDEN_TENSOR).all(|(a, b)| *a as u8 == *b);
    if ask || !wanted {
        return wanted || !ask;
    }
    let (Ok(width), Ok(rows)) = (usize::try_from(ne[0]), usize::try_from(ne[1])) else { return true };
    if kind == sys::GGML_TYPE_F32 && width == tap.width {
        let start = tap.values.len();
        tap.values.resize(start + width * rows, 0.0);
        let target = tap.values[start..].as_mut_ptr();
        // SAFETY: the target holds `width * rows` floats, and the tensor is a contiguous matrix of as many.
        unsafe { sys::ggml_backend_tensor_get(tensor, target.cast(), 0, width * rows * size_of::<f32>()) };
    }
    true
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
    // Dropped before the pool and the tap that it borrows.
    llama: LlamaContext<'model>,
    _pool: Option<Threadpool>,
    tap: TapPlace,
    width: usize,
    batch: LlamaBatch,
    /// A sequence's state on its way to another.
    state: Vec<u8>,
}

impl<'model> Context<'model> {
    /// Builds a context over `model`.
    ///
    /// # Errors
    /// When llama.cpp cannot allocate it.
    pub fn new(model: &'model LlamaModel, config: &ContextConfig) -> Result<Self, Error> {
        let tokens = config.n_ctx.saturating_mul(config.sequences);
        let width = usize::try_from(model.n_embd_out()).unwrap_or(0);
        let tap = TapPlace::new(width);
        let flash = if config.flash_attention { LlamaFlashAttnType::Enabled } else { LlamaFlashAttnType::Disabled };
        let params = LlamaContextParams::default()
            .with_n_ctx(NonZeroU32::new(tokens))
            .with_n_seq_max(config.sequences)
            .with_n_batch(config.rows)
            .with_n_ubatch(config.rows_together)
            .with_n_threads(config.threads)
            .with_n_threads_batch(config.threads_batch)
            .with_flash_attn_type(flash)
            .with_cache_type_k(config.cache_type_k)
            .with_cache_type_v(config.cache_type_v)
            .with_pooling_type(LlamaPoolingType::None)
            .with_kv_unified(false)
            .with_embeddings(false)
            .with_no_perf(true);
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
        Ok(Self { llama, _pool: pool, tap, width, batch: LlamaBatch::new(rows, 1), state: Vec::new() })
    }

    /// Runs one decode call. With `hidden` the final hidden state of every output row can be read beside its logits; rows
    /// must then be in order of their sequences, as llama.cpp computes them in that order.
    ///
    /// # Errors
    /// When llama.cpp refuses the batch or fails.
    pub fn decode(&mut self, rows: impl IntoIterator<Item = Row>, hidden: bool) -> Result<(), Error> {
        self.tap.set(hidden);
        self.batch.clear();
        for row in rows {
            let sequence = [signed(row.sequence)];
            self.batch.add(LlamaToken(signed(row.token)), signed(row.position), &sequence, row.output)?;
        }
        self.llama.decode(&mut self.batch).map_err(|source| Error::Decode { source, log: take_log() })
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
            Ok(true) => Ok(()),
            _ => Err(Error::Truncate { sequence, position }),
        }
    }

    /// Copies the state of one sequence to another and returns whether that worked; the other is empty if not.
    pub fn copy_sequence(&mut self, from: u32, to: u32) -> bool {
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
        self.llama.memory_can_shift()
    }

    /// The first position that `sequence` still holds; models that attend to a window forget what left it.
    pub fn first_position(&self, sequence: u32) -> Option<u32> {
        u32::try_from(self.llama.memory_seq_pos_min(signed(sequence))).ok()
    }

    /// Tokens one sequence can hold.
    pub fn n_ctx_sequence(&self) -> u32 {
        self.llama.n_ctx_seq()
    }
}

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

/// Token ids, positions and sequences stay far below `i32::MAX`; larger ones would be refused by llama.cpp.
fn signed(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

fn row_index(index: usize) -> i32 {
    i32::try_from(index).expect("invariant: a batch holds few rows")
}
