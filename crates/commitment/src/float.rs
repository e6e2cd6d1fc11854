//! The few float operations whose bits the protocol fixes (SPEC 3.5, 4.5): binary16 both ways and the vectorised
//! exponential of the digest's log-sum-exp. Written out so that no machine's instructions and no library's version
//! can change them; Rust never fuses a multiply and an add.

/// Lanes of the log-sum-exp (SPEC 3.6).
pub const LANES: usize = 8;
/// Below this the exponential counts as 0.
const EXP_FLOOR: f64 = -700.0;
/// Adding and taking away 1.5·2⁵² rounds to an integer, ties to even, for |x| < 2⁵¹.
pub const ROUND: f64 = 6_755_399_441_055_744.0;
const LN2_HI: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);
const LN2_LO: f64 = f64::from_bits(0x3dea_39ef_3579_3c76);
const F64_EXPONENT_BIAS: u64 = 1023;
const F64_MANTISSA_BITS: u32 = 52;
/// 1/k! for k = 11 down to 0.
const TAYLOR: [f64; 12] = [
    1.0 / 39_916_800.0,
    1.0 / 3_628_800.0,
    1.0 / 362_880.0,
    1.0 / 40_320.0,
    1.0 / 5_040.0,
    1.0 / 720.0,
    1.0 / 120.0,
    1.0 / 24.0,
    1.0 / 6.0,
    1.0 / 2.0,
    1.0,
    1.0,
];

/// exp(x) for x ≤ 0: n = round(x·log2 e), r = x − n·ln2_hi − n·ln2_lo, Taylor polynomial of degree 11 in Horner form,
/// scaled by 2ⁿ; 0 below −700.
#[inline(always)]
pub fn exp_lane(x: f64) -> f64 {
    let shifted = x * std::f64::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = x - n * LN2_HI - n * LN2_LO;
    let mut p = TAYLOR[0];
    for c in &TAYLOR[1..] {
        p = p * r + c;
    }
    // The low bits of `shifted` hold n in two's complement; moved up they are 2ⁿ's exponent but for the bias.
    let scale = shifted.to_bits().wrapping_shl(F64_MANTISSA_BITS).wrapping_add(F64_EXPONENT_BIAS << F64_MANTISSA_BITS);
    let y = p * f64::from_bits(scale);
    if x < EXP_FLOOR { 0.0 } else { y }
}

/// Σ exp(logit − max) in 8 interleaved lanes, id mod 8 ascending, lanes added in order.
pub fn exp_sum(logits: &[f32], max: f64) -> f64 {
    let mut lanes = [0.0f64; LANES];
    let (chunks, rest) = logits.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, logit) in lanes.iter_mut().zip(chunk) {
            *lane += exp_lane(f64::from(*logit) - max);
        }
    }
    for (lane, logit) in lanes.iter_mut().zip(rest) {
        *lane += exp_lane(f64::from(*logit) - max);
    }
    lanes.iter().fold(0.0, |sum, lane| sum + lane)
}

/// Nearest binary16, ties to even, straight from f64; too large becomes infinite.
pub fn f16_bits(x: f64) -> u16 {
    const MANTISSA_DROP: u64 = 42;
    const NORMAL_EXPONENT_MIN: i64 = -14;
    let bits = x.to_bits();
    let sign = ((bits >> 48) & 0x8000) as u16;
    let magnitude = bits & (u64::MAX >> 1);
    let exponent = (magnitude >> F64_MANTISSA_BITS) as i64 - F64_EXPONENT_BIAS as i64;
    let fraction = magnitude & ((1 << F64_MANTISSA_BITS) - 1);
    if exponent == 1024 {
        return sign | if fraction == 0 { 0x7c00 } else { 0x7e00 };
    }
    if exponent > 15 {
        return sign | 0x7c00;
    }
    if exponent < -25 {
        return sign;
    }
    // Below the normal range the mantissa moves right, its hidden bit with it.
    let (mantissa, drop) = if exponent < NORMAL_EXPONENT_MIN {
        (fraction | 1 << F64_MANTISSA_BITS, MANTISSA_DROP + (NORMAL_EXPONENT_MIN - exponent) as u64)
    } else {
        (fraction | ((exponent - NORMAL_EXPONENT_MIN + 1) as u64) << F64_MANTISSA_BITS, MANTISSA_DROP)
    };
    let kept = mantissa >> drop;
    let lost = mantissa & ((1 << drop) - 1);
    let half = 1u64 << (drop - 1);
    let up = lost > half || (lost == half && kept & 1 == 1);
    // A carry runs into the exponent, which is the next binary16 up, infinity included.
    sign | (kept + u64::from(up)) as u16
}

/// The value of a binary16, exact.
pub fn f16_value(bits: u16) -> f64 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let fraction = f64::from(bits & 0x03ff);
    let exponent = i32::from((bits >> 10) & 0x1f);
    let scale = |e: i32| f64::from_bits(((e + F64_EXPONENT_BIAS as i32) as u64) << F64_MANTISSA_BITS);
    sign * match exponent {
        0 => fraction * scale(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        e => (1024.0 + fraction) * scale(e - 25),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_is_close_and_floored() {
        for i in 0..=70_000 {
            let x = -f64::from(i) / 100.0;
            let (got, want) = (exp_lane(x), libm::exp(x));
            assert!((got - want).abs() <= want * 1e-13, "exp({x}) = {got}, not {want}");
        }
        assert_eq!(exp_lane(0.0), 1.0);
        assert_eq!(exp_lane(-700.000_1), 0.0);
        assert!(exp_lane(-700.0) > 0.0);
        assert_eq!(exp_lane(f64::NEG_INFINITY), 0.0);
        assert!(exp_lane(f64::NAN).is_nan());
    }

    #[test]
    fn every_binary16_reads_and_writes_back() {
        for bits in 0..=u16::MAX {
            let value = f16_value(bits);
            if value.is_nan() {
                assert_eq!(f16_bits(value) & 0x7fff, 0x7e00);
            } else {
                assert_eq!(f16_bits(value), bits, "{value}");
            }
        }
    }

    #[test]
    fn rounding_goes_to_the_nearest_and_ties_to_even() {
        for bits in 0..0x7bffu16 {
            let (low, high) = (f16_value(bits), f16_value(bits + 1));
            let middle = (low + high) / 2.0;
            let even = if bits % 2 == 0 { bits } else { bits + 1 };
            assert_eq!(f16_bits(middle), even, "the tie above {low}");
            assert_eq!(f16_bits(-middle), even | 0x8000);
            assert_eq!(f16_bits(middle.next_down()), bits);
            assert_eq!(f16_bits(middle.next_up()), bits + 1);
        }
        assert_eq!(f16_bits(65_519.999), 0x7bff);
        assert_eq!(f16_bits(65_520.0), 0x7c00);
        assert_eq!(f16_bits(f64::MAX), 0x7c00);
        assert_eq!(f16_bits(f64::from_bits(1)), 0);
    }
}
