//! Numeric class (SPEC 1.6): what must be equal on two machines for their numbers to be comparable. It selects
//! thresholds and whether exact mode may be asked for, never who may verify.

use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::{domain, hash::ClassHash, hash::tagged, params::CLASS_FIELD_BYTES_MAX};
use serde::{Deserialize, Serialize};

/// Engine, arithmetic and formats that produced a number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NumericClass {
    /// Engine name and build, e.g. `llama.cpp b12032`.
    pub engine: String,
    /// Backend and instruction set, e.g. `cpu x86-64-avx2`.
    pub backend: String,
    /// Weight format, e.g. `Q8_0`.
    pub weight_format: String,
    /// KV cache type, e.g. `f16`.
    pub kv_dtype: String,
    /// Flash attention is on.
    pub flash_attention: bool,
    /// The self-test showed that one-row and window-sized batches are bit-identical.
    pub exact: bool,
}

impl NumericClass {
    /// `H("ogong/v1/base/class", class)`.
    pub fn class_hash(&self) -> ClassHash {
        ClassHash::from_bytes(tagged(domain::CLASS, &[&self.to_bytes()]))
    }
}

impl Encode for NumericClass {
    fn encode(&self, w: &mut Writer) {
        w.str(&self.engine).str(&self.backend).str(&self.weight_format).str(&self.kv_dtype);
        w.bool(self.flash_attention).bool(self.exact);
    }
}

impl Decode for NumericClass {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut field = || r.str(CLASS_FIELD_BYTES_MAX).map(str::to_owned);
        let (engine, backend, weight_format, kv_dtype) = (field()?, field()?, field()?, field()?);
        Ok(Self { engine, backend, weight_format, kv_dtype, flash_attention: r.bool()?, exact: r.bool()? })
    }
}
