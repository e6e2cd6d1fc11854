//! The sketch (SPEC 3.5): a hidden state projected on 64 rows of random signs, kept as binary16.
//!
//! `y_j = (Σ R_ji q_i) / (2¹⁶·√d)` with `q = round(h·2¹⁶)`. The dot is over integers, so it is the same in any order on
//! any machine. Where |q| < 2²⁹ each q is split into a high and a low half that fit an i16, which turns the dot into
//! the multiply-add of 16-bit lanes that every x86-64 has; larger states take the plain loop.

use crate::{error::Error, float};
use ogong_base::params::{BANK_ID, HIDDEN_DIMS_MAX, SKETCH_DIMS, SKETCH_SCALE_BITS};
use ogong_base::{Decode, DecodeError, Encode, Reader, Writer, domain};
use shake::{ExtendableOutput, Shake128, Update, XofReader};

const SCALE: f64 = (1u64 << SKETCH_SCALE_BITS) as f64;
/// Bits of the low half of a split q.
const LOW_BITS: u32 = 15;
/// |q| under which both halves fit an i16 with a bit to spare.
const SPLIT_MAX: f64 = (1u64 << (LOW_BITS + 14)) as f64;
/// |q| from which on an i64 would not hold it.
const QUANTISED_MAX: f64 = (1u64 << 63) as f64;

// Either half's dot fits an i32 at the largest width: low halves are at most 2¹⁵ − 1, high ones at most 2¹⁴.
const _: () = assert!(HIDDEN_DIMS_MAX * ((1 << LOW_BITS) - 1) <= i32::MAX as usize);

/// 64 binary16 values, as their bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sketch(pub [u16; SKETCH_DIMS]);

impl Sketch {
    /// The values.
    pub fn values(&self) -> [f64; SKETCH_DIMS] {
        self.0.map(float::f16_value)
    }
}

impl Encode for Sketch {
    fn encode(&self, w: &mut Writer) {
        for value in self.0 {
            w.u16(value);
        }
    }
}

impl Decode for Sketch {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut values = [0; SKETCH_DIMS];
        for value in &mut values {
            *value = r.u16()?;
        }
        Ok(Self(values))
    }
}

/// The sign rows for one hidden width, `[64, d]`.
#[derive(Clone)]
pub struct Bank {
    d: usize,
    rows: Vec<i16>,
    divisor: f64,
}

impl std::fmt::Debug for Bank {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Bank({SKETCH_DIMS} x {})", self.d)
    }
}

impl Bank {
    /// Draws the bank for hidden states of `d` values: bits of SHAKE128(bytes(tag) ‖ u32 bank ‖ u32 d), row by row, least
    /// significant first, 1 ⇒ −1.
    ///
    /// # Errors
    /// When `d` is 0 or over 65,536.
    pub fn new(d: usize) -> Result<Self, Error> {
        let width = u32::try_from(d).ok().filter(|_| (1..=HIDDEN_DIMS_MAX).contains(&d)).ok_or(Error::BankWidth(d))?;
        let mut w = Writer::new();
        w.str(domain::BANK.as_str()).u32(BANK_ID).u32(width);
        let mut shake = Shake128::default();
        shake.update(&w.finish());
        let mut bits = vec![0u8; (SKETCH_DIMS * d).div_ceil(8)];
        shake.finalize_xof().read(&mut bits);
        let sign = |i: usize| if bits[i / 8] >> (i % 8) & 1 == 1 { -1i16 } else { 1 };
        Ok(Self { d, rows: (0..SKETCH_DIMS * d).map(sign).collect(), divisor: SCALE * (d as f64).sqrt() })
    }

    /// Width of the hidden states.
    pub fn width(&self) -> usize {
        self.d
    }

    /// The signs of row `j`.
    pub fn row(&self, j: usize) -> &[i16] {
        &self.rows[j * self.d..][..self.d]
    }

    /// Projects a hidden state `[d]`, f32, after the final norm.
    ///
    /// # Errors
    /// When the width is wrong, a value is not finite or a result saturates.
    pub fn project(&self, hidden: &[f32]) -> Result<Sketch, Error> {
        if hidden.len() != self.d {
            return Err(Error::Width { expected: self.d, got: hidden.len() });
        }
        let largest = hidden.iter().fold(0.0f32, |largest, h| if h.abs() > largest { h.abs() } else { largest });
        // NaN is in no comparison's way above; infinity is `largest`.
        if let Some(index) = hidden.iter().position(|h| !h.is_finite()) {
            return Err(Error::NonFinite { what: "hidden state value", index });
        }
        let sums = if f64::from(largest) * SCALE < SPLIT_MAX - 1.0 {
            self.sums_split(hidden)
        } else if f64::from(largest) * SCALE < QUANTISED_MAX {
            self.sums_wide(hidden)
        } else {
            return Err(Error::Saturated(0));
        };
        let mut sketch = [0; SKETCH_DIMS];
        for (j, (value, sum)) in sketch.iter_mut().zip(sums).enumerate() {
            *value = float::f16_bits(sum / self.divisor);
            if !float::f16_value(*value).is_finite() {
                return Err(Error::Saturated(j));
            }
        }
        Ok(Sketch(sketch))
    }

    fn sums_split(&self, hidden: &[f32]) -> [f64; SKETCH_DIMS] {
        let mut high = vec![0i16; self.d];
        let mut low = vec![0i16; self.d];
        for ((high, low), h) in high.iter_mut().zip(&mut low).zip(hidden) {
            let rounded = f64::from(*h) * SCALE + float::ROUND;
            let q = rounded.to_bits() as u32 as i32;
            *high = (q >> LOW_BITS) as i16;
            *low = (q & ((1 << LOW_BITS) - 1)) as i16;
        }
        std::array::from_fn(|j| {
            let row = self.row(j);
            let sum = i64::from(dot(row, &high)) * (1 << LOW_BITS) + i64::from(dot(row, &low));
            sum as f64
        })
    }

    fn sums_wide(&self, hidden: &[f32]) -> [f64; SKETCH_DIMS] {
        let q: Vec<i128> = hidden.iter().map(|h| (f64::from(*h) * SCALE).round_ties_even() as i128).collect();
        std::array::from_fn(|j| self.row(j).iter().zip(&q).map(|(r, q)| i128::from(*r) * q).sum::<i128>() as f64)
    }
}

/// Dot of 16-bit lanes; wrapping because the bound above rules an overflow out and a check would cost the vectors.
fn dot(row: &[i16], values: &[i16]) -> i32 {
    row.iter().zip(values).fold(0i32, |sum, (r, v)| sum.wrapping_add(i32::from(*r).wrapping_mul(i32::from(*v))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(d: usize, scale: f32) -> Vec<f32> {
        (0..d).map(|i| ((i * 7919 % 1013) as f32 / 506.0 - 1.0) * scale).collect()
    }

    #[test]
    fn the_fast_dot_equals_the_plain_one() {
        for d in [1, 3, 64, 576, 4_096, HIDDEN_DIMS_MAX] {
            let bank = Bank::new(d).expect("a good width");
            for scale in [0.0, 1e-6, 1.0, 37.5, 8_000.0] {
                let hidden = state(d, scale);
                assert_eq!(bank.sums_split(&hidden), bank.sums_wide(&hidden), "d {d}, scale {scale}");
            }
        }
    }

    #[test]
    fn the_halves_do_not_overflow_at_their_bound() {
        let bank = Bank::new(HIDDEN_DIMS_MAX).expect("a good width");
        let hidden: Vec<f32> = bank.row(0).iter().map(|r| f32::from(*r) * 8_191.99).collect();
        assert_eq!(bank.sums_split(&hidden), bank.sums_wide(&hidden));
    }

    #[test]
    fn what_cannot_be_sketched_is_an_error() {
        assert!(Bank::new(0).is_err() && Bank::new(HIDDEN_DIMS_MAX + 1).is_err());
        let bank = Bank::new(4).expect("a good width");
        assert_eq!(bank.project(&[0.0; 3]), Err(Error::Width { expected: 4, got: 3 }));
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let error = bank.project(&[0.0, 0.0, bad, 0.0]);
            assert_eq!(error, Err(Error::NonFinite { what: "hidden state value", index: 2 }));
        }
        assert!(matches!(bank.project(&[1e30; 4]), Err(Error::Saturated(_))));
        let along: Vec<f32> = bank.row(5).iter().map(|r| f32::from(*r) * 40_000.0).collect();
        assert!(matches!(bank.project(&along), Err(Error::Saturated(_))), "80,000 is over binary16");
        let along: Vec<f32> = bank.row(5).iter().map(|r| f32::from(*r) * 30_000.0).collect();
        assert!(bank.project(&along).is_ok_and(|s| s.values()[5] == 60_000.0));
    }

    #[test]
    fn rounding_is_half_to_even_before_the_dot() {
        let bank = Bank::new(1).expect("a good width");
        let step = 2f32.powi(-16);
        let sign = f64::from(bank.row(0)[0]);
        for (h, q) in [(0.5, 0.0), (1.5, 2.0), (2.5, 2.0), (-0.5, 0.0), (-1.5, -2.0), (0.75, 1.0)] {
            assert_eq!(bank.sums_split(&[h * step])[0], sign * q, "{h}");
        }
    }
}
