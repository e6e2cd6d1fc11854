//! The one encoding of everything hashed or signed (SPEC §0): fixed-width little-endian integers, length-prefixed
//! bytes, counted lists. A decoder bounds every count, refuses trailing bytes and anything that does not re-encode
//! to the same bytes, so a value has exactly one encoding.

use thiserror::Error;

/// Why bytes of a peer are not a value.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The input ended inside a field.
    #[error("input ended: {needed} bytes needed, {left} left")]
    Truncated {
        /// Bytes the field needs.
        needed: usize,
        /// Bytes that were left.
        left: usize,
    },
    /// The value ended before the input did.
    #[error("{0} trailing bytes")]
    Trailing(usize),
    /// A length or count is over its bound.
    #[error("{what}: {got} is over the bound of {max}")]
    TooLong {
        /// The bounded field.
        what: &'static str,
        /// The count that was announced.
        got: usize,
        /// The bound.
        max: usize,
    },
    /// A string is not UTF-8.
    #[error("string is not utf-8")]
    NotUtf8,
    /// The value decodes but has a shorter or other canonical encoding.
    #[error("encoding is not canonical")]
    NotCanonical,
    /// A field holds a value its type does not have.
    #[error("{what}: {got} is not a valid value")]
    Invalid {
        /// The field.
        what: &'static str,
        /// What stood there.
        got: String,
    },
}

impl DecodeError {
    /// A field holds a value its type does not have.
    pub fn invalid(what: &'static str, got: impl ToString) -> Self {
        Self::Invalid { what, got: got.to_string() }
    }
}

/// A value with one canonical encoding.
pub trait Encode {
    /// Appends the encoding.
    fn encode(&self, w: &mut Writer);

    /// The encoding alone.
    fn to_bytes(&self) -> Vec<u8> {
        let mut w = Writer::new();
        self.encode(&mut w);
        w.finish()
    }
}

/// A value that can be read back from its encoding.
pub trait Decode: Encode + Sized {
    /// Reads one value and leaves the rest.
    ///
    /// # Errors
    /// When the bytes are short, over a bound or hold an impossible value.
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError>;

    /// Reads a value that fills `bytes` exactly and re-encodes to them.
    ///
    /// # Errors
    /// As [`Decode::decode`], and on trailing or non-canonical bytes.
    fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes);
        let value = Self::decode(&mut r)?;
        r.finish()?;
        if value.to_bytes() != bytes {
            return Err(DecodeError::NotCanonical);
        }
        Ok(value)
    }
}

/// Appends fields to a buffer.
#[derive(Debug, Default, Clone)]
pub struct Writer(Vec<u8>);

macro_rules! write_int {
    ($($name:ident: $t:ty),*) => {$(
        #[doc = concat!("Appends a little-endian `", stringify!($t), "`.")]
        pub fn $name(&mut self, v: $t) -> &mut Self {
            self.0.extend_from_slice(&v.to_le_bytes());
            self
        }
    )*};
}

impl Writer {
    /// An empty buffer.
    pub fn new() -> Self {
        Self::default()
    }

    write_int!(u8: u8, u16: u16, u32: u32, u64: u64, i16: i16, i32: i32);

    /// Appends bytes as they are, without a length.
    pub fn raw(&mut self, v: &[u8]) -> &mut Self {
        self.0.extend_from_slice(v);
        self
    }

    /// Appends a `u32` length and the bytes.
    ///
    /// # Panics
    /// When the length does not fit a `u32`: nothing in the protocol comes near.
    pub fn bytes(&mut self, v: &[u8]) -> &mut Self {
        self.count(v.len()).raw(v)
    }

    /// Appends a string as [`Writer::bytes`].
    pub fn str(&mut self, v: &str) -> &mut Self {
        self.bytes(v.as_bytes())
    }

    /// Appends a `bool` as 0 or 1.
    pub fn bool(&mut self, v: bool) -> &mut Self {
        self.u8(u8::from(v))
    }

    /// Appends a `u32` as LEB128, 1 to 5 bytes.
    pub fn varint(&mut self, mut v: u32) -> &mut Self {
        while v >= 0x80 {
            self.u8((v & 0x7f) as u8 | 0x80);
            v >>= 7;
        }
        self.u8(v as u8)
    }

    /// Appends a `u32` count and then each item by `item`.
    ///
    /// # Panics
    /// When the count does not fit a `u32`.
    pub fn list<T>(&mut self, items: &[T], mut item: impl FnMut(&mut Self, &T)) -> &mut Self {
        self.count(items.len());
        for i in items {
            item(self, i);
        }
        self
    }

    /// Appends 0, or 1 and the value by `item`.
    pub fn opt<T>(&mut self, v: Option<&T>, item: impl FnOnce(&mut Self, &T)) -> &mut Self {
        self.bool(v.is_some());
        if let Some(v) = v {
            item(self, v);
        }
        self
    }

    /// Appends a value.
    pub fn put(&mut self, v: &impl Encode) -> &mut Self {
        v.encode(self);
        self
    }

    /// The bytes written.
    pub fn finish(self) -> Vec<u8> {
        self.0
    }

    fn count(&mut self, n: usize) -> &mut Self {
        self.u32(u32::try_from(n).expect("invariant: lengths fit u32"))
    }
}

/// Reads fields from a peer's bytes.
#[derive(Debug, Clone)]
pub struct Reader<'a>(&'a [u8]);

macro_rules! read_int {
    ($($name:ident: $t:ty),*) => {$(
        #[doc = concat!("Reads a little-endian `", stringify!($t), "`.")]
        ///
        /// # Errors
        /// When the input is short.
        pub fn $name(&mut self) -> Result<$t, DecodeError> {
            Ok(<$t>::from_le_bytes(self.array()?))
        }
    )*};
}

impl<'a> Reader<'a> {
    /// Reads from the start of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    read_int!(u8: u8, u16: u16, u32: u32, u64: u64, i16: i16, i32: i32);

    /// Bytes not read yet.
    pub fn remaining(&self) -> usize {
        self.0.len()
    }

    /// Reads `n` bytes that carry no length.
    ///
    /// # Errors
    /// When the input is short.
    pub fn raw(&mut self, n: usize) -> Result<&'a [u8], DecodeError> {
        let (head, rest) =
            self.0.split_at_checked(n).ok_or(DecodeError::Truncated { needed: n, left: self.0.len() })?;
        self.0 = rest;
        Ok(head)
    }

    /// Reads `N` bytes that carry no length.
    ///
    /// # Errors
    /// When the input is short.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (head, rest) =
            self.0.split_first_chunk::<N>().ok_or(DecodeError::Truncated { needed: N, left: self.0.len() })?;
        self.0 = rest;
        Ok(*head)
    }

    /// Reads length-prefixed bytes of at most `max`.
    ///
    /// # Errors
    /// When the input is short or the length over the bound.
    pub fn bytes(&mut self, max: usize) -> Result<&'a [u8], DecodeError> {
        let n = self.count("bytes", max)?;
        self.raw(n)
    }

    /// Reads a UTF-8 string of at most `max` bytes.
    ///
    /// # Errors
    /// As [`Reader::bytes`], and when it is not UTF-8.
    pub fn str(&mut self, max: usize) -> Result<&'a str, DecodeError> {
        std::str::from_utf8(self.bytes(max)?).map_err(|_| DecodeError::NotUtf8)
    }

    /// Reads 0 or 1.
    ///
    /// # Errors
    /// When the byte is missing or another.
    pub fn bool(&mut self) -> Result<bool, DecodeError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(DecodeError::invalid("bool", other)),
        }
    }

    /// Reads a minimal LEB128 `u32`.
    ///
    /// # Errors
    /// When it is short, over 32 bits or padded.
    pub fn varint(&mut self) -> Result<u32, DecodeError> {
        let mut value = 0u32;
        for shift in [0u32, 7, 14, 21, 28] {
            let byte = self.u8()?;
            let bits = u32::from(byte & 0x7f);
            if shift == 28 && bits > 0x0f {
                return Err(DecodeError::invalid("varint", "over 32 bits"));
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                if byte == 0 && shift > 0 {
                    return Err(DecodeError::NotCanonical);
                }
                return Ok(value);
            }
        }
        Err(DecodeError::invalid("varint", "over 5 bytes"))
    }

    /// Reads a counted list of at most `max` items.
    ///
    /// # Errors
    /// When the count is over the bound or an item fails.
    pub fn list<T>(
        &mut self,
        max: usize,
        mut item: impl FnMut(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        let n = self.count("list", max)?;
        // An item takes at least one byte, so a lying count cannot make us allocate more than the input is long.
        let mut items = Vec::with_capacity(n.min(self.0.len()));
        for _ in 0..n {
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// Reads an optional value.
    ///
    /// # Errors
    /// When the mark is neither 0 nor 1 or the value fails.
    pub fn opt<T>(&mut self, item: impl FnOnce(&mut Self) -> Result<T, DecodeError>) -> Result<Option<T>, DecodeError> {
        if self.bool()? { item(self).map(Some) } else { Ok(None) }
    }

    /// Reads a value.
    ///
    /// # Errors
    /// As the value's own decoder.
    pub fn get<T: Decode>(&mut self) -> Result<T, DecodeError> {
        T::decode(self)
    }

    /// Refuses what is left.
    ///
    /// # Errors
    /// When bytes are left.
    pub fn finish(self) -> Result<(), DecodeError> {
        if self.0.is_empty() { Ok(()) } else { Err(DecodeError::Trailing(self.0.len())) }
    }

    fn count(&mut self, what: &'static str, max: usize) -> Result<usize, DecodeError> {
        let got = usize::try_from(self.u32()?).unwrap_or(usize::MAX);
        if got > max {
            return Err(DecodeError::TooLong { what, got, max });
        }
        Ok(got)
    }
}
