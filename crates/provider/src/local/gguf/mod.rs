//! What a GGUF file says of itself, read from its head alone, and whether the file is whole.
//!
//! ```text
//! "GGUF" · version u32 · tensors u64 · pairs u64 · { key · type u32 · value }… · { name · dims · type · offset }… · padding · data
//! ```
//!
//! Everything is little-endian and every length comes from the file, so each is held against a bound before it is believed.
//! Source: the GGUF specification in ggml's `docs/gguf.md`; block sizes from ggml's `ggml.c` type table.

mod reader;
mod types;

use ogong_engine::plan::Description;
use reader::Reader;
use serde_json::{Map, Value};
use std::{collections::BTreeMap, fs::File, io, path::Path};
use types::FILE_TYPES;

/// Why a file is no model that can be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It does not begin like a GGUF file.
    #[error("is not a GGUF file")]
    NotGguf,
    /// A version of the format that this program does not read.
    #[error("is GGUF version {0}; versions 2 and 3 are read")]
    Version(u32),
    /// The head contradicts itself or ends early.
    #[error("is a damaged GGUF file: {0}")]
    Damaged(&'static str),
    /// The file is shorter than its tensors.
    #[error("is cut short: {length} bytes of at least {wanted}")]
    Truncated {
        /// Bytes there.
        length: u64,
        /// Bytes its tensors need.
        wanted: u64,
    },
}

/// A file's head.
#[derive(Clone, Debug, PartialEq)]
pub struct Gguf {
    /// Key-value pairs; of long arrays only the length is kept, as `null` (see [`Gguf::array_length`]).
    pub pairs: Map<String, Value>,
    /// Number of weights.
    pub parameters: u64,
    /// Number of tensors.
    pub tensors: u64,
    /// Bytes of each tensor by its name; 0 for types that are newer than this reader.
    pub tensor_bytes: BTreeMap<String, u64>,
    /// Bytes of the file.
    pub file_bytes: u64,
    lengths: BTreeMap<String, u64>,
}

impl Gguf {
    /// Reads the head of a file and holds its length against its tensors.
    ///
    /// # Errors
    /// When it cannot be read, is something else, or is cut short.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let file = File::open(path)?;
        let file_bytes = file.metadata()?.len();
        reader::read_head(&mut Reader::new(file, file_bytes), file_bytes)
    }

    /// `general.architecture`, e.g. `llama`.
    pub fn architecture(&self) -> Option<&str> {
        self.text("general.architecture")
    }

    /// A string value.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.pairs.get(key).and_then(Value::as_str)
    }

    /// A number under the architecture's own prefix: `count("context_length")` reads `llama.context_length`.
    pub fn count(&self, name: &str) -> Option<u64> {
        self.pairs.get(&format!("{}.{name}", self.architecture()?)).and_then(Value::as_u64)
    }

    /// Elements of an array, whether it was short enough to keep or not.
    pub fn array_length(&self, key: &str) -> Option<u64> {
        let kept = || Some(self.pairs.get(key)?.as_array()?.len() as u64);
        self.lengths.get(key).copied().or_else(kept)
    }

    /// The weight format, as files are named for it: `Q4_K_M`.
    pub fn weight_format(&self) -> Option<&'static str> {
        let code = self.pairs.get("general.file_type").and_then(Value::as_u64)?;
        FILE_TYPES.iter().find(|(known, _)| *known == code).map(|(_, name)| *name)
    }

    /// Whether layers choose among experts.
    pub fn is_mixture(&self) -> bool {
        self.count("expert_count").is_some_and(|experts| experts > 1)
    }

    /// Whether it turns text into vectors and cannot chat.
    pub fn is_embedding(&self) -> bool {
        self.count("pooling_type").is_some_and(|pooling| pooling > 0)
            || self.architecture().is_some_and(|name| name.contains("bert"))
    }

    /// What the planning of memory needs of it.
    pub fn description(&self) -> Description {
        let prefix = format!("{}.", self.architecture().unwrap_or_default());
        let several = |value: &Value| match value {
            Value::Array(values) => values.iter().map(Value::as_u64).collect::<Option<Vec<u64>>>(),
            one => one.as_u64().map(|number| vec![number]),
        };
        let numbers =
            self.pairs.iter().filter_map(|(key, value)| Some((key.strip_prefix(&prefix)?.to_owned(), several(value)?)));
        Description {
            numbers: numbers.collect(),
            tensors: self.tensor_bytes.clone(),
            vocabulary: self.array_length("tokenizer.ggml.tokens").unwrap_or(0),
            beside_bytes: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &mut Vec<u8>, text: &str) {
        bytes.extend((text.len() as u64).to_le_bytes());
        bytes.extend(text.as_bytes());
    }

    /// A model of one Q8_0 tensor of 64 elements, and a vocabulary of 100 words.
    fn model() -> Vec<u8> {
        let mut bytes = b"GGUF".to_vec();
        bytes.extend(3_u32.to_le_bytes());
        bytes.extend(1_u64.to_le_bytes());
        bytes.extend(4_u64.to_le_bytes());
        text(&mut bytes, "general.architecture");
        bytes.extend(8_u32.to_le_bytes());
        text(&mut bytes, "llama");
        text(&mut bytes, "llama.context_length");
        bytes.extend(4_u32.to_le_bytes());
        bytes.extend(2048_u32.to_le_bytes());
        text(&mut bytes, "general.file_type");
        bytes.extend(4_u32.to_le_bytes());
        bytes.extend(7_u32.to_le_bytes());
        text(&mut bytes, "tokenizer.ggml.tokens");
        bytes.extend(9_u32.to_le_bytes());
        bytes.extend(8_u32.to_le_bytes());
        bytes.extend(100_u64.to_le_bytes());
        for word in 0..100 {
            text(&mut bytes, &word.to_string());
        }
        text(&mut bytes, "output.weight");
        bytes.extend(1_u32.to_le_bytes());
        bytes.extend(64_u64.to_le_bytes());
        bytes.extend(8_u32.to_le_bytes());
        bytes.extend(0_u64.to_le_bytes());
        bytes.resize(bytes.len().next_multiple_of(32) + 68, 0);
        bytes
    }

    fn open(bytes: &[u8]) -> Result<Gguf, Error> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), bytes).expect("written");
        Gguf::open(file.path())
    }

    #[test]
    fn a_head_is_read() {
        let gguf = open(&model()).expect("a model");
        assert_eq!((gguf.architecture(), gguf.count("context_length")), (Some("llama"), Some(2048)));
        assert_eq!((gguf.parameters, gguf.weight_format()), (64, Some("Q8_0")));
        assert_eq!(gguf.array_length("tokenizer.ggml.tokens"), Some(100));
    }

    #[test]
    fn every_cut_is_found() {
        let whole = model();
        for length in 0..whole.len() {
            let error = open(&whole[..length]).expect_err("cut");
            assert!(!matches!(error, Error::Io(_)), "{length}: {error}");
        }
        assert!(matches!(open(&whole[..whole.len() - 1]), Err(Error::Truncated { .. })));
        assert!(matches!(open(b"<html>404</html> and then some more"), Err(Error::NotGguf)));
    }

    #[test]
    fn lengths_that_lie_do_not_allocate() {
        let mut bytes = model();
        bytes[16..24].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(matches!(open(&bytes), Err(Error::Damaged(_))));
        let mut bytes = model();
        bytes[24..32].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(matches!(open(&bytes), Err(Error::Damaged(_))));
    }
}
