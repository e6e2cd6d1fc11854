//! Flags of the commands that need no network.

use super::drafter;
use ogong_engine::plan::Wishes;
use ogong_openai::ollama::KeepAlive;
use std::{net::SocketAddr, path::PathBuf};

/// Where local mode listens: Ollama's port.
pub const LISTEN: &str = "127.0.0.1:11434";

/// How engines are run.
#[derive(Debug, Clone, clap::Args)]
pub struct EngineFlags {
    /// Context of one request, tokens; no longer than the model was trained for [default: 8192, fewer where they do not fit].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub n_ctx: Option<u32>,
    /// Requests that an engine serves at once.
    #[arg(long, env = "LLAMAMP_PARALLEL", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    pub parallel: Option<u32>,
    /// Threads of each engine [default: this machine's cores].
    #[arg(long, env = "LLAMAMP_THREADS", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub threads: Option<u32>,
    /// The engine's program, where it is not beside this one.
    #[arg(long, env = "OGONG_TEXT_SERVER", value_name = "PATH", hide = true)]
    pub text_server: Option<PathBuf>,
    /// What else of the plan for each model is set.
    #[command(flatten)]
    pub placement: PlacementFlags,
}

/// The book's variables that a plan keeps to; the engine checks what they hold.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct PlacementFlags {
    /// Layers on the GPUs: a number, or all.
    #[arg(long, env = "LLAMAMP_NGL", hide = true, value_parser = layers, allow_hyphen_values = true)]
    pub n_gpu_layers: Option<u32>,
    /// Layers whose experts stay in RAM.
    #[arg(long, env = "LLAMAMP_NCMOE", hide = true)]
    pub n_cpu_moe: Option<u32>,
    /// Experts of each layer in the GPUs' cache.
    #[arg(long, env = "LLAMAMP_MOE_CACHE_SLOTS", hide = true)]
    pub moe_cache_slots: Option<u32>,
    /// What drafts for every model, in place of what is found beside it.
    #[arg(long, env = "LLAMAMP_DRAFT_MODEL", hide = true)]
    pub draft_model: Option<PathBuf>,
    /// How tokens are drafted ahead.
    #[arg(long, env = "LLAMAMP_SPEC_TYPE", hide = true)]
    pub spec_type: Option<String>,
    /// Storage type of keys.
    #[arg(long, env = "LLAMAMP_CACHE_TYPE_K", hide = true)]
    pub cache_type_k: Option<String>,
    /// Storage type of values.
    #[arg(long, env = "LLAMAMP_CACHE_TYPE_V", hide = true)]
    pub cache_type_v: Option<String>,
}

impl EngineFlags {
    /// What they set of speculation, for engines whose model says nothing of it.
    pub fn speculation(&self) -> Vec<String> {
        let PlacementFlags { draft_model, spec_type, .. } = &self.placement;
        let draft = draft_model.iter().flat_map(|path| [drafter::FLAG.to_owned(), path.display().to_string()]);
        draft.chain(spec_type.iter().flat_map(|kind| ["--spec-type".to_owned(), kind.clone()])).collect()
    }

    /// What they set of every plan.
    pub fn wishes(&self) -> Wishes {
        let placement = self.placement.clone();
        Wishes {
            n_ctx: self.n_ctx,
            n_ctx_wanted: None,
            parallel: self.parallel,
            n_gpu_layers: placement.n_gpu_layers,
            n_cpu_moe: placement.n_cpu_moe,
            moe_cache_slots: placement.moe_cache_slots,
            cache_type_k: placement.cache_type_k,
            cache_type_v: placement.cache_type_v,
        }
    }
}

/// A number of layers, or all of them.
fn layers(text: &str) -> Result<u32, String> {
    match text {
        "all" | "auto" | "-1" | "-2" => Ok(u32::MAX),
        number => number.parse().map_err(|_| "must be a number of layers, or all".to_owned()),
    }
}

/// Flags of `local`.
#[derive(Debug, clap::Args)]
pub struct Local {
    /// Model to load and keep: a .gguf file, or a name that is downloaded if it is not here; repeatable.
    ///
    /// Without --model every model of `ogong-provider list` is served and loaded when it is asked for.
    /// A drafter found for a model turns speculation on: the catalogue entry's draft_url, else mtp-STEM.gguf beside a model STEM.gguf or
    /// STEM.FORMAT.gguf, else the one mtp-*.gguf of a directory with one model.
    #[arg(long = "model", value_name = "PATH-OR-NAME", conflicts_with = "upstream")]
    pub models: Vec<String>,
    /// Multimodal projector (GGUF) of the one model that --model names, for image input.
    ///
    /// Among --served-models, and in the catalogue, it stands in args: "--mmproj", "FILE".
    #[arg(long, value_name = "GGUF", requires = "models", conflicts_with_all = ["upstream", "served_models"])]
    pub mmproj: Option<PathBuf>,
    /// Address to listen on.
    #[arg(long, value_name = "ADDR", default_value = LISTEN)]
    pub listen: SocketAddr,
    /// Adapter mode: pass requests on to an OpenAI-compatible server instead of spawning engines.
    #[arg(long, value_name = "URL")]
    pub upstream: Option<String>,
    /// File with the key that --upstream asks for.
    #[arg(long, value_name = "PATH", requires = "upstream")]
    pub upstream_key_file: Option<PathBuf>,
    /// Server that /v1/images is passed on to.
    #[arg(long, value_name = "URL")]
    pub image_upstream: Option<String>,
    /// Server that /v1/audio is passed on to.
    #[arg(long, value_name = "URL")]
    pub audio_upstream: Option<String>,
    /// Server that /v1/videos is passed on to.
    #[arg(long, value_name = "URL")]
    pub video_upstream: Option<String>,
    /// A fixed set of models, loaded when asked for: JSON, or the path of a JSON file; takes precedence over --model.
    ///
    /// An array of {"id","kind":"Text","path","args"}; args go to the engine as they are.
    #[arg(long, value_name = "JSON", conflicts_with = "upstream")]
    pub served_models: Option<String>,
    /// Print how each model would be run on this machine, and exit.
    #[arg(long, conflicts_with = "upstream")]
    pub estimate_only: bool,
    /// How to run engines.
    #[command(flatten)]
    pub engine: EngineFlags,
    /// Memory that loaded models may take together, GiB; the least recently used goes first [default: 80% of this machine's].
    #[arg(long, env = "LLAMAMP_MEMORY_BUDGET", value_name = "GIB", value_parser = budget)]
    pub memory_budget: Option<u64>,
    /// How long a model that --model does not name stays loaded after its last use: 5m, 1h, -1 for ever.
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = keep_alive)]
    pub keep_alive: KeepAlive,
    /// File with a key that every request must carry.
    #[arg(long, value_name = "PATH")]
    pub api_key_file: Option<PathBuf>,
    /// Origin of web pages that may ask, beside those of this machine; `*` is every one; repeatable.
    #[arg(long = "allow-origin", value_name = "ORIGIN")]
    pub allow_origins: Vec<String>,
    /// Write the address as JSON here once the server listens.
    #[arg(long, value_name = "PATH")]
    pub ready_file: Option<PathBuf>,
}

/// Flags of `run`.
#[derive(Debug, clap::Args)]
pub struct Run {
    /// The model: a name, which is downloaded if it is not here, or a .gguf file.
    pub model: String,
    /// Ask this and exit; without it, and on a terminal, chat.
    pub prompt: Vec<String>,
    /// System prompt.
    #[arg(long, value_name = "TEXT")]
    pub system: Option<String>,
    /// Show tokens and speed after each answer.
    #[arg(long)]
    pub verbose: bool,
    /// Do not break lines at the terminal's width.
    #[arg(long)]
    pub nowordwrap: bool,
    /// Constrain answers: `json`.
    #[arg(long, value_name = "FORMAT", value_parser = ["json"])]
    pub format: Option<String>,
    /// How to run the engine.
    #[command(flatten)]
    pub engine: EngineFlags,
}

/// Flags of `pull`.
#[derive(Debug, clap::Args)]
pub struct Pull {
    /// A name of the catalogue, https://…/FILE.gguf, or hf:owner/repo[:FILE.gguf].
    #[arg(value_name = "NAME|URL", required_unless_present = "list")]
    pub name: Option<String>,
    /// Browse the catalogue.
    #[arg(long, conflicts_with = "name")]
    pub list: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Flags of `rm`.
#[derive(Debug, clap::Args)]
pub struct Remove {
    /// Models, as `list` names them.
    #[arg(required = true, value_name = "MODEL")]
    pub models: Vec<String>,
}

/// Flags of `ps`.
#[derive(Debug, clap::Args)]
pub struct Ps {
    /// Address of the server.
    #[arg(long, value_name = "ADDR", default_value = LISTEN)]
    pub listen: SocketAddr,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Flags of `doctor`.
#[derive(Debug, clap::Args)]
pub struct Doctor {
    /// Address where a server may run.
    #[arg(long, value_name = "ADDR", default_value = LISTEN)]
    pub listen: SocketAddr,
    /// The engine's program, where it is not beside this one.
    #[arg(long, env = "OGONG_TEXT_SERVER", value_name = "PATH", hide = true)]
    pub text_server: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Flags of `bench`.
#[derive(Debug, clap::Args)]
pub struct Bench {
    /// The model: a name, which is downloaded if it is not here, or a .gguf file.
    pub model: String,
    /// Clients that ask at once, after one alone.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub clients: u32,
    /// Tokens of each answer.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub tokens: u32,
    /// How to run the engine.
    #[command(flatten)]
    pub engine: EngineFlags,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Flags of `completions`.
#[derive(Debug, clap::Args)]
pub struct Completions {
    /// The shell.
    pub shell: clap_complete::Shell,
}

/// Flags of `man`.
#[derive(Debug, clap::Args)]
pub struct Man {
    /// Directory to write the pages into.
    pub dir: PathBuf,
}

fn keep_alive(text: &str) -> Result<KeepAlive, String> {
    KeepAlive::parse(text).ok_or_else(|| format!("{text:?} is no duration such as 5m, 1h or -1"))
}

/// GiB, also fractions, as bytes.
fn budget(text: &str) -> Result<u64, String> {
    let gib: f64 = text.parse().map_err(|_| format!("{text:?} is no number of GiB"))?;
    let mib =
        std::time::Duration::try_from_secs_f64(gib * 1024.0).map_err(|_| format!("{text:?} is no amount of memory"))?;
    match mib.as_secs() {
        0 => Err("a budget of less than a MiB holds no model".into()),
        mib => mib.checked_mul(1 << 20).ok_or_else(|| format!("{text:?} GiB are more than any machine has")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_are_gibibytes() {
        assert_eq!(budget("1"), Ok(1 << 30));
        assert_eq!(budget("0.5"), Ok(1 << 29));
        for bad in ["", "-1", "0", "much", "inf", "1e30"] {
            assert!(budget(bad).is_err(), "{bad}");
        }
    }
}
