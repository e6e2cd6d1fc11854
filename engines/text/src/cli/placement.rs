//! Flags for where the weights go.

use clap::{Args, ValueEnum};

use crate::placement::{ExpertsInRam, Placement, Reading, Split};

/// Where the weights go.
#[derive(Args, Debug)]
pub struct PlacementFlags {
    /// Layers on the GPUs: a number, or all [default: all].
    #[arg(long, aliases = ["gpu-layers", "ngl"], env = "LLAMAMP_NGL", value_name = "N", value_parser = layers, allow_hyphen_values = true)]
    pub n_gpu_layers: Option<Layers>,
    /// Layers whose experts stay in RAM.
    #[arg(long, env = "LLAMAMP_NCMOE", value_name = "N", conflicts_with = "cpu_moe")]
    pub n_cpu_moe: Option<u32>,
    /// Keep all experts in RAM.
    #[arg(long)]
    pub cpu_moe: bool,
    /// Expert slots of a layer on the GPU, for mixtures that are larger than its memory.
    #[arg(long, env = "LLAMAMP_MOE_CACHE_SLOTS", value_name = "N")]
    pub moe_cache_slots: Option<u32>,
    /// How several GPUs share the model.
    #[arg(long, value_enum, default_value_t = SplitMode::Layer)]
    pub split_mode: SplitMode,
    /// Each GPU's share, in proportion, e.g. 3,1.
    #[arg(long, value_name = "N,...", value_delimiter = ',')]
    pub tensor_split: Vec<f32>,
    /// The GPU for what is not split.
    #[arg(long, default_value_t = 0)]
    pub main_gpu: u32,
    /// Read the model whole into memory instead of mapping its file.
    #[arg(long, conflicts_with = "mlock")]
    pub no_mmap: bool,
    /// Keep the mapped model from being paged out.
    #[arg(long)]
    pub mlock: bool,
}

/// A number of layers, or all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layers {
    /// All.
    All,
    /// So many.
    Some(u32),
}

fn layers(text: &str) -> Result<Layers, String> {
    match text {
        "all" | "auto" | "-1" | "-2" => Ok(Layers::All),
        number => number.parse().map(Layers::Some).map_err(|_| "must be a number of layers, or all".to_owned()),
    }
}

/// How several GPUs share a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SplitMode {
    /// Not.
    None,
    /// By layers.
    Layer,
    /// By rows of matrices.
    Row,
    /// By tensors, all GPUs at work on each layer.
    Tensor,
}

impl PlacementFlags {
    pub(super) fn placement(&self) -> Placement {
        Placement {
            n_gpu_layers: match self.n_gpu_layers {
                None | Some(Layers::All) => None,
                Some(Layers::Some(layers)) => Some(layers),
            },
            split: match self.split_mode {
                SplitMode::None => Split::None,
                SplitMode::Layer => Split::Layer,
                SplitMode::Row => Split::Row,
                SplitMode::Tensor => Split::Tensor,
            },
            shares: self.tensor_split.clone(),
            main_gpu: self.main_gpu,
            experts_in_ram: match (self.cpu_moe, self.n_cpu_moe) {
                (true, _) => ExpertsInRam::All,
                (false, Some(layers)) if layers > 0 => ExpertsInRam::First(layers),
                _ => ExpertsInRam::None,
            },
            reading: match (self.no_mmap, self.mlock) {
                (true, _) => Reading::Whole,
                (false, true) => Reading::Locked,
                (false, false) => Reading::Auto,
            },
        }
    }
}
