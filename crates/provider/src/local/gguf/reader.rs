//! The bytes of a head: every length is held against a bound before it is believed.

use super::{Error, Gguf, types::TENSOR_TYPES};
use serde_json::{Map, Value};
use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufReader, Read, Seek},
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

/// Reads values, and never past the end of the file.
pub(super) struct Reader {
    inner: BufReader<File>,
    left: u64,
}

impl Reader {
    /// A reader of a file of so many bytes.
    pub fn new(file: File, file_bytes: u64) -> Self {
        Self { inner: BufReader::with_capacity(1 << 20, file), left: file_bytes }
    }

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

/// Reads the head and holds the file's length against its tensors.
///
/// # Errors
/// When it is something else, contradicts itself, or is cut short.
pub(super) fn read_head(reader: &mut Reader, file_bytes: u64) -> Result<Gguf, Error> {
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
