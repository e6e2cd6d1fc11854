//! The command line, with llama-server's names where it has one.

mod placement;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use llama_cpp_4::context::params::LlamaPoolingType;
use ogong_daemon::TelemetryFlags;

pub use self::placement::{Layers, PlacementFlags, SplitMode};
use crate::class;
use crate::engine::{EngineConfig, default_threads};
use crate::error::Error;
use crate::speculate::Method;

/// Serves a GGUF model over the OpenAI API, committing what it answers on request.
#[derive(Debug, Parser)]
#[command(name = "ogong-text-server", version, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Cli {
    /// A tool instead of serving.
    #[command(subcommand)]
    pub tool: Option<Tool>,
    /// How to serve.
    #[command(flatten)]
    pub serve: ServeFlags,
    /// How to log.
    #[command(flatten)]
    pub telemetry: TelemetryFlags,
}

/// Tools for scripts.
#[derive(Debug, Subcommand)]
pub enum Tool {
    /// Write a model anew in another weight format, with llama.cpp's own quantiser.
    Quantize {
        /// The GGUF file to read.
        from: PathBuf,
        /// The GGUF file to write.
        to: PathBuf,
        /// Weight format: Q8_0, Q4_0, Q5_0, F16, ...
        format: String,
        /// Threads [default: physical cores].
        #[arg(long, short, env = "LLAMAMP_THREADS")]
        threads: Option<u32>,
    },
    /// List the GPUs that this build sees, with their memory.
    Devices {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print the model root over the given files, in order.
    ModelRoot {
        /// Every file that affects the output.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// As the model and exact mode need it: on.
    Auto,
    /// On.
    On,
    /// Off.
    Off,
}

/// How the states of an input's tokens become one vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Pooling {
    /// Their mean.
    Mean,
    /// The first one's.
    Cls,
    /// The last one's.
    Last,
}

impl Pooling {
    fn kind(self) -> LlamaPoolingType {
        match self {
            Self::Mean => LlamaPoolingType::Mean,
            Self::Cls => LlamaPoolingType::Cls,
            Self::Last => LlamaPoolingType::Last,
        }
    }
}

/// How to serve.
#[derive(Args, Debug)]
pub struct ServeFlags {
    /// The model's GGUF file, or the first of its shards.
    #[arg(long, short, env = "LLAMAMP_MODEL", value_name = "FILE", required = true)]
    pub model: Option<PathBuf>,
    /// The model's name in the API; plain requests must then use it [default: the file's name].
    #[arg(long, short)]
    pub alias: Option<String>,
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1")]
    pub host: String,
    /// Port to listen on; 0 takes a free one.
    #[arg(long, default_value_t = 8080)]
    pub port: u16,
    /// Tokens of one slot, prompt and answer together; 0 is as many as the model was trained for.
    #[arg(long, short = 'c', alias = "ctx-size", default_value_t = 8192)]
    pub n_ctx: u32,
    /// Requests served at once.
    #[arg(long, env = "LLAMAMP_PARALLEL", default_value_t = 4)]
    pub parallel: u32,
    /// Threads; engines that share a machine each get their share [default: physical cores].
    #[arg(long, short, env = "LLAMAMP_THREADS")]
    pub threads: Option<u32>,
    /// Threads for prompts, with --plain [default: as many].
    #[arg(long)]
    pub threads_batch: Option<u32>,
    /// Tokens of a prompt computed in one call, with --plain [default: 512].
    #[arg(long, short, env = "LLAMAMP_BATCH_SIZE")]
    pub batch_size: Option<u32>,
    /// Of these, tokens computed together, with --plain [default: all].
    #[arg(long)]
    pub ubatch_size: Option<u32>,
    /// Where the weights go.
    #[command(flatten)]
    pub placement: PlacementFlags,
    /// How eagerly idle threads poll for work, 0 to 100.
    #[arg(long, env = "LLAMAMP_POLL", default_value_t = 1)]
    pub poll: u32,
    /// Flash attention; exact mode needs it.
    #[arg(long, env = "LLAMAMP_FLASH_ATTN", value_enum, default_value_t = Switch::Auto)]
    pub flash_attn: Switch,
    /// Storage type of keys: f16, f32, bf16, q8_0, q4_0.
    #[arg(long, env = "LLAMAMP_CACHE_TYPE_K", default_value = "f16")]
    pub cache_type_k: String,
    /// Storage type of values.
    #[arg(long, env = "LLAMAMP_CACHE_TYPE_V", default_value = "f16")]
    pub cache_type_v: String,
    /// Serve committed replies.
    #[arg(long, env = "LLAMAMP_COMMIT", value_parser = FalseyValueParser::new(), action = clap::ArgAction::SetTrue)]
    pub commit: bool,
    /// Serve plain requests only: commit and score nothing, which starts faster and takes less memory.
    #[arg(long, env = "LLAMAMP_PLAIN", value_parser = FalseyValueParser::new(), action = clap::ArgAction::SetTrue)]
    pub plain: bool,
    /// Shortest run of tokens that is moved to where a plain prompt has it, instead of computed again; 0 is never.
    #[arg(long, env = "LLAMAMP_CACHE_REUSE", default_value_t = 256)]
    pub cache_reuse: u32,
    /// Serve embeddings only.
    #[arg(long, alias = "embeddings")]
    pub embedding: bool,
    /// How embeddings are pooled [default: as the model's file says].
    #[arg(long, value_enum)]
    pub pooling: Option<Pooling>,
    /// How tokens are drafted ahead: none, ngram-simple, ngram-map-k, draft-simple, draft-mtp, draft-eagle3 [default: what
    /// --model-draft was made for; none without].
    #[arg(long, env = "LLAMAMP_SPEC_TYPE", value_name = "METHOD", value_parser = Method::parse)]
    pub spec_type: Option<Method>,
    /// What drafts: heads for multi-token prediction (mtp-*.gguf), an EAGLE-3 layer, or a small model of the same vocabulary.
    #[arg(long, aliases = ["draft-model", "spec-draft-model"], env = "LLAMAMP_DRAFT_MODEL", value_name = "FILE")]
    pub model_draft: Option<PathBuf>,
    /// A chat template to use in place of the model's own; not with --commit.
    #[arg(long, value_name = "FILE")]
    pub chat_template_file: Option<PathBuf>,
    /// The projector that was made for this model, for images in plain requests.
    #[arg(long, value_name = "FILE")]
    pub mmproj: Option<PathBuf>,
    /// Machines that take part of the model, each running rpc-server; the way to them must be private.
    #[arg(long, alias = "rpc-servers", env = "LLAMAMP_RPC_SERVERS", value_name = "HOST:PORT", value_delimiter = ',')]
    pub rpc: Vec<String>,
    /// Flags of llama-server's that ask for what is always so here.
    #[command(flatten)]
    pub settled: SettledFlags,
    /// File with the bearer token that callers off loopback need for trajectories, replays and scores.
    #[arg(long, env = "LLAMAMP_AUTH_TOKEN_FILE", value_name = "FILE")]
    pub auth_token_file: Option<PathBuf>,
    /// End when stdin closes, so that the engine ends with the process that started it.
    #[arg(long)]
    pub exit_on_stdin_close: bool,
}

/// Flags of llama-server's that ask for what is always so here; taken so that its command lines work as they are.
#[derive(Args, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "one for each flag")]
pub struct SettledFlags {
    /// Jinja templates are always used.
    #[arg(long, hide = true)]
    pub jinja: bool,
    /// Requests are always batched together.
    #[arg(long, hide = true)]
    pub cont_batching: bool,
    /// Metrics are always served.
    #[arg(long, hide = true)]
    pub metrics: bool,
    /// Slots are always shown.
    #[arg(long, hide = true)]
    pub slots: bool,
    /// Properties are always shown.
    #[arg(long, hide = true)]
    pub props: bool,
    /// There is no web page.
    #[arg(long, alias = "no-ui", hide = true)]
    pub no_webui: bool,
    /// An answer that reaches the end of the context always ends.
    #[arg(long, hide = true)]
    pub no_context_shift: bool,
    /// Nothing is computed before the first request.
    #[arg(long, hide = true)]
    pub no_warmup: bool,
}

impl ServeFlags {
    /// The engine's configuration.
    ///
    /// # Errors
    /// When a value is none.
    pub fn engine(&self) -> Result<EngineConfig, Error> {
        let model = self.model.clone().ok_or_else(|| Error::Config("no model; hint: --model FILE".into()))?;
        let cache = |flag: &str, name: &str| {
            class::cache_type(name)
                .ok_or_else(|| Error::Config(format!("{flag} {name:?} is none of f16, f32, bf16, q8_0, q4_0")))
        };
        Ok(EngineConfig {
            threads_batch: self.threads_batch,
            batch: self.batch_size,
            batch_together: self.ubatch_size,
            placement: self.placement.placement(),
            moe_cache_slots: self.placement.moe_cache_slots,
            mmproj: self.mmproj.clone(),
            workers: self.rpc.iter().filter(|worker| !worker.is_empty()).cloned().collect(),
            chat_template: self.chat_template_file.clone(),
            speculation: self.spec_type.unwrap_or(match self.model_draft {
                Some(_) => Method::OfDrafter,
                None => Method::None,
            }),
            draft_model: self.model_draft.clone(),
            alias: self.alias.clone(),
            n_ctx: self.n_ctx,
            parallel: self.parallel,
            threads: self.threads.unwrap_or_else(default_threads),
            poll: self.poll,
            flash_attention: self.flash_attn != Switch::Off,
            cache_type_k: cache("--cache-type-k", &self.cache_type_k)?,
            cache_type_v: cache("--cache-type-v", &self.cache_type_v)?,
            commit: self.commit,
            plain: self.plain,
            cache_reuse: self.cache_reuse,
            pooling: self.pooling.map(Pooling::kind),
            embeddings_only: self.embedding,
            ..EngineConfig::new(model)
        })
    }
}

/// llama-server's two-letter flags, which clap has no notion of, spelled out.
pub fn spelled_out(args: impl IntoIterator<Item = OsString>) -> impl Iterator<Item = OsString> {
    args.into_iter().map(|arg| match arg.to_str() {
        Some("-np") => "--parallel".into(),
        Some("-fa") => "--flash-attn".into(),
        Some("-ctk") => "--cache-type-k".into(),
        Some("-ctv") => "--cache-type-v".into(),
        Some("-ngl") => "--n-gpu-layers".into(),
        Some("-ub") => "--ubatch-size".into(),
        Some("-tb") => "--threads-batch".into(),
        Some("-cmoe") => "--cpu-moe".into(),
        Some("-ncmoe") => "--n-cpu-moe".into(),
        Some("-sm") => "--split-mode".into(),
        Some("-ts") => "--tensor-split".into(),
        Some("-mg") => "--main-gpu".into(),
        Some("-md") => "--model-draft".into(),
        Some("-mm") => "--mmproj".into(),
        Some("-cb") => "--cont-batching".into(),
        _ => arg,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::placement::{ExpertsInRam, Reading, Split};

    fn parse(args: &[&str]) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(spelled_out(
            std::iter::once("ogong-text-server").chain(args.iter().copied()).map(OsString::from),
        ))
    }

    #[test]
    fn llama_server_spellings_are_understood() {
        let cli = parse(&["-m", "a.gguf", "-c", "512", "-np", "2", "-fa", "on", "-ctk", "q8_0", "--port", "0"])
            .expect("flags");
        let config = cli.serve.engine().expect("a configuration");
        assert_eq!((config.n_ctx, config.parallel, config.flash_attention), (512, 2, true));
    }

    #[test]
    fn a_catalogue_entrys_arguments_are_understood() {
        let cli = parse(&[
            "-m",
            "a.gguf",
            "--split-mode",
            "tensor",
            "--tensor-split",
            "1,1",
            "--flash-attn",
            "on",
            "-ngl",
            "40",
            "-b",
            "256",
            "-ub",
            "128",
            "-ncmoe",
            "12",
            "--jinja",
            "--metrics",
            "--no-mmap",
            "--plain",
            "--chat-template-file",
            "t.jinja",
        ]);
        let config = cli.expect("flags").serve.engine().expect("a configuration");
        assert_eq!((config.placement.split, config.placement.shares.len()), (Split::Tensor, 2));
        assert_eq!(
            (config.placement.n_gpu_layers, config.batch, config.batch_together),
            (Some(40), Some(256), Some(128))
        );
        assert_eq!(config.placement.experts_in_ram, ExpertsInRam::First(12));
        assert_eq!(config.placement.reading, Reading::Whole);
        let all =
            parse(&["-m", "a.gguf", "-ngl", "-1", "-cmoe"]).expect("flags").serve.engine().expect("a configuration");
        assert_eq!((all.placement.n_gpu_layers, all.placement.experts_in_ram), (None, ExpertsInRam::All));
        let drafted =
            parse(&["-m", "a.gguf", "-md", "d.gguf"]).expect("flags").serve.engine().expect("a configuration");
        assert_eq!(drafted.speculation, Method::OfDrafter);
        let eagle = parse(&["-m", "a.gguf", "-md", "d.gguf", "--spec-type", "draft-eagle"]).expect("flags");
        assert_eq!(eagle.serve.engine().expect("a configuration").speculation, Method::Eagle3);
        let more = parse(&["-m", "a.gguf", "-mm", "p.gguf", "--rpc", "10.0.0.2:50052,10.0.0.3:50052"]);
        let more = more.expect("flags").serve.engine().expect("a configuration");
        assert_eq!((more.mmproj, more.workers.len()), (Some(PathBuf::from("p.gguf")), 2));
        assert!(parse(&["-m", "a.gguf", "-cmoe", "-ncmoe", "3"]).is_err());
    }

    #[test]
    fn serving_needs_a_model_and_tools_do_not() {
        assert!(parse(&[]).is_err());
        assert!(matches!(parse(&["model-root", "a"]).expect("a tool").tool, Some(Tool::ModelRoot { .. })));
        assert!(parse(&["model-root"]).is_err());
        assert!(parse(&["quantize", "a", "b"]).is_err());
        assert!(parse(&["-m", "a.gguf", "-ctk", "f12"]).expect("flags").serve.engine().is_err());
    }
}
