//! The engine as a library: load a model, generate (plainly or committed), score. The HTTP front uses this and nothing else.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use bytes::Bytes;
use llama_cpp_4::context::params::LlamaPoolingType;
use llama_cpp_4::quantize::GgmlType;
use ogong_base::class::NumericClass;
use ogong_base::hash::ReplyId;
use ogong_commitment::builder::Trajectory;
use ogong_commitment::sketch::Bank;
use ogong_engine::wire::{Capabilities, OrderLimits, ScoreReply, ScoreRequest};
use tokio::sync::{mpsc, oneshot};
use tracing::{info, warn};

use crate::cancel::Cancel;
use crate::class;
use crate::draft::{self, DraftModel, Drafter};
use crate::embed::{Embedder, Vectors};
use crate::error::{Error, RequestError};
use crate::metrics::{Gauges, Metrics};
use crate::model::Model;
use crate::placement::{Placement, Split};
use crate::queue::Queue;
use crate::raw::{Context, ContextConfig, EmbeddingConfig};
use crate::request::{self, Generate, How, Prepared};
use crate::scheduler::{Parts, Scheduler};
use crate::score::PendingScore;
use crate::selftest;
use crate::slot::{Done, Event, Pending};
use crate::speculate::Method;
use crate::store::{Committed, Store};
use crate::{plain, raw, worker};

/// Requests served at once at most: llama.cpp holds 256 sequences, one of them for scores.
pub const PARALLEL_MAX: u32 = 255;
/// Tokens of one slot where nobody says otherwise.
const N_CTX_DEFAULT: u32 = 8192;
/// The prompt chunk of SPEC 4.8.
const CHUNK: u32 = ogong_base::params::PROMPT_CHUNK as u32;
/// llama.cpp rounds the tokens of a sequence up to this.
const N_CTX_STEP: u32 = 256;

/// How to run an engine.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// The model's first (or only) file.
    pub model: PathBuf,
    /// The name to give the model; the file's stem if absent.
    pub alias: Option<String>,
    /// Tokens of one slot, cut to what the model was trained for.
    pub n_ctx: u32,
    /// Requests served at once.
    pub parallel: u32,
    /// Threads.
    pub threads: u32,
    /// Threads for prompts; as many if absent.
    pub threads_batch: Option<u32>,
    /// Tokens of a prompt computed in one call; fixed where replies can be committed or scored (SPEC 4.8).
    pub batch: Option<u32>,
    /// Of these, tokens computed together; all if absent.
    pub batch_together: Option<u32>,
    /// Where the weights go.
    pub placement: Placement,
    /// Machines that take part of the model, `host:port` each.
    pub workers: Vec<String>,
    /// Expert slots of a layer on the GPU, for mixtures larger than its memory.
    pub moe_cache_slots: Option<u32>,
    /// How plain answers are drafted.
    pub speculation: Method,
    /// The model that drafts, where the method needs one.
    pub draft_model: Option<PathBuf>,
    /// What turns images into rows for the model.
    pub mmproj: Option<PathBuf>,
    /// A file with a chat template to use in place of the model's own.
    pub chat_template: Option<PathBuf>,
    /// ggml's polling level.
    pub poll: u32,
    /// Flash attention; exact mode needs it.
    pub flash_attention: bool,
    /// Storage type of keys.
    pub cache_type_k: GgmlType,
    /// Storage type of values.
    pub cache_type_v: GgmlType,
    /// Whether replies may be committed.
    pub commit: bool,
    /// Whether only plain requests are served: nothing is committed or scored, which saves a sequence, the hash over the files
    /// and the self-test.
    pub plain: bool,
    /// Tokens in a row that are worth moving to where a prompt has them, in plain requests; 0 is never.
    pub cache_reuse: u32,
    /// How embeddings are pooled; as the model's file says if absent.
    pub pooling: Option<LlamaPoolingType>,
    /// Whether only embeddings are served, as models are that generate no text.
    pub embeddings_only: bool,
}

impl EngineConfig {
    /// The defaults for `model`: four slots of 8192 tokens, f16 cache, flash attention, all of this machine's cores.
    pub fn new(model: impl Into<PathBuf>) -> Self {
        Self {
            model: model.into(),
            alias: None,
            n_ctx: N_CTX_DEFAULT,
            parallel: 4,
            threads: default_threads(),
            threads_batch: None,
            batch: None,
            batch_together: None,
            placement: Placement::default(),
            workers: Vec::new(),
            moe_cache_slots: None,
            speculation: Method::None,
            draft_model: None,
            mmproj: None,
            chat_template: None,
            poll: 1,
            flash_attention: true,
            cache_type_k: GgmlType::F16,
            cache_type_v: GgmlType::F16,
            commit: true,
            plain: false,
            cache_reuse: 256,
            pooling: None,
            embeddings_only: false,
        }
    }

    fn context(&self, model: &Model) -> Result<ContextConfig, Error> {
        let within = |name: &str, value: u32, max: u32| {
            if (1..=max).contains(&value) {
                Ok(())
            } else {
                Err(Error::Config(format!("{name} must be 1 to {max}, is {value}")))
            }
        };
        within("--parallel", self.parallel, PARALLEL_MAX)?;
        within("--threads", self.threads, 512)?;
        if self.n_ctx != 0 {
            within("--n-ctx", self.n_ctx, 1 << 22)?;
        }
        let threads_batch = self.threads_batch.unwrap_or(self.threads);
        within("--threads-batch", threads_batch, 512)?;
        let rows = self.batch.unwrap_or(CHUNK);
        within("--batch-size", rows, 1 << 16)?;
        let rows_together = self.batch_together.unwrap_or(rows).min(rows);
        within("--ubatch-size", rows_together, rows)?;
        self.check_together(rows, rows_together, threads_batch)?;
        Ok(ContextConfig {
            n_ctx: self.n_ctx_of(model).next_multiple_of(N_CTX_STEP),
            // The last one is for scores.
            sequences: self.parallel + u32::from(!self.plain),
            tap: !self.plain,
            threads: i32::try_from(self.threads).unwrap_or(1),
            threads_batch: i32::try_from(threads_batch).unwrap_or(1),
            rows,
            rows_together,
            expert_cache_bytes: self.expert_cache_bytes(model),
            poll: self.poll.min(100),
            flash_attention: self.flash_attention,
            cache_type_k: self.cache_type_k,
            cache_type_v: self.cache_type_v,
        })
    }
}

impl EngineConfig {
    /// Refuses what does not go together.
    fn check_together(&self, rows: u32, rows_together: u32, threads_batch: u32) -> Result<(), Error> {
        let wrong = |why: &str| Err(Error::Config(why.to_owned()));
        if self.plain && self.commit {
            return wrong("--plain serves nothing that --commit is for; hint: leave one out");
        }
        let fixed = (rows, rows_together, threads_batch) == (CHUNK, CHUNK, self.threads);
        if !self.plain && !fixed {
            return wrong(
                "--batch-size, --ubatch-size and --threads-batch are fixed where replies are committed or scored; hint: --plain",
            );
        }
        if self.commit && self.chat_template.is_some() {
            return wrong("a chat template other than the model's own cannot be committed; hint: leave out --commit");
        }
        match (self.speculation, &self.draft_model) {
            (Method::Draft | Method::Eagle3 | Method::OfDrafter, None) => {
                return wrong(
                    "draft-simple and draft-eagle3 need a draft model; hint: --model-draft FILE, or --spec-type ngram-simple",
                );
            }
            (Method::NgramSimple | Method::NgramMap | Method::None, Some(_)) => {
                return wrong("a draft model does not go with this --spec-type; hint: leave one out");
            }
            _ => {}
        }
        self.check_heads(self.speculation)?;
        let quantised = |kind| matches!(kind, GgmlType::Q8_0 | GgmlType::Q4_0);
        if quantised(self.cache_type_k) || quantised(self.cache_type_v) {
            if !self.flash_attention {
                return wrong("a quantised KV cache needs flash attention; hint: --flash-attn on");
            }
            if self.placement.split == Split::Tensor {
                return wrong("a quantised KV cache cannot be split by tensors; hint: --split-mode layer, or f16");
            }
        }
        Ok(())
    }

    /// Refuses drafting from hidden states where something else needs them.
    fn check_heads(&self, method: Method) -> Result<(), Error> {
        let wrong = |why: &str| Err(Error::Config(why.to_owned()));
        if method.heads().is_some() && !self.plain {
            return wrong(
                "draft-mtp and draft-eagle3 are for plain requests only; hint: --plain, or --spec-type ngram-simple",
            );
        }
        if method.heads().is_some() && self.mmproj.is_some() {
            return wrong("draft-mtp and draft-eagle3 cannot follow images; hint: leave out --mmproj or --spec-type");
        }
        Ok(())
    }

    /// Bytes of the cache for experts; none, said plainly, where there is no GPU or nothing to cache.
    fn expert_cache_bytes(&self, model: &Model) -> usize {
        let Some(slots) = self.moe_cache_slots.filter(|slots| *slots > 0) else { return 0 };
        if raw::gpus().is_empty() {
            warn!("the expert cache needs a GPU and this build sees none: experts are read through the file's mapping");
            return 0;
        }
        let experts = usize::try_from(model.llama().n_expert()).unwrap_or(0);
        if experts == 0 {
            warn!("the model is no mixture of experts: the expert cache is left out");
            return 0;
        }
        // Nearly all of a mixture's weights are its experts'.
        let of_layer = usize::try_from(model.llama().model_size()).unwrap_or(usize::MAX) / experts;
        of_layer.saturating_mul(usize::try_from(slots).unwrap_or(1).min(experts))
    }

    /// Tokens of one slot: what was asked for, as far as the model was trained for it; 0 is all of that.
    fn n_ctx_of(&self, model: &Model) -> u32 {
        match (self.n_ctx, model.n_ctx_train) {
            (0, 0) => N_CTX_DEFAULT,
            (0, trained) => trained,
            (asked, 0) => asked,
            (asked, trained) => asked.min(trained),
        }
    }

    fn embedding(&self, model: &Model, context: &ContextConfig) -> EmbeddingConfig {
        let own = if model.embeds() { LlamaPoolingType::Unspecified } else { LlamaPoolingType::Last };
        EmbeddingConfig {
            n_ctx: self.n_ctx_of(model),
            threads: context.threads,
            flash_attention: (!self.flash_attention).then_some(false),
            pooling: self.pooling.unwrap_or(own),
        }
    }
}

/// What the engine's thread has made before it serves.
struct Ready<'model> {
    context: Context<'model>,
    bank: Bank,
    class: NumericClass,
    /// Whether hidden states can be read.
    hidden: bool,
}

/// What the engine's thread and its callers share.
#[derive(Clone)]
struct Loaded {
    model: Arc<Model>,
    method: Method,
    draft: Option<Arc<DraftModel>>,
    queue: Arc<Queue>,
    store: Arc<Store>,
    metrics: Arc<Metrics>,
}

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
    /// Loads the model, runs the self-test and starts serving. Blocks until ready.
    ///
    /// # Errors
    /// When the configuration, the model or the context cannot be.
    pub fn load(config: &EngineConfig) -> Result<Self, Error> {
        Self::load_unless(config, &Cancel::default())
    }

    /// [`Engine::load`] that can be given up.
    ///
    /// # Errors
    /// As [`Engine::load`], or [`Error::Stopped`] when given up.
    pub fn load_unless(config: &EngineConfig, cancel: &Cancel) -> Result<Self, Error> {
        worker::add(&config.workers)?;
        config.placement.check(raw::gpus().len())?;
        let template = config.chat_template.as_deref().map(read_template).transpose()?;
        let own_heads = config.speculation == Method::Mtp && config.draft_model.is_none();
        let (rooted, template) = (!config.plain, template.as_deref());
        let mut model = Model::load(&config.model, &config.placement, template, rooted, own_heads, cancel)?;
        if let Some(path) = &config.mmproj {
            model.load_projector(path, config.threads, config.placement.n_gpu_layers != Some(0))?;
        }
        let model = Arc::new(model);
        let context = config.context(&model)?;
        let metrics = Arc::new(Metrics::default());
        let embedder = Embedder::new(Arc::clone(&model), config.embedding(&model, &context), Arc::clone(&metrics));
        if config.speculation != Method::None && (model.llama().is_recurrent() || model.llama().is_hybrid()) {
            return Err(Error::Config("this model cannot take tokens back, so nothing can be drafted for it".into()));
        }
        if own_heads && !draft::has_heads(&model) {
            return Err(Error::Config(
                "the model's file has no heads for multi-token prediction; hint: --model-draft FILE, or --spec-type \
                 ngram-simple, which needs none"
                    .into(),
            ));
        }
        let load = |path| DraftModel::load(path, &model, config.speculation);
        let draft = config.draft_model.as_deref().map(load).transpose()?;
        let method = draft.as_ref().map_or(config.speculation, DraftModel::method);
        config.check_heads(method)?;
        let parts =
            Loaded { model, method, draft: draft.map(Arc::new), queue: Arc::default(), store: Arc::default(), metrics };
        let generates = !config.embeddings_only && parts.model.generates();
        let (class, hidden, thread) = if generates {
            let (class, hidden, thread) = Self::start(config, &context, &parts, cancel)?;
            (class, hidden, Some(thread))
        } else {
            embedder.begin()?;
            (class::numeric_class(&parts.model, &context, false), false, None)
        };
        let Loaded { model, queue, store, metrics, .. } = parts;
        let stem = config.model.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let capabilities = Capabilities {
            engine: class.engine.clone(),
            model: config.alias.clone().or(stem).unwrap_or_default(),
            model_root: model.root(),
            n_ctx: config.n_ctx_of(&model).min(context.n_ctx),
            n_vocab: model.n_vocab,
            commit: config.commit && generates,
            score: hidden && !config.plain,
            exact: class.exact,
            slots: config.parallel,
            class,
        };
        info!(model = %capabilities.model, root = %capabilities.model_root, exact = capabilities.exact, "model loaded");
        let thread = Mutex::new(thread);
        let inner = Inner { model, queue, store, metrics, embedder, generates, capabilities, thread };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Starts the thread that owns the context; returns its class and whether hidden states can be read.
    fn start(
        config: &EngineConfig,
        context: &ContextConfig,
        parts: &Loaded,
        cancel: &Cancel,
    ) -> Result<(NumericClass, bool, JoinHandle<()>), Error> {
        let (ready, started) = std::sync::mpsc::channel();
        let context_rows = context.rows;
        let thread = std::thread::Builder::new().name("llama".into()).spawn({
            let (parts, config, context, cancel) = (parts.clone(), config.clone(), *context, cancel.clone());
            move || match Self::prepare(&parts.model, &context, &cancel) {
                Ok(Ready { hidden: false, .. }) if config.commit => {
                    let _ = ready.send(Err(Error::Hidden));
                }
                Ok(Ready { context: main, bank, class, hidden }) => {
                    let Loaded { model, method, draft, queue, store, metrics } = &parts;
                    let mut main = main;
                    let drafter = match drafter(&mut main, model, *method, draft.as_deref(), &context) {
                        Ok(drafter) => drafter,
                        Err(error) => {
                            let _ = ready.send(Err(error));
                            return;
                        }
                    };
                    // The loader waits for this message and cannot be gone.
                    let _ = ready.send(Ok((class.clone(), hidden)));
                    Scheduler::new(Parts {
                        context: main,
                        speculation: *method,
                        drafter,
                        bank,
                        model,
                        class,
                        slots: config.parallel,
                        queue: Arc::clone(queue),
                        store: Arc::clone(store),
                        metrics: Arc::clone(metrics),
                        cache_reuse: config.cache_reuse,
                        chunk: usize::try_from(context_rows).unwrap_or(1),
                    })
                    .run();
                }
                Err(error) => {
                    let _ = ready.send(Err(error));
                }
            }
        });
        let thread = thread.map_err(|error| Error::Config(format!("engine thread cannot be started: {error}")))?;
        let (class, hidden) = started.recv().map_err(|_| Error::Stopped)??;
        Ok((class, hidden, thread))
    }

    fn prepare<'model>(model: &'model Model, config: &ContextConfig, cancel: &Cancel) -> Result<Ready<'model>, Error> {
        let bank = Bank::new(model.n_embd).map_err(|error| Error::Commit(error.to_string()))?;
        let mut context = Context::new(model.llama(), config)?;
        if !config.tap {
            return Ok(Ready { context, bank, class: class::numeric_class(model, config, false), hidden: false });
        }
        let spare = config.sequences - 1;
        let hidden = selftest::shows_hidden(&mut context, spare)?;
        let exact = hidden && selftest::is_exact(&mut context, model, spare, config.threads, cancel)?;
        Ok(Ready { context, bank, class: class::numeric_class(model, config, exact), hidden })
    }

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

/// Sets up drafting by `method`: beside the context, or in one of its own.
fn drafter<'model>(
    context: &mut Context<'model>,
    model: &'model Model,
    method: Method,
    draft: Option<&'model DraftModel>,
    config: &ContextConfig,
) -> Result<Option<Drafter<'model>>, Error> {
    match (method.heads(), draft) {
        (Some(kind), draft) => {
            context.draft_with(draft.map_or(model.llama(), DraftModel::llama), kind, config)?;
            Ok(None)
        }
        (None, Some(draft)) => Drafter::new(draft, config).map(Some),
        (None, None) => Ok(None),
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

fn read_template(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|error| {
        Error::Config(format!(
            "chat template {} cannot be read: {error}; hint: check --chat-template-file",
            path.display()
        ))
    })
}

/// The largest capacity that tokio's channel takes.
fn mpsc_room_max() -> usize {
    tokio::sync::Semaphore::MAX_PERMITS
}

/// Physical cores, as far as the machine says: two ggml threads on one core are slower than one.
pub fn default_threads() -> u32 {
    let logical = std::thread::available_parallelism().map_or(1, usize::from);
    let mut cores = std::collections::BTreeSet::new();
    for cpu in 0..logical {
        let path = format!("/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list");
        cores.insert(std::fs::read_to_string(path).unwrap_or_else(|_| cpu.to_string()));
    }
    u32::try_from(cores.len().clamp(1, logical)).unwrap_or(1)
}
