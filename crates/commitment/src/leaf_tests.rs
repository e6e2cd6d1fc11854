use super::*;

fn digest() -> Digest {
    Digest { entries: (0..8).map(|id| (id, -2_130)).collect() }
}

fn window(index: u32, ids: &[u32]) -> WindowLeaf {
    WindowLeaf {
        index,
        ids: ids.to_vec(),
        sketches: vec![Sketch([1; 64]); ids.len()],
        digests: vec![digest(); ids.len()],
    }
}

fn header() -> Header {
    Header {
        n_prompt: 5,
        prompt_ids: Hash32::from_bytes([1; 32]),
        n_tokens: 40,
        class: ClassHash::from_bytes([2; 32]),
        params: SamplingParams { max_tokens: 64, ..SamplingParams::default() },
        stop: Stop::EndToken,
    }
}

#[test]
fn windows_add_up_to_the_reply() {
    for (tokens, leaves) in [(1, 2), (31, 2), (32, 2), (33, 3), (64, 3), (65, 4)] {
        assert_eq!(leaf_count(tokens), leaves);
        let total: usize = (0..window_count(tokens)).map(|i| window_range(tokens, i).len()).sum();
        assert_eq!(total, tokens as usize);
        assert!(window_range(tokens, window_count(tokens)).is_empty());
    }
    assert_eq!(leaf_count(u32::MAX), 1 + (1 << 27));
    assert!(window_range(5, u32::MAX).is_empty());
}

#[test]
fn a_header_reads_back_and_its_constants_are_fixed() {
    let bytes = header().to_bytes();
    assert_eq!(Header::from_bytes(&bytes), Ok(header()));
    // version, kind, bank, dims, k, chunk, window, stop
    let tail = bytes.len();
    for at in [0, 1, 74, 78, 80, tail - 5, tail - 3, tail - 1] {
        let mut changed = bytes.clone();
        changed[at] ^= 0x40;
        assert!(Header::from_bytes(&changed).is_err(), "byte {at}");
    }
    assert!(Header::from_bytes(&bytes[..tail - 1]).is_err());
    assert!(Header::from_bytes(&[bytes.as_slice(), &[0]].concat()).is_err());
}

#[test]
fn a_header_that_was_not_derived_is_named_by_its_field() {
    let edits: [(&str, fn(&mut Header)); 6] = [
        ("n_prompt", |h| h.n_prompt -= 1),
        ("prompt_ids", |h| h.prompt_ids = Hash32::ZERO),
        ("n_tokens", |h| h.n_tokens += 1),
        ("class", |h| h.class = ClassHash::ZERO),
        ("params", |h| h.params.temperature = 0),
        ("stop", |h| h.stop = Stop::Length),
    ];
    assert_eq!(header().check(&header()), Ok(()));
    for (field, edit) in edits {
        let mut forged = header();
        edit(&mut forged);
        assert_eq!(forged.check(&header()), Err(HeaderFault { field }));
    }
}

#[test]
fn an_opened_window_is_the_replys_own() {
    let ids: Vec<u32> = (0..40).collect();
    assert_eq!(window(0, &ids[..32]).check(0, &ids, 100), Ok(()));
    assert_eq!(window(1, &ids[32..]).check(1, &ids, 100), Ok(()));
    assert_eq!(window(1, &ids[32..]).check(0, &ids, 100), Err(LeafFault::Index { expected: 0, got: 1 }));
    assert_eq!(window(0, &ids[..31]).check(0, &ids, 100), Err(LeafFault::Ids), "a short window");
    assert_eq!(window(1, &ids[..8]).check(1, &ids, 100), Err(LeafFault::Ids), "another window's tokens");
    assert_eq!(window(2, &ids[..1]).check(2, &ids, 100), Err(LeafFault::Ids), "past the end");
    let mut bad = window(1, &ids[32..]);
    bad.digests[3].entries.truncate(7);
    assert_eq!(bad.check(1, &ids, 100), Err(LeafFault::Digest { position: 3, fault: DigestFault::TooFew(7) }));
    assert!(matches!(window(0, &ids[..32]).check(0, &ids, 7), Err(LeafFault::Digest { position: 0, .. })));
}

#[test]
fn a_window_reads_back_and_has_1_to_32_tokens() {
    let ids: Vec<u32> = (0..32).collect();
    let bytes = window(3, &ids).to_bytes();
    assert!(bytes.len() <= LEAF_BYTES_MAX);
    assert_eq!(WindowLeaf::from_bytes(&bytes), Ok(window(3, &ids)));
    for n in [0, 33] {
        let mut changed = bytes.clone();
        changed[6] = n;
        assert_eq!(WindowLeaf::from_bytes(&changed), Err(DecodeError::invalid("window tokens", n)));
    }
    assert!(WindowLeaf::from_bytes(&header().to_bytes()).is_err(), "a header is no window");
    assert!(Header::from_bytes(&bytes).is_err(), "a window is no header");
    let widest = Digest { entries: (0..64).map(|i| (u32::MAX - i, -16_384 - 128 * i as i16)).collect() };
    let widest = WindowLeaf { ids: vec![u32::MAX; 32], digests: vec![widest; 32], ..window(3, &ids) };
    assert_eq!(widest.to_bytes().len(), LEAF_BYTES_MAX);
}

#[test]
fn the_stop_reason_follows_from_the_tokens() {
    let stops = vec![b"END".to_vec()];
    let derive = |pieces: &[&str], end, limit| Stop::derive(pieces, end, &stops, limit);
    assert_eq!(derive(&["a", "b", ""], Some(2), 9), Some(Stop::EndToken));
    assert_eq!(derive(&["a", "b", ""], Some(2), 3), Some(Stop::EndToken), "the end token at the limit is still one");
    assert_eq!(derive(&["a", "E", "ND"], None, 9), Some(Stop::StopString));
    assert_eq!(derive(&["a", "E", "ND"], None, 3), Some(Stop::StopString));
    assert_eq!(derive(&["a", "b", "c"], None, 3), Some(Stop::Length));
    assert_eq!(derive(&["a", "b", "c"], None, 4), None, "it should have gone on");
    assert_eq!(derive(&["a", "b", "c"], None, 2), None, "it should have ended");
    assert_eq!(derive(&["a", "", "c"], Some(1), 3), None, "an end token was passed over");
    assert_eq!(derive(&["a END", "", "c"], None, 3), None, "a stop string was passed over");
    assert_eq!(derive(&[], None, 3), None);
}
