//! A loaded model: weights, chat template, vocabulary tables, and the root over its files (SPEC 1.5).

mod files;
mod pieces;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use llama_cpp_4::chat::ChatTemplates;
use llama_cpp_4::model::{AddBos, LlamaModel, Special};
use llama_cpp_4::token::LlamaToken;
use ogong_base::hash::ModelRoot;

pub use self::files::{model_files, root_of_files};
use self::pieces::Pieces;
use crate::cancel::Cancel;
use crate::error::Error;
use crate::placement::Placement;
use crate::raw;
use crate::vision::Projector;

/// Bytes of a short entry of a file's metadata at most.
const METADATA_BYTES: usize = 256;

/// A model and everything derived from it once.
#[derive(Debug)]
pub struct Model {
    // Dropped before the model that it was made for.
    projector: Option<Projector>,
    llama: LlamaModel,
    _parts: raw::ModelParts,
    templates: ChatTemplates,
    /// Whether the templates know tools.
    knows_tools: bool,
    /// For models whose own templates know none; made when first needed.
    tool_templates: OnceLock<Option<ChatTemplates>>,
    pieces: Pieces,
    path: PathBuf,
    files: Vec<PathBuf>,
    generates: bool,
    embeds: bool,
    root: ModelRoot,
    weight_format: String,
    /// Width of a hidden state.
    pub n_embd: usize,
    /// Entries of the vocabulary.
    pub n_vocab: u32,
    /// Tokens the model was trained to attend over.
    pub n_ctx_train: u32,
}

impl Model {
    /// Loads the model at `path`; further shards (`…-00002-of-00003.gguf`) are found beside it. The root over its files is made
    /// only if `rooted`, since that reads every byte of them; else it is all zeros. `template` is a chat template to use in place
    /// of the file's own. Heads for multi-token prediction are read only if `heads`.
    ///
    /// # Errors
    /// When a file is missing, damaged, or holds no model that generates text, or loading is given up.
    pub fn load(
        path: &Path,
        placement: &Placement,
        template: Option<&str>,
        rooted: bool,
        heads: bool,
        cancel: &Cancel,
    ) -> Result<Self, Error> {
        let files = model_files(path)?;
        let hashing = std::thread::spawn({
            let files = files.clone();
            let cancel = cancel.clone();
            move || if rooted { files::root(&files, &cancel) } else { Ok(ModelRoot::ZERO) }
        });
        let loaded = raw::load_model(path, placement, heads);
        if loaded.is_err() {
            cancel.cancel();
        }
        let root = hashing.join().map_err(|_| Error::Stopped)?;
        let (llama, parts) = loaded?;
        let kind = |why: &str| Error::ModelKind { path: path.to_owned(), why: why.into() };
        if !llama.has_decoder() || llama.has_encoder() {
            return Err(kind("neither a decoder-only language model nor one for embeddings"));
        }
        let says = |member: &str| {
            let architecture = llama.meta_val_str("general.architecture", METADATA_BYTES).unwrap_or_default();
            llama.meta_val_str(&format!("{architecture}.{member}"), METADATA_BYTES).ok()
        };
        let causal = says("attention.causal").is_none_or(|causal| causal != "false");
        let embeds = !causal || says("pooling_type").is_some();
        let n_vocab = u32::try_from(llama.n_vocab()).map_err(|_| kind("no vocabulary"))?;
        let n_embd = usize::try_from(llama.n_embd_out()).map_err(|_| kind("no hidden width"))?;
        let templates =
            ChatTemplates::from_model(&llama, template).map_err(|error| kind(&format!("chat template: {error}")))?;
        Ok(Self {
            projector: None,
            files,
            knows_tools: knows_tools(&templates),
            templates,
            tool_templates: OnceLock::new(),
            pieces: Pieces::new(&llama, n_vocab),
            path: path.to_owned(),
            generates: causal,
            embeds,
            root: root?,
            weight_format: weight_format(&llama),
            n_embd,
            n_vocab,
            n_ctx_train: llama.n_ctx_train(),
            llama,
            _parts: parts,
        })
    }

    /// The wrapped model.
    pub fn llama(&self) -> &LlamaModel {
        &self.llama
    }

    /// Every file of it.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// What turns images into rows, where one was loaded.
    pub fn projector(&self) -> Option<&Projector> {
        self.projector.as_ref()
    }

    /// Loads what turns images into rows for this model.
    ///
    /// # Errors
    /// When it is none, or another model's.
    pub fn load_projector(&mut self, path: &Path, threads: u32, gpu: bool) -> Result<(), Error> {
        self.projector = Some(Projector::load(path, &self.llama, threads, gpu)?);
        Ok(())
    }

    /// The chat templates that the file carries.
    pub fn templates(&self) -> &ChatTemplates {
        &self.templates
    }

    /// Templates to take grammar and parser of tool calls from, where the model's own know no tools.
    pub fn tool_templates(&self) -> Option<&ChatTemplates> {
        if self.knows_tools {
            return None;
        }
        let make = || ChatTemplates::from_model(&self.llama, Some(crate::tools::TEMPLATE)).ok();
        self.tool_templates.get_or_init(make).as_ref()
    }

    /// Whether the model generates text.
    pub fn generates(&self) -> bool {
        self.generates && !self.embeds
    }

    /// Whether the file says how to pool its states into one vector.
    pub fn embeds(&self) -> bool {
        self.embeds
    }

    /// The model's first (or only) file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Root over the model's files.
    pub fn root(&self) -> ModelRoot {
        self.root
    }

    /// Name of the weights' format, e.g. `Q8_0`.
    pub fn weight_format(&self) -> &str {
        &self.weight_format
    }

    /// Bytes of a token; empty for special tokens (SPEC 2.5).
    pub fn piece(&self, id: u32) -> &[u8] {
        self.pieces.bytes(id)
    }

    /// Whether the token ends an answer.
    pub fn is_end(&self, id: u32) -> bool {
        self.pieces.is_end(id)
    }

    /// Tokenises text; `add_special` puts BOS first where the model wants it. Text that came from outside is
    /// [`Special::Plaintext`]: nothing in it becomes a special token.
    ///
    /// # Errors
    /// When the text holds a NUL or is longer than llama.cpp can take.
    pub fn tokenize(
        &self,
        text: &str,
        add_special: bool,
        special: Special,
    ) -> Result<Vec<u32>, llama_cpp_4::StringToTokenError> {
        let bos = if add_special { self.add_bos() } else { AddBos::Never };
        Ok(ids(self.llama.str_to_token_with_special(text, bos, special)?))
    }

    /// Bytes of a token as the model writes it, special tokens too.
    pub fn written(&self, id: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        let token = LlamaToken(i32::try_from(id).unwrap_or(i32::MAX));
        // An error means that the token has no text.
        let _ = self.llama.token_to_raw_bytes_into(token, Special::Tokenize, &mut bytes);
        bytes
    }

    /// Tokens that end an answer.
    pub fn end_tokens(&self) -> impl Iterator<Item = u32> + '_ {
        self.pieces.ends()
    }

    /// Whether prompts begin with BOS.
    pub fn add_bos(&self) -> AddBos {
        if self.llama.add_bos_token() { AddBos::Always } else { AddBos::Never }
    }

    /// Whether a beginning-of-sequence token goes before `text`: templates may write it themselves.
    pub fn adds_bos_to(&self, text: &str) -> bool {
        let writes_it = self.bos().is_some_and(|bos| text.as_bytes().starts_with(&self.written(bos)));
        matches!(self.add_bos(), AddBos::Always) && !writes_it
    }

    /// The beginning-of-sequence token.
    pub fn bos(&self) -> Option<u32> {
        u32::try_from(self.llama.token_bos().0).ok()
    }
}

/// Token ids as unsigned numbers; llama.cpp's tokenizer yields none below zero.
pub fn ids(tokens: Vec<LlamaToken>) -> Vec<u32> {
    tokens.into_iter().filter_map(|token| u32::try_from(token.0).ok()).collect()
}

fn knows_tools(templates: &ChatTemplates) -> bool {
    let caps = templates.caps_json().ok().and_then(|text| serde_json::from_str::<serde_json::Value>(&text).ok());
    caps.is_some_and(|caps| caps["supports_tool_calls"] == true)
}

fn weight_format(llama: &LlamaModel) -> String {
    match llama.ftype() {
        Some(ftype) => ftype.name().to_owned(),
        None => llama.desc(128).unwrap_or_else(|_| "unknown".into()),
    }
}
