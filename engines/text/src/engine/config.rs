//! How to run an engine, and what does not go together.

use std::path::PathBuf;

use llama_cpp_4::context::params::LlamaPoolingType;
use llama_cpp_4::quantize::GgmlType;
use tracing::warn;

use crate::error::Error;
use crate::model::Model;
use crate::placement::{Placement, Split};
use crate::raw::{self, ContextConfig, EmbeddingConfig};
use crate::speculate::Method;

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

    pub(super) fn context(&self, model: &Model) -> Result<ContextConfig, Error> {
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
    pub(super) fn check_heads(&self, method: Method) -> Result<(), Error> {
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
    pub(super) fn n_ctx_of(&self, model: &Model) -> u32 {
        match (self.n_ctx, model.n_ctx_train) {
            (0, 0) => N_CTX_DEFAULT,
            (0, trained) => trained,
            (asked, 0) => asked,
            (asked, trained) => asked.min(trained),
        }
    }

    pub(super) fn embedding(&self, model: &Model, context: &ContextConfig) -> EmbeddingConfig {
        let own = if model.embeds() { LlamaPoolingType::Unspecified } else { LlamaPoolingType::Last };
        EmbeddingConfig {
            n_ctx: self.n_ctx_of(model),
            threads: context.threads,
            flash_attention: (!self.flash_attention).then_some(false),
            pooling: self.pooling.unwrap_or(own),
        }
    }
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
