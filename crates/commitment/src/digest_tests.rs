use super::*;

fn logits(n: usize, spread: f32) -> Vec<f32> {
    let mut state = 1u64;
    (0..n)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 40) as f32 / (1u64 << 24) as f32 - 0.5) * spread
        })
        .collect()
}

/// A digest of `n` entries whose mass is about `mass`.
fn flat(n: usize, mass: f64) -> Digest {
    let q = (1024.0 * (mass / n as f64).ln()).round() as i16;
    Digest { entries: (0..n as u32).map(|id| (id, q)).collect() }
}

#[test]
fn the_scan_finds_what_a_sort_finds() {
    for n in [8, 63, 64, 65, 4_000, 49_152, 49_153] {
        for spread in [0.0, 1.0, 30.0] {
            let logits = logits(n, spread);
            let scan = Scan::new(&logits).expect("finite");
            let mut all: Vec<(u32, f32)> = (0..).zip(logits.iter().copied()).collect();
            all.sort_by(|a, b| b.1.partial_cmp(&a.1).expect("finite").then(a.0.cmp(&b.0)));
            all.truncate(64);
            assert_eq!(scan.top, all, "{n} logits, spread {spread}");
            let max = f64::from(all[0].1);
            let sum: f64 = logits.iter().map(|l| libm::exp(f64::from(*l) - max)).sum();
            assert!((scan.lse - (max + libm::log(sum))).abs() < 1e-9);
        }
    }
}

#[test]
fn signed_zeros_are_one_value() {
    let mut logits = vec![-1.0f32; 200];
    logits[10] = -0.0;
    logits[150] = 0.0;
    let scan = Scan::new(&logits).expect("finite");
    assert_eq!(scan.top[0].0, 10);
    assert_eq!(scan.top[1].0, 150);
}

#[test]
fn a_sharp_row_keeps_eight_and_a_flat_one_all() {
    let mut sharp = vec![0.0f32; 1_000];
    sharp[7] = 40.0;
    let digest = Digest::from_logits(&sharp).expect("finite");
    assert_eq!(digest.entries.len(), 8);
    assert_eq!(digest.entries[0], (7, 0));
    assert_eq!(digest.check(1_000), Ok(()));
    let digest = Digest::from_logits(&vec![0.0f32; 1_000]).expect("finite");
    assert_eq!(digest.entries.len(), 64);
    assert_eq!(digest.entries.iter().map(|(id, _)| *id).collect::<Vec<_>>(), (0..64).collect::<Vec<_>>());
    assert_eq!(digest.check(1_000), Ok(()));
}

#[test]
fn masked_tokens_saturate_and_broken_rows_are_errors() {
    let mut row = logits(100, 3.0);
    row[60..].fill(f32::NEG_INFINITY);
    let top = top64(&row).expect("masked is fine");
    assert_eq!(top.entries.iter().filter(|(_, q)| *q == i16::MIN).count(), 4);
    assert_eq!(top.cut().check(100), Ok(()));
    for bad in [f32::NAN, f32::INFINITY] {
        let mut row = logits(100, 3.0);
        row[41] = bad;
        assert_eq!(Scan::new(&row), Err(Error::NonFinite { what: "logit", index: 41 }));
    }
    assert!(Scan::new(&[f32::NEG_INFINITY; 100]).is_err());
    assert_eq!(Scan::new(&[0.0; 7]), Err(Error::Vocabulary(7)));
}

#[test]
fn the_number_of_entries_has_two_bounds() {
    assert_eq!(flat(8, 1.0).check(100), Ok(()));
    assert_eq!(flat(7, 1.0).check(100), Err(DigestFault::TooFew(7)));
    assert_eq!(flat(64, 1.0).check(100), Ok(()));
    assert_eq!(flat(65, 1.0).check(100), Err(DigestFault::TooMany(65)));
    assert_eq!(Digest::default().check(100), Err(DigestFault::TooFew(0)));
}

#[test]
fn ids_are_ordered_once_and_of_the_vocabulary() {
    assert_eq!(flat(8, 1.0).check(8), Ok(()));
    assert_eq!(flat(8, 1.0).check(7), Err(DigestFault::OutOfVocabulary { id: 7, n_vocab: 7 }));
    let mut swapped = flat(8, 1.0);
    swapped.entries.swap(3, 4);
    assert_eq!(swapped.check(100), Err(DigestFault::Unordered(4)));
    let mut rising = flat(8, 1.0);
    rising.entries[5].1 += 1;
    assert_eq!(rising.check(100), Err(DigestFault::Unordered(5)));
    let mut twice = flat(8, 1.0);
    twice.entries[7] = (0, twice.entries[7].1 - 1);
    assert_eq!(twice.check(100), Err(DigestFault::Duplicate(0)));
}

#[test]
fn the_mass_has_two_bounds_and_64_entries_only_one() {
    let mass_of = |digest: &Digest| digest.mass();
    let (low, under) = (flat(8, 0.9985), flat(8, 0.9972));
    assert!(mass_of(&low) >= DIGEST_MASS_MIN && mass_of(&under) < DIGEST_MASS_MIN);
    assert_eq!(low.check(100), Ok(()));
    assert!(matches!(under.check(100), Err(DigestFault::MassUnder(_))));
    assert_eq!(flat(64, 0.4).check(100), Ok(()));
    assert!(matches!(flat(63, 0.4).check(100), Err(DigestFault::MassUnder(_))));
    let (high, over) = (flat(8, 1.0015), flat(8, 1.0030));
    assert!(mass_of(&high) <= DIGEST_MASS_MAX && mass_of(&over) > DIGEST_MASS_MAX);
    assert_eq!(high.check(100), Ok(()));
    assert!(matches!(over.check(100), Err(DigestFault::MassOver(_))));
    assert!(matches!(flat(64, 1.1).check(100), Err(DigestFault::MassOver(_))));
}

#[test]
fn the_cut_takes_the_first_prefix_that_reaches_the_mass() {
    let mut entries: Vec<(u32, i16)> = (0..64).map(|id| (id, -20_000 - id as i16)).collect();
    entries[0].1 = 0;
    let top = Digest { entries };
    assert_eq!(top.cut().entries.len(), 8, "the mass is there at once, eight are kept all the same");
    let tail = flat(20, 0.9);
    let mut entries = tail.entries.clone();
    entries.extend((20..40).map(|id| (id, (1024.0 * (0.1f64 / 20.0).ln()).round() as i16)));
    let cut = Digest { entries }.cut();
    let without_last: f64 = cut.mass() - probability(cut.entries.last().expect("not empty").1);
    assert!(cut.mass() >= DIGEST_MASS && without_last < DIGEST_MASS);
}

#[test]
fn gaps_reach_the_lowest_logprob_and_not_below() {
    for entries in
        [vec![(5, i16::MIN)], vec![(5, 0), (9, i16::MIN), (11, i16::MIN)], vec![(1, -1), (2, -1), (0, -32_767)]]
    {
        let digest = Digest { entries };
        assert_eq!(Digest::from_bytes(&digest.to_bytes()), Ok(digest));
    }
    let bytes = |gaps: &[u32]| {
        let mut w = Writer::new();
        w.u8(gaps.len() as u8);
        gaps.iter().for_each(|gap| {
            w.varint(1).varint(*gap);
        });
        w.finish()
    };
    assert_eq!(Digest::from_bytes(&bytes(&[32_769])), Err(DecodeError::invalid("digest gap", 32_769)));
    assert_eq!(Digest::from_bytes(&bytes(&[1, 32_768])), Err(DecodeError::invalid("digest gap", 32_768)));
    assert_eq!(Digest::from_bytes(&bytes(&[0, u32::MAX])), Err(DecodeError::invalid("digest gap", u32::MAX)));
}
