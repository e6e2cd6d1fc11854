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
pub fn exp_lane(x: f64) -> f64 {
    let [y] = exp_above_floor([x]);
    if x < EXP_FLOOR { 0.0 } else { y }
}

/// [`exp_lane`] of several values that are all at or above the floor, step by step over all of them: so the steps of one
/// value do not wait for each other.
#[inline(always)]
fn exp_above_floor<const N: usize>(x: [f64; N]) -> [f64; N] {
    let shifted = x.map(|x| x * std::f64::consts::LOG2_E + ROUND);
    let r: [f64; N] = std::array::from_fn(|i| {
        let n = shifted[i] - ROUND;
        x[i] - n * LN2_HI - n * LN2_LO
    });
    let mut p = [TAYLOR[0]; N];
    for c in &TAYLOR[1..] {
        for (p, r) in p.iter_mut().zip(r) {
            *p = *p * r + c;
        }
    }
    std::array::from_fn(|i| {
        // The low bits of `shifted` hold n in two's complement; moved up they are 2ⁿ's exponent but for the bias.
        let n = shifted[i].to_bits().wrapping_shl(F64_MANTISSA_BITS);
        p[i] * f64::from_bits(n.wrapping_add(F64_EXPONENT_BIAS << F64_MANTISSA_BITS))
    })
}

/// Σ exp(logit − max) in 8 interleaved lanes, id mod 8 ascending, lanes added in order.
pub fn exp_sum(logits: &[f32], max: f64) -> f64 {
    if f64::from(trough(logits)) - max < EXP_FLOOR { sum_floored(logits, max) } else { sum_above_floor(logits, max) }
}

fn sum_floored(logits: &[f32], max: f64) -> f64 {
    let mut lanes = [0.0f64; LANES];
    for (logit, lane) in logits.iter().zip((0..LANES).cycle()) {
        lanes[lane] += exp_lane(f64::from(*logit) - max);
    }
    lanes.iter().fold(0.0, |sum, lane| sum + lane)
}

// A function of its own with the lanes' sum inside: so the compiler keeps the lanes where the steps do not spill.
#[inline(never)]
fn sum_above_floor(logits: &[f32], max: f64) -> f64 {
    let mut lanes = [0.0f64; LANES];
    let (chunks, rest) = logits.as_chunks::<LANES>();
    for chunk in chunks {
        let terms = exp_above_floor(chunk.map(|logit| f64::from(logit) - max));
        for (lane, term) in lanes.iter_mut().zip(terms) {
            *lane += term;
        }
    }
    for (lane, logit) in lanes.iter_mut().zip(rest) {
        *lane += exp_lane(f64::from(*logit) - max);
    }
    lanes.iter().fold(0.0, |sum, lane| sum + lane)
}

/// Largest value, NaN aside.
pub fn peak(values: &[f32]) -> f32 {
    extreme(values, f32::NEG_INFINITY, |value, lane| value > lane)
}

/// Smallest value, NaN aside.
fn trough(values: &[f32]) -> f32 {
    extreme(values, f32::INFINITY, |value, lane| value < lane)
}

#[inline(always)]
fn extreme(values: &[f32], start: f32, beats: impl Fn(f32, f32) -> bool) -> f32 {
    let pick = |lane: f32, value: f32| if beats(value, lane) { value } else { lane };
    let (chunks, rest) = values.as_chunks::<LANES>();
    let mut lanes = [start; LANES];
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane = pick(*lane, *value);
        }
    }
    lanes.iter().chain(rest).fold(start, |best, value| pick(best, *value))
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
    fn the_sum_runs_in_eight_lanes_whichever_way_it_goes() {
        let logits: Vec<f32> = (0..1_003).map(|i| ((i * 7_919) % 1_013) as f32 / -30.0).collect();
        let plain = |logits: &[f32]| {
            let mut lanes = [0.0f64; LANES];
            for (i, logit) in logits.iter().enumerate() {
                lanes[i % LANES] += exp_lane(f64::from(*logit));
            }
            lanes.iter().sum::<f64>()
        };
        assert_eq!(exp_sum(&logits, 0.0).to_bits(), plain(&logits).to_bits());
        let mut masked = logits;
        (masked[5], masked[77]) = (f32::NEG_INFINITY, -701.0);
        assert_eq!(exp_sum(&masked, 0.0).to_bits(), plain(&masked).to_bits());
        masked[400] = f32::NAN;
        assert!(exp_sum(&masked, 0.0).is_nan());
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
