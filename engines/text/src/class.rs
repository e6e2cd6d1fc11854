//! The engine's numeric class (SPEC 1.6), filled from what llama.cpp says of itself.

use llama_cpp_4::quantize::GgmlType;
use ogong_base::class::NumericClass;
use ogong_base::params::CLASS_FIELD_BYTES_MAX;

use crate::model::Model;
use crate::raw::ContextConfig;

/// The llama.cpp build that the pinned wrapper vendors; changes with the pin in Cargo.toml.
pub const LLAMA_BUILD: &str = "b12032";

/// Engine name and build.
pub fn engine_name() -> String {
    format!("llama.cpp {} {LLAMA_BUILD}", llama_cpp_4::llama_version())
}

/// The class of `model` in a context of `config`; `exact` is what the self-test found.
pub fn numeric_class(model: &Model, config: &ContextConfig, exact: bool) -> NumericClass {
    let (k, v) = (cache_type_name(config.cache_type_k), cache_type_name(config.cache_type_v));
    NumericClass {
        engine: clipped(engine_name()),
        backend: clipped(backend_name(&llama_cpp_4::print_system_info())),
        weight_format: clipped(model.weight_format().to_owned()),
        kv_dtype: if k == v { k.to_owned() } else { format!("{k}/{v}") },
        flash_attention: config.flash_attention,
        exact,
    }
}

/// Reads a KV cache type as llama-server writes it.
pub fn cache_type(name: &str) -> Option<GgmlType> {
    Some(match name {
        "f16" => GgmlType::F16,
        "f32" => GgmlType::F32,
        "bf16" => GgmlType::BF16,
        "q8_0" => GgmlType::Q8_0,
        "q4_0" => GgmlType::Q4_0,
        _ => return None,
    })
}

fn cache_type_name(kind: GgmlType) -> &'static str {
    match kind {
        GgmlType::F16 => "f16",
        GgmlType::F32 => "f32",
        GgmlType::BF16 => "bf16",
        GgmlType::Q8_0 => "q8_0",
        GgmlType::Q4_0 => "q4_0",
        _ => "other",
    }
}

/// `cpu <arch> <features>` from a line such as `CPU : AVX = 1 | AVX2 = 1 | LLAMAFILE = 1 |`; features that others imply are left out.
fn backend_name(system_info: &str) -> String {
    const IMPLIED: [&str; 5] = ["sse3", "ssse3", "f16c", "bmi2", "avx"];
    let features = system_info
        .split('|')
        .filter_map(|part| part.rsplit(':').next()?.trim().strip_suffix(" = 1"))
        .map(|name| name.trim().to_lowercase())
        .filter(|name| !IMPLIED.contains(&name.as_str()));
    let mut name = format!("cpu {}", std::env::consts::ARCH);
    for feature in features {
        name.push(' ');
        name.push_str(&feature);
    }
    name
}

fn clipped(mut text: String) -> String {
    let mut end = text.len().min(CLASS_FIELD_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_come_from_the_system_info() {
        let info = "CPU : SSE3 = 1 | AVX = 1 | AVX2 = 1 | AVX512 = 0 | LLAMAFILE = 1 | REPACK = 1 | ";
        assert_eq!(backend_name(info), format!("cpu {} avx2 llamafile repack", std::env::consts::ARCH));
    }

    #[test]
    fn a_field_keeps_within_its_bound() {
        assert_eq!(clipped("ü".repeat(100)).len(), CLASS_FIELD_BYTES_MAX);
    }
}
