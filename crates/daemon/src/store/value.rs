//! Values a table can hold beside protocol types: opaque bytes, and JSON for what never leaves the machine.

use ogong_base::codec::{Decode, DecodeError, Encode, Reader, Writer};
use serde::{Serialize, de::DeserializeOwned};

/// Bytes as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

impl Encode for Bytes {
    fn encode(&self, w: &mut Writer) {
        w.raw(&self.0);
    }
}

impl Decode for Bytes {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.raw(r.remaining()).map(|bytes| Self(bytes.to_vec()))
    }
}

/// A process's own state, kept as JSON so that a later version can add fields. Never hashed or signed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Json<T>(pub T);

impl<T: Serialize> Encode for Json<T> {
    /// # Panics
    /// When the value cannot be JSON, such as a map with keys that are no strings: a fault of its type.
    fn encode(&self, w: &mut Writer) {
        w.raw(&serde_json::to_vec(&self.0).expect("invariant: stored state is JSON"));
    }
}

impl<T: Serialize + DeserializeOwned> Decode for Json<T> {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let bytes = r.raw(r.remaining())?;
        serde_json::from_slice(bytes).map(Self).map_err(|why| DecodeError::invalid("json", why))
    }

    /// JSON written by an older version need not be what this one would write.
    fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        Self::decode(&mut Reader::new(bytes))
    }
}
