//! Borsh as Anchor writes it, for the few shapes used here: little-endian integers, `u32` length prefixes, 8-byte
//! discriminators `sha256("<namespace>:<name>")[..8]`.

use crate::Address;
use sha2::{Digest, Sha256};

/// Why account or event bytes were refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The data ended inside a field.
    #[error("data ends early: {needed} bytes wanted, {left} left")]
    Short {
        /// Bytes the field takes.
        needed: usize,
        /// Bytes that were there.
        left: usize,
    },
    /// It is some other account or event.
    #[error("discriminator is not that of {expected}")]
    Discriminator {
        /// What the caller asked for.
        expected: &'static str,
    },
    /// A layout that this crate does not know.
    #[error("version {got} of {account}, expected 2")]
    Version {
        /// Which account.
        account: &'static str,
        /// The version byte found.
        got: u8,
    },
    /// A value outside the field's range.
    #[error("{0} is out of range")]
    Range(&'static str),
}

/// The version byte of every account (SPEC 9.1).
const ACCOUNT_VERSION: u8 = 2;

/// `sha256("<namespace>:<name>")[..8]`.
pub(crate) fn discriminator(namespace: &str, name: &str) -> [u8; 8] {
    let digest = Sha256::new().chain_update(namespace).chain_update(":").chain_update(name).finalize();
    let mut out = [0; 8];
    out.copy_from_slice(&digest[..8]);
    out
}

/// `H(tag, m) = sha256(bytes(tag) ‖ m)`, SPEC 0.
pub(crate) fn tagged(tag: &str, message: &[u8]) -> [u8; 32] {
    let length = u32::try_from(tag.len()).expect("invariant: a tag is short");
    Sha256::new().chain_update(length.to_le_bytes()).chain_update(tag).chain_update(message).finalize().into()
}

pub(crate) struct Writer(Vec<u8>);

impl Writer {
    /// Starts an instruction's data.
    pub fn instruction(name: &str) -> Self {
        Self(discriminator("global", name).to_vec())
    }
    pub fn empty() -> Self {
        Self(Vec::new())
    }
    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }
    pub fn u8(self, value: u8) -> Self {
        self.raw(&[value])
    }
    pub fn u16(self, value: u16) -> Self {
        self.raw(&value.to_le_bytes())
    }
    pub fn u32(self, value: u32) -> Self {
        self.raw(&value.to_le_bytes())
    }
    pub fn u64(self, value: u64) -> Self {
        self.raw(&value.to_le_bytes())
    }
    pub fn address(self, value: &Address) -> Self {
        self.raw(value.as_array())
    }
    pub fn bytes(self, value: &[u8]) -> Self {
        let length = u32::try_from(value.len()).expect("invariant: a field is shorter than 4 GiB");
        self.u32(length).raw(value)
    }
    /// A list of hashes or addresses.
    pub fn list<'a>(self, items: impl ExactSizeIterator<Item = &'a [u8; 32]>) -> Self {
        let length = u32::try_from(items.len()).expect("invariant: a list is short");
        items.fold(self.u32(length), |data, item| data.raw(item))
    }
    pub fn finish(self) -> Vec<u8> {
        self.0
    }
}

pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Checks an event's discriminator and starts behind it.
    pub fn event(data: &'a [u8], name: &'static str) -> Result<Self, DecodeError> {
        Self::tagged(data, "event", name)
    }

    /// Checks an account's discriminator and version and starts behind them.
    pub fn account(data: &'a [u8], name: &'static str) -> Result<Self, DecodeError> {
        let mut reader = Self::tagged(data, "account", name)?;
        match reader.u8()? {
            ACCOUNT_VERSION => Ok(reader),
            got => Err(DecodeError::Version { account: name, got }),
        }
    }

    /// Starts at the first byte of data that carries no discriminator.
    pub fn plain(data: &'a [u8]) -> Self {
        Self(data)
    }

    fn tagged(data: &'a [u8], namespace: &str, name: &'static str) -> Result<Self, DecodeError> {
        let mut reader = Self(data);
        if reader.array::<8>()? == discriminator(namespace, name) {
            Ok(reader)
        } else {
            Err(DecodeError::Discriminator { expected: name })
        }
    }

    pub fn raw(&mut self, needed: usize) -> Result<&'a [u8], DecodeError> {
        let (head, tail) = self.0.split_at_checked(needed).ok_or(DecodeError::Short { needed, left: self.0.len() })?;
        self.0 = tail;
        Ok(head)
    }
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let mut out = [0; N];
        out.copy_from_slice(self.raw(N)?);
        Ok(out)
    }
    pub fn u8(&mut self) -> Result<u8, DecodeError> {
        Ok(u8::from_le_bytes(self.array()?))
    }
    pub fn u16(&mut self) -> Result<u16, DecodeError> {
        Ok(u16::from_le_bytes(self.array()?))
    }
    pub fn u32(&mut self) -> Result<u32, DecodeError> {
        Ok(u32::from_le_bytes(self.array()?))
    }
    pub fn u64(&mut self) -> Result<u64, DecodeError> {
        Ok(u64::from_le_bytes(self.array()?))
    }
    pub fn address(&mut self) -> Result<Address, DecodeError> {
        Ok(Address::new_from_array(self.array()?))
    }

    pub fn bool(&mut self) -> Result<bool, DecodeError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(DecodeError::Range("flag")),
        }
    }

    /// A count or length of at most `most`.
    pub fn count(&mut self, most: usize, field: &'static str) -> Result<usize, DecodeError> {
        let count = usize::try_from(self.u32()?).map_err(|_| DecodeError::Range(field))?;
        if count <= most { Ok(count) } else { Err(DecodeError::Range(field)) }
    }

    pub fn string(&mut self, most: usize, field: &'static str) -> Result<String, DecodeError> {
        let length = self.count(most, field)?;
        String::from_utf8(self.raw(length)?.to_vec()).map_err(|_| DecodeError::Range(field))
    }
}
