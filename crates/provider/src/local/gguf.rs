//! What a GGUF file says of itself, read from its head alone, and whether the file is whole.
//!
//! ```text
//! "GGUF" · version u32 · tensors u64 · pairs u64 · { key · type u32 · value }… · { name · dims · type · offset }… · padding · data
//! ```
//!
//! Everything is little-endian and every length comes from the file, so each is held against a bound before it is believed.
//! Source: the GGUF specification in ggml's `docs/gguf.md`; block sizes from ggml's `ggml.c` type table.

use ogong_engine::plan::Description;
use serde_json::{Map, Value};
use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufReader, Read, Seek},
    path::Path,
};

/// Longest key or tensor name.
const NAME_BYTES_MAX: u64 = 1 << 16;
/// Longest string value; chat templates are tens of kilobytes.
const TEXT_BYTES_MAX: u64 = 4 << 20;
/// Pairs and tensors of a file at most.
const ENTRIES_MAX: u64 = 1 << 20;
/// Arrays longer than this are counted, not kept: vocabularies.
const ARRAY_KEPT_MAX: u64 = 1024;
/// Elements of an array at most.
const ARRAY_MAX: u64 = 1 << 28;
/// Arrays within arrays at most.
const DEPTH_MAX: u32 = 4;

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
        let mut reader = Reader { inner: BufReader::with_capacity(1 << 20, file), left: file_bytes };
        read_head(&mut reader, file_bytes)
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

struct Reader {
    inner: BufReader<File>,
    left: u64,
}

impl Reader {
    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let mut bytes = [0; N];
        self.take(N as u64)?;
        self.inner.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn take(&mut self, length: u64) -> Result<(), Error> {
        self.left = self.left.checked_sub(length).ok_or(Error::Damaged("its head ends early"))?;
        Ok(())
    }

    fn u32(&mut self) -> Result<u32, Error> {
        self.bytes().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, Error> {
        self.bytes().map(u64::from_le_bytes)
    }

    fn text(&mut self, bytes_max: u64) -> Result<String, Error> {
        let length = self.u64()?;
        if length > bytes_max {
            return Err(Error::Damaged("a string in its head is longer than any model's"));
        }
        self.take(length)?;
        let mut bytes = vec![0; usize::try_from(length).map_err(|_| Error::Damaged("a string does not fit memory"))?];
        self.inner.read_exact(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn skip(&mut self, length: u64) -> Result<(), Error> {
        self.take(length)?;
        let offset = i64::try_from(length).map_err(|_| Error::Damaged("an array is longer than any file"))?;
        self.inner.seek_relative(offset)?;
        Ok(())
    }

    fn position(&mut self) -> Result<u64, Error> {
        Ok(self.inner.stream_position()?)
    }
}

fn read_head(reader: &mut Reader, file_bytes: u64) -> Result<Gguf, Error> {
    if file_bytes < 24 || reader.bytes::<4>()? != *b"GGUF" {
        return Err(Error::NotGguf);
    }
    let version = reader.u32()?;
    if !(2..=3).contains(&version) {
        return Err(Error::Version(version));
    }
    let (tensors, pairs) = (reader.u64()?, reader.u64()?);
    if tensors > ENTRIES_MAX || pairs > ENTRIES_MAX {
        return Err(Error::Damaged("it claims more entries than any model has"));
    }
    let mut gguf = Gguf {
        pairs: Map::new(),
        parameters: 0,
        tensors,
        tensor_bytes: BTreeMap::new(),
        file_bytes,
        lengths: BTreeMap::new(),
    };
    for _ in 0..pairs {
        let key = reader.text(NAME_BYTES_MAX)?;
        let kind = reader.u32()?;
        let value = read_value(reader, kind, 0)?;
        if let Parsed::Long(length) = value {
            gguf.lengths.insert(key.clone(), length);
        }
        gguf.pairs.insert(key, value.into_json());
    }
    let mut data_bytes = 0;
    for _ in 0..tensors {
        let name = reader.text(NAME_BYTES_MAX)?;
        let (elements, offset, bytes) = read_tensor(reader)?;
        gguf.parameters = gguf.parameters.saturating_add(elements);
        gguf.tensor_bytes.insert(name, bytes);
        data_bytes = data_bytes.max(offset.saturating_add(bytes));
    }
    let alignment = gguf.pairs.get("general.alignment").and_then(Value::as_u64).filter(|n| *n > 0).unwrap_or(32);
    let wanted = reader.position()?.next_multiple_of(alignment).saturating_add(data_bytes);
    if file_bytes < wanted {
        return Err(Error::Truncated { length: file_bytes, wanted });
    }
    Ok(gguf)
}

/// A tensor's number of elements, where its data begins, and its bytes.
fn read_tensor(reader: &mut Reader) -> Result<(u64, u64, u64), Error> {
    let dimensions = reader.u32()?;
    if dimensions > 8 {
        return Err(Error::Damaged("a tensor has too many dimensions"));
    }
    let mut elements = 1_u64;
    for _ in 0..dimensions {
        elements = elements.checked_mul(reader.u64()?).ok_or(Error::Damaged("a tensor is larger than any file"))?;
    }
    let kind = reader.u32()?;
    let offset = reader.u64()?;
    // Of a kind that is newer than this table, only the start is known.
    let bytes = TENSOR_TYPES
        .iter()
        .find(|(code, _, _)| *code == kind)
        .map_or(0, |(_, block, bytes)| elements.div_ceil(*block).saturating_mul(*bytes));
    Ok((elements, offset, bytes))
}

/// A value as it was read: whole, or an array of which only the length is kept.
enum Parsed {
    Value(Value),
    Long(u64),
}

impl Parsed {
    fn into_json(self) -> Value {
        match self {
            Self::Value(value) => value,
            Self::Long(_) => Value::Null,
        }
    }
}

fn read_value(reader: &mut Reader, kind: u32, depth: u32) -> Result<Parsed, Error> {
    let value = match kind {
        0 => u64::from(reader.bytes::<1>()?[0]).into(),
        1 => i64::from(i8::from_le_bytes(reader.bytes()?)).into(),
        2 => u64::from(u16::from_le_bytes(reader.bytes()?)).into(),
        3 => i64::from(i16::from_le_bytes(reader.bytes()?)).into(),
        4 => u64::from(reader.u32()?).into(),
        5 => i64::from(i32::from_le_bytes(reader.bytes()?)).into(),
        6 => f64::from(f32::from_le_bytes(reader.bytes()?)).into(),
        7 => (reader.bytes::<1>()?[0] != 0).into(),
        8 => reader.text(TEXT_BYTES_MAX)?.into(),
        9 => return read_array(reader, depth),
        10 => reader.u64()?.into(),
        11 => i64::from_le_bytes(reader.bytes()?).into(),
        12 => f64::from_le_bytes(reader.bytes()?).into(),
        _ => return Err(Error::Damaged("a value has an unknown type")),
    };
    Ok(Parsed::Value(value))
}

fn read_array(reader: &mut Reader, depth: u32) -> Result<Parsed, Error> {
    let kind = reader.u32()?;
    let length = reader.u64()?;
    if length > ARRAY_MAX || depth >= DEPTH_MAX {
        return Err(Error::Damaged("an array is longer or deeper than any model's"));
    }
    if length <= ARRAY_KEPT_MAX {
        let mut values = Vec::new();
        for _ in 0..length {
            values.push(read_value(reader, kind, depth + 1)?.into_json());
        }
        return Ok(Parsed::Value(values.into()));
    }
    let width = match kind {
        0 | 1 | 7 => 1,
        2 | 3 => 2,
        4..=6 => 4,
        10..=12 => 8,
        _ => 0,
    };
    if width > 0 {
        reader.skip(length.saturating_mul(width))?;
    } else {
        for _ in 0..length {
            if kind == 8 {
                let bytes = reader.u64()?;
                reader.skip(bytes)?;
            } else {
                read_value(reader, kind, depth + 1)?;
            }
        }
    }
    Ok(Parsed::Long(length))
}

/// `general.file_type`.
const FILE_TYPES: &[(u64, &str)] = &[
    (0, "F32"),
    (1, "F16"),
    (2, "Q4_0"),
    (3, "Q4_1"),
    (7, "Q8_0"),
    (8, "Q5_0"),
    (9, "Q5_1"),
    (10, "Q2_K"),
    (11, "Q3_K_S"),
    (12, "Q3_K_M"),
    (13, "Q3_K_L"),
    (14, "Q4_K_S"),
    (15, "Q4_K_M"),
    (16, "Q5_K_S"),
    (17, "Q5_K_M"),
    (18, "Q6_K"),
    (19, "IQ2_XXS"),
    (20, "IQ2_XS"),
    (21, "Q2_K_S"),
    (22, "IQ3_XS"),
    (23, "IQ3_XXS"),
    (24, "IQ1_S"),
    (25, "IQ4_NL"),
    (26, "IQ3_S"),
    (27, "IQ3_M"),
    (28, "IQ2_S"),
    (29, "IQ2_M"),
    (30, "IQ4_XS"),
    (31, "IQ1_M"),
    (32, "BF16"),
    (36, "TQ1_0"),
    (37, "TQ2_0"),
    (38, "MXFP4_MOE"),
];

/// ggml's tensor types: code, elements of a block, bytes of a block.
const TENSOR_TYPES: &[(u32, u64, u64)] = &[
    (0, 1, 4),
    (1, 1, 2),
    (2, 32, 18),
    (3, 32, 20),
    (6, 32, 22),
    (7, 32, 24),
    (8, 32, 34),
    (10, 256, 84),
    (11, 256, 110),
    (12, 256, 144),
    (13, 256, 176),
    (14, 256, 210),
    (16, 256, 66),
    (17, 256, 74),
    (18, 256, 98),
    (19, 256, 50),
    (20, 32, 18),
    (21, 256, 110),
    (22, 256, 82),
    (23, 256, 136),
    (24, 1, 1),
    (25, 1, 2),
    (26, 1, 4),
    (27, 1, 8),
    (28, 1, 8),
    (29, 256, 56),
    (30, 1, 2),
    (34, 256, 54),
    (35, 256, 66),
    (39, 32, 17),
];

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
