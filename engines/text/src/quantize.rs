//! llama.cpp's own quantiser, and the model root of files, as subcommands for scripts.

use std::path::Path;

use llama_cpp_4::quantize::{LlamaFtype, QuantizeParams};

use crate::error::Error;
use crate::raw;

/// Writes `from` anew as `to` in another weight format; quantised sources are dequantised first.
///
/// # Errors
/// When the format is unknown, or llama.cpp cannot read the source or write the target.
pub fn quantize(from: &Path, to: &Path, format: &str, threads: i32) -> Result<(), Error> {
    let ftype = LlamaFtype::from_name(format)
        .ok_or_else(|| Error::Config(format!("unknown weight format {format:?}; hint: one of {}", formats())))?;
    let failed = |log: String| Error::Quantize { from: from.to_owned(), log };
    let (Some(source), Some(target)) = (from.to_str(), to.to_str()) else {
        return Err(failed("path is not UTF-8".into()));
    };
    if let Err(source) = std::fs::metadata(from) {
        return Err(Error::ModelFile { path: from.to_owned(), source });
    }
    raw::backend();
    raw::take_log();
    let params = QuantizeParams::new(ftype).with_nthread(threads).with_allow_requantize(true);
    llama_cpp_4::model_quantize(source, target, &params)
        .map_err(|code| failed(format!("code {code}: {}", raw::take_log())))
}

fn formats() -> String {
    LlamaFtype::all().iter().map(|ftype| ftype.name()).collect::<Vec<_>>().join(", ")
}
