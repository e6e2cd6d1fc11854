//! The emission curve (SPEC 9.11), from the very file that the program is compiled from.

#[path = "../../programs/chain/src/curve.rs"]
#[allow(dead_code, reason = "the program uses more of it")]
#[allow(clippy::module_inception, reason = "it has the file's name in the program, too")]
pub mod curve;

use curve::{CAP_ATOMS, HALVING_S, LAUNCH_ATOMS, TRANCHE_ATOMS, between, emitted};

const YEAR_S: u64 = HALVING_S / 4;

/// SplitMix64, so that a failure can be run again.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[test]
fn the_book_s_numbers() {
    assert_eq!(LAUNCH_ATOMS.iter().sum::<u64>(), 1_000_000_000 * 1_000_000_000);
    assert_eq!(CAP_ATOMS, 5_000_000_000_000_000_000);
    // half of what is left, every four years
    let tokens = [0, 2_000_000_000, 3_000_000_000, 3_500_000_000, 3_750_000_000, 3_875_000_000];
    for (era, tokens) in (0u64..).zip::<[u64; 6]>(tokens) {
        assert_eq!(emitted(era * HALVING_S), tokens * 1_000_000_000, "after {} years", 4 * era);
    }
    // "roughly 97% within 20 years"
    assert_eq!(emitted(20 * YEAR_S) / (TRANCHE_ATOMS / 10_000), 9_687);
    // within an era it is a straight line
    assert_eq!(emitted(YEAR_S), 500_000_000 * 1_000_000_000);
}

#[test]
fn it_rises_and_never_arrives() {
    let mut last = 0;
    for day in 0..400 * 366 {
        let now = emitted(day * 86_400);
        assert!(last <= now && now < TRANCHE_ATOMS, "day {day}");
        last = now;
    }
    for far in [63 * HALVING_S, 64 * HALVING_S, 65 * HALVING_S, u64::MAX - 1, u64::MAX] {
        assert!(emitted(far) < TRANCHE_ATOMS, "{far}");
        assert!(emitted(far) >= last);
    }
    // at each halving, to the second
    for era in 1..70u64 {
        let at = era * HALVING_S;
        assert!(emitted(at - 1) <= emitted(at) && emitted(at) <= emitted(at + 1), "halving {era}");
    }
}

/// However time is cut into epochs, their amounts add up to the curve.
#[test]
fn epochs_of_any_length_add_up() {
    let mut state = 7;
    for _ in 0..200 {
        let (mut at, mut sum) = (0, 0);
        for _ in 0..500 {
            let next = at + random(&mut state) % (30 * 86_400);
            sum += between(at, next);
            at = next;
        }
        assert_eq!(sum, emitted(at));
    }
    assert_eq!(between(100, 100), 0);
    assert_eq!(between(100, 99), 0, "an epoch that ends before it starts releases nothing");
    assert_eq!(between(0, u64::MAX), emitted(u64::MAX));
}

/// All parts of a cap together are the cap but for what flooring leaves, in every era.
#[test]
fn the_parts_of_a_cap_sum_to_no_more_than_it() {
    for era in [0, 1, 2, 5, 10, 11, 63, 64, 1_000] {
        for cap in [0, 1, 7, 8_400, 1_000_000_007, u64::MAX] {
            let parts = curve::of_cap(cap, era);
            let sum: u128 = parts.iter().map(|part| u128::from(*part)).sum();
            assert!(sum <= u128::from(cap) && u128::from(cap) - sum <= 4, "{parts:?} of {cap} in era {era}");
        }
    }
    assert_eq!(curve::of_cap(8_400, 0), [5_900, 500, 1_000, 1_000]);
    assert_eq!(curve::of_cap(10_000, 64), [7_500, 500, 1_000, 1_000], "liveness is over");
}
