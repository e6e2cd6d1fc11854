//! Loading a model with its weights where they are wanted.

use std::ffi::CString;
use std::path::Path;
use std::ptr::NonNull;

use llama_cpp_4::model::LlamaModel;
use llama_cpp_sys_4 as sys;

use super::log::{backend, take_log};
use crate::error::Error;
use crate::placement::{ExpertsInRam, Placement, Reading, Split};

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
/// Heads for multi-token prediction are read only if `heads`.
///
/// # Errors
/// When llama.cpp cannot load it; its own words are in the error.
pub fn load_model(path: &Path, placement: &Placement, heads: bool) -> Result<(LlamaModel, ModelParts), Error> {
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
    params.load_mtp = heads;
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
