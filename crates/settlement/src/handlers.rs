//! Who settles a reply (SPEC 9.7): a stake-weighted order of validators, the next one's turn after 30 s.
//!
//! Each validator draws `u = (x + ½)·2⁻⁶⁴`, x the first 8 bytes (big-endian) of `H(handler, reply_id ‖ key)`, and waits
//! `−log₂(u) / stake`; the order is by waiting time, then key. So the chance to be first is proportional to stake, and
//! a validator that leaves moves nobody else. The logarithm is in integers of 2⁻⁴⁰, so every machine agrees.

use ogong_base::{
    domain::HANDLER,
    hash::{ChainKey, ReplyId, tagged},
    params::HANDLER_TURN_MS,
};

/// Fraction bits of the integer logarithm.
const LOG_BITS: u32 = 40;

/// Orders `validators` (key, stake) for one reply; those without stake are left out.
pub fn order(reply_id: &ReplyId, validators: &[(ChainKey, u64)]) -> Vec<ChainKey> {
    let mut waiting: Vec<(u128, u128, ChainKey)> = validators
        .iter()
        .filter(|(_, stake)| *stake > 0)
        .map(|(key, stake)| (u128::from(waiting_log2(reply_id, key)), u128::from(*stake), *key))
        .collect();
    // a.log / a.stake against b.log / b.stake without a division; 47 and 64 bits multiply within 128.
    waiting.sort_unstable_by(|a, b| (a.0 * b.1).cmp(&(b.0 * a.1)).then(a.2.cmp(&b.2)));
    waiting.into_iter().map(|(_, _, key)| key).collect()
}

/// Whether `me` may handle now, `since_ms` being when the verdict could first be settled.
pub fn may_handle(order: &[ChainKey], me: &ChainKey, since_ms: u64, now_ms: u64) -> bool {
    let turn = now_ms.saturating_sub(since_ms) / HANDLER_TURN_MS;
    order.iter().position(|key| key == me).is_some_and(|place| u64::try_from(place).is_ok_and(|place| place <= turn))
}

/// `−log₂ u` in units of 2⁻⁴⁰; at most 65·2⁴⁰.
fn waiting_log2(reply_id: &ReplyId, key: &ChainKey) -> u64 {
    let hash = tagged(HANDLER, &[reply_id.as_bytes(), key.as_bytes()]);
    let (head, _) = hash.split_first_chunk::<8>().expect("invariant: a hash has 32 bytes");
    let drawn = 2 * u128::from(u64::from_be_bytes(*head)) + 1;
    (65 << LOG_BITS) - log2(drawn)
}

/// `log₂ v` in units of 2⁻⁴⁰, rounded down; v is 1 to 2⁶⁵.
fn log2(v: u128) -> u64 {
    let whole = v.ilog2();
    // The mantissa in [1, 2), with 63 fraction bits: its square fits 128.
    let mut mantissa = if whole > 63 { v >> (whole - 63) } else { v << (63 - whole) };
    let mut log = u64::from(whole);
    for _ in 0..LOG_BITS {
        mantissa = (mantissa * mantissa) >> 63;
        let over = mantissa >> 64 != 0;
        if over {
            mantissa >>= 1;
        }
        log = (log << 1) | u64::from(over);
    }
    log
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u8) -> ChainKey {
        ChainKey::from_bytes([n; 32])
    }

    fn reply(n: u32) -> ReplyId {
        ReplyId::from_bytes(ogong_base::hash::sha256(&n.to_le_bytes()))
    }

    #[test]
    fn the_logarithm_is_exact_at_powers_and_close_between() {
        assert_eq!(log2(1), 0);
        assert_eq!(log2(1 << 64), 64 << LOG_BITS);
        for v in [3u128, 10, 12_345, u128::from(u64::MAX), (1 << 65) - 1] {
            let ours = log2(v) as f64 / f64::from(2.0f32).powi(40);
            assert!(((v as f64).log2() - ours).abs() < 1e-9, "{v}: {ours}");
        }
    }

    #[test]
    fn the_chance_to_be_first_is_the_share_of_stake() {
        let validators = [(key(1), 700), (key(2), 200), (key(3), 100)];
        let mut first = [0u32; 3];
        for n in 0..20_000 {
            let order = order(&reply(n), &validators);
            assert_eq!(order.len(), 3);
            let place = validators.iter().position(|(k, _)| *k == order[0]).expect("one of them");
            first[place] += 1;
        }
        for (got, expected) in first.into_iter().zip([14_000u32, 4_000, 2_000]) {
            assert!(got.abs_diff(expected) < 350, "{first:?}: five standard deviations are under 350");
        }
    }

    #[test]
    fn a_leaver_moves_nobody_and_no_stake_means_no_turn() {
        let all = [(key(1), 5), (key(2), 5), (key(3), 5), (key(4), 0)];
        for n in 0..100 {
            let with = order(&reply(n), &all);
            assert!(!with.contains(&key(4)));
            let without = order(&reply(n), &all[1..]);
            let kept: Vec<_> = with.into_iter().filter(|k| *k != key(1)).collect();
            assert_eq!(kept, without);
        }
    }

    #[test]
    fn turns_open_one_after_the_other_and_stay_open() {
        let order = [key(1), key(2)];
        assert!(may_handle(&order, &key(1), 1_000, 1_000));
        assert!(!may_handle(&order, &key(2), 1_000, 1_000 + HANDLER_TURN_MS - 1));
        assert!(may_handle(&order, &key(2), 1_000, 1_000 + HANDLER_TURN_MS));
        assert!(may_handle(&order, &key(1), 1_000, 1_000 + 9 * HANDLER_TURN_MS));
        assert!(!may_handle(&order, &key(3), 0, u64::MAX));
    }
}
