//! Drafters in files of their own, and drafting with a small model of the same vocabulary: it runs ahead greedily for as long
//! as it is sure of itself.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use llama_cpp_4::model::{LlamaModel, Special};
use llama_cpp_4::token::LlamaToken;
use tracing::info;

use crate::error::Error;
use crate::model::Model;
use crate::placement::Placement;
use crate::raw::{self, Context, ContextConfig, Row};
use crate::speculate::Method;

/// A drafted token's probability at least: below it, the draft ends.
const SURE: f64 = 0.6;

/// Bytes of a file's head that are looked through at most, and at once.
const HEAD_BYTES_MAX: u64 = 64 << 20;
const BLOCK_BYTES: u64 = 1 << 20;

/// Architectures whose layers llama.cpp shows to a drafter; of others it would end the process. Source: `t_layer_inp` in its
/// graphs.
const SHOWN_LAYERS: [&str; 8] = ["llama", "qwen3", "qwen3moe", "gpt-oss", "gemma4", "granite", "mimo2", "minimax-m2"];

/// A loaded drafter.
#[derive(Debug)]
pub struct DraftModel {
    llama: LlamaModel,
    method: Method,
    _parts: raw::ModelParts,
}

impl DraftModel {
    /// Loads the drafter at `path` for `target`, to draft by `method`.
    ///
    /// # Errors
    /// When it cannot be loaded, or does not go with the target.
    pub fn load(path: &Path, target: &Model, method: Method) -> Result<Self, Error> {
        let (llama, parts) = raw::load_model(path, &Placement::default(), true)?;
        let method = if method == Method::OfDrafter { method_of(path, &llama) } else { method };
        check(&llama, target, method).map_err(|why| Error::Config(format!("draft model {} {why}", path.display())))?;
        info!(drafter = %path.display(), ?method, "drafting ahead");
        Ok(Self { llama, method, _parts: parts })
    }

    /// The wrapped model.
    pub fn llama(&self) -> &LlamaModel {
        &self.llama
    }

    /// How it drafts.
    pub fn method(&self) -> Method {
        self.method
    }
}

/// What a drafter was made for, by its file: EAGLE-3 names the layers that it reads, and heads for multi-token prediction are
/// published as `mtp-*.gguf`. Any other is a small model.
fn method_of(path: &Path, llama: &LlamaModel) -> Method {
    let named = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("mtp-"));
    match (raw::layers_read(llama).is_empty(), named) {
        (false, _) => Method::Eagle3,
        (true, true) => Method::Mtp,
        (true, false) => Method::Draft,
    }
}

/// Refuses a drafter that does not go with `target`; llama.cpp would end the process.
fn check(llama: &LlamaModel, target: &Model, method: Method) -> Result<(), String> {
    let of_target = target.llama();
    match method {
        Method::Mtp if llama.n_layer_nextn() < 1 && of_architecture(llama) == of_architecture(of_target) => {
            Err("has no heads for multi-token prediction; hint: --spec-type draft-simple".into())
        }
        Method::Mtp if llama.n_embd_out() != of_target.n_embd_out() => {
            Err("has states of another width than the model's; hint: take the one that was made for it".into())
        }
        Method::Mtp => Ok(()),
        Method::Eagle3 => check_eagle3(llama, of_target),
        _ if !same_vocabulary(llama, target) => {
            Err("has another vocabulary than the model; hint: take a small model of the same family".into())
        }
        _ if llama.is_recurrent() || llama.is_hybrid() => Err("cannot take tokens back".into()),
        _ => Ok(()),
    }
}

fn check_eagle3(llama: &LlamaModel, target: &LlamaModel) -> Result<(), String> {
    let architecture = of_architecture(target);
    if !SHOWN_LAYERS.contains(&architecture.as_str()) {
        return Err(format!(
            "reads layers that llama.cpp does not show of {architecture}; hint: --spec-type draft-simple"
        ));
    }
    let layers = raw::layers_read(llama);
    let width = llama.meta_val_str("eagle3.target_hidden_size", 32).ok().and_then(|width| width.parse().ok());
    if layers.len() != 3 || width.is_none() {
        return Err("is none for EAGLE-3; hint: --spec-type draft-simple, if it is a small model".into());
    }
    let reaches = i32::try_from(target.n_layer()).unwrap_or(0);
    if width != Some(target.n_embd()) || layers.iter().any(|layer| !(0..=reaches).contains(layer)) {
        return Err("was made for another model; hint: take the one that was made for this".into());
    }
    Ok(())
}

/// Whether the file of `model` itself holds heads for multi-token prediction. Many do not, though they say how many the model
/// was trained with.
pub fn has_heads(model: &Model) -> bool {
    model.llama().n_layer_nextn() > 0 && model.files().iter().any(|file| names(file, b".nextn.eh_proj.weight"))
}

/// Whether the list of tensors at the head of the file at `path` has one whose name ends so.
fn names(path: &Path, ending: &[u8]) -> bool {
    let Ok(mut file) = File::open(path) else { return false };
    let mut window = Vec::new();
    for _ in 0..HEAD_BYTES_MAX / BLOCK_BYTES {
        let kept = window.len().saturating_sub(ending.len());
        window.drain(..kept);
        match file.by_ref().take(BLOCK_BYTES).read_to_end(&mut window) {
            Ok(0) | Err(_) => return false,
            Ok(_) if window.windows(ending.len()).any(|part| part == ending) => return true,
            Ok(_) => {}
        }
    }
    false
}

fn of_architecture(llama: &LlamaModel) -> String {
    llama.meta_val_str("general.architecture", 64).unwrap_or_default()
}

/// Whether every token is written the same.
fn same_vocabulary(draft: &LlamaModel, target: &Model) -> bool {
    let mut piece = Vec::new();
    u32::try_from(draft.n_vocab()) == Ok(target.n_vocab)
        && (0..target.n_vocab).all(|id| {
            piece.clear();
            let token = LlamaToken(i32::try_from(id).unwrap_or(i32::MAX));
            // An error means that the token has no text.
            let _ = draft.token_to_raw_bytes_into(token, Special::Plaintext, &mut piece);
            piece == target.piece(id)
        })
}

/// Runs a drafter ahead, one sequence for each slot.
pub struct Drafter<'model> {
    context: Context<'model>,
    held: Vec<Vec<u32>>,
    chunk: usize,
    n_ctx: usize,
}

impl<'model> Drafter<'model> {
    /// A drafter for as many slots as `config` has sequences.
    ///
    /// # Errors
    /// When its context cannot be made.
    pub fn new(model: &'model DraftModel, config: &ContextConfig) -> Result<Self, Error> {
        let config = ContextConfig { tap: false, expert_cache_bytes: 0, ..*config };
        let context = Context::new(model.llama(), &config)?;
        let size = |value: u32| usize::try_from(value).unwrap_or(usize::MAX);
        let n_ctx = size(context.n_ctx_sequence());
        Ok(Self { context, held: vec![Vec::new(); size(config.sequences)], chunk: size(config.rows), n_ctx })
    }

    /// What may follow `history`, all tokens of prompt and answer of `slot` so far: at most `room` tokens.
    ///
    /// # Errors
    /// When decoding fails.
    pub fn draft(&mut self, slot: usize, history: &[u32], room: usize) -> Result<Vec<u32>, Error> {
        let Some(held) = self.held.get_mut(slot) else { return Ok(Vec::new()) };
        if history.is_empty() || room == 0 || history.len() + room > self.n_ctx {
            return Ok(Vec::new());
        }
        let common = held.iter().zip(history).take_while(|(held, said)| held == said).count().min(history.len() - 1);
        let sequence = u32::try_from(slot).unwrap_or(u32::MAX);
        held.truncate(common);
        self.context.truncate(sequence, position(common))?;
        let mut row = 0;
        for chunk in history.get(common..).unwrap_or_default().chunks(self.chunk.max(1)) {
            row = feed(&mut self.context, sequence, held, chunk)?;
        }
        let mut draft = Vec::new();
        loop {
            let Some(id) = likeliest(self.context.logits(row)) else { return Ok(draft) };
            draft.push(id);
            if draft.len() >= room {
                return Ok(draft);
            }
            row = feed(&mut self.context, sequence, held, &[id])?;
        }
    }
}

/// Feeds tokens and returns the row of the last one's outputs.
fn feed(context: &mut Context<'_>, sequence: u32, held: &mut Vec<u32>, tokens: &[u32]) -> Result<usize, Error> {
    let start = position(held.len());
    let last = tokens.len().saturating_sub(1);
    let rows = (start..).zip(tokens.iter().enumerate()).map(|(position, (at, token))| Row {
        token: *token,
        position,
        sequence,
        output: at == last,
    });
    context.decode(rows, false)?;
    held.extend_from_slice(tokens);
    Ok(last)
}

/// The likeliest token, if the model is sure enough of it.
fn likeliest(logits: &[f32]) -> Option<u32> {
    let (id, largest) = logits.iter().copied().enumerate().max_by(|a, b| a.1.total_cmp(&b.1))?;
    let sum: f64 = logits.iter().map(|logit| f64::from(logit - largest).exp()).sum();
    if 1.0 / sum >= SURE { u32::try_from(id).ok() } else { None }
}

fn position(tokens: usize) -> u32 {
    u32::try_from(tokens).unwrap_or(u32::MAX)
}
