//! Loading: the model, its drafter and its projector, then the thread that owns the context.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use ogong_base::class::NumericClass;
use ogong_commitment::sketch::Bank;
use ogong_engine::wire::Capabilities;
use tracing::info;

use super::config::EngineConfig;
use super::{Engine, Inner};
use crate::cancel::Cancel;
use crate::class;
use crate::draft::{self, DraftModel, Drafter};
use crate::embed::Embedder;
use crate::error::Error;
use crate::metrics::Metrics;
use crate::model::Model;
use crate::queue::Queue;
use crate::raw::{self, Context, ContextConfig};
use crate::scheduler::{Parts, Scheduler};
use crate::selftest;
use crate::speculate::Method;
use crate::store::Store;
use crate::worker;

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

fn read_template(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|error| {
        Error::Config(format!(
            "chat template {} cannot be read: {error}; hint: check --chat-template-file",
            path.display()
        ))
    })
}
