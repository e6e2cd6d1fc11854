//! What a reply is hashed as (SPEC 2.5): its token ids and its raw text, cut at the first stop string.

use ogong_base::{Hash32, RespHash, domain, sha256, tagged};

/// Token ids as little-endian `u32`s.
pub fn ids_bytes(ids: &[u32]) -> Vec<u8> {
    ids.iter().flat_map(|id| id.to_le_bytes()).collect()
}

/// `sha256(ids as u32 LE)`.
pub fn ids_hash(ids: &[u32]) -> [u8; 32] {
    sha256(&ids_bytes(ids))
}

/// `H("ogong/v1/commitment/response", sha256(ids) ‖ sha256(raw text))`.
pub fn resp_hash(ids: &[u32], raw_text: &[u8]) -> RespHash {
    resp_hash_of(&ids_hash(ids), &sha256(raw_text))
}

/// The same where the caller holds the raw text's hash only, as a validator does from a report.
pub fn resp_hash_of(ids_hash: &[u8; 32], raw_text_sha256: &[u8; 32]) -> RespHash {
    RespHash::from_bytes(tagged(domain::RESPONSE, &[ids_hash, raw_text_sha256]))
}

/// `H("ogong/v1/commitment/prompt-ids", ids as u32 LE)` (SPEC 3.2).
pub fn prompt_ids_hash(ids: &[u32]) -> Hash32 {
    Hash32::from_bytes(tagged(domain::PROMPT_IDS, &[&ids_bytes(ids)]))
}

/// Where the first stop string begins, whichever of them it is.
pub fn find_stop<S: AsRef<[u8]>>(raw: &[u8], stops: &[S]) -> Option<usize> {
    stops
        .iter()
        .map(AsRef::as_ref)
        .filter(|stop| !stop.is_empty())
        .filter_map(|stop| raw.windows(stop.len()).position(|window| window == stop))
        .min()
}

/// The token that completes the first stop string, counted over the tokens' bytes.
pub fn stop_token<P: AsRef<[u8]>, S: AsRef<[u8]>>(pieces: &[P], stops: &[S]) -> Option<usize> {
    let longest = stops.iter().map(|stop| stop.as_ref().len()).max()?;
    let mut text = Vec::new();
    pieces.iter().position(|piece| {
        // A stop string this token completes begins at most its own length before the token.
        let from = text.len().saturating_sub(longest);
        text.extend_from_slice(piece.as_ref());
        text.get(from..).is_some_and(|tail| find_stop(tail, stops).is_some())
    })
}

/// Raw text up to the first byte of the first stop string, all of it when there is none.
pub fn cut_at_stop<'a, S: AsRef<[u8]>>(raw: &'a [u8], stops: &[S]) -> &'a [u8] {
    find_stop(raw, stops).and_then(|at| raw.get(..at)).unwrap_or(raw)
}

/// What a client reads: raw text as UTF-8, invalid sequences replaced by U+FFFD.
pub fn content(raw_text: &[u8]) -> String {
    String::from_utf8_lossy(raw_text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_that_completes_a_stop_string_is_found_across_tokens() {
        let pieces = ["ab", "", "cd", "ef", "cde"];
        assert_eq!(stop_token(&pieces, &["bc"]), Some(2));
        assert_eq!(stop_token(&pieces, &["def", "zz"]), Some(3));
        assert_eq!(stop_token(&pieces, &["fcde"]), Some(4));
        assert_eq!(stop_token(&pieces, &["x"]), None);
        assert_eq!(stop_token::<_, &str>(&pieces, &[]), None);
    }

    #[test]
    fn the_text_ends_before_the_earliest_stop_string() {
        let stops = [b"END".to_vec(), b"\n".to_vec()];
        assert_eq!(cut_at_stop(b"one\ntwoEND", &stops), b"one");
        assert_eq!(cut_at_stop(b"oneENDtwo\n", &stops), b"one");
        assert_eq!(cut_at_stop(b"one EN", &stops), b"one EN");
        assert_eq!(cut_at_stop(b"", &stops), b"");
        assert_eq!(cut_at_stop(b"ab", &[b"abc".to_vec()]), b"ab");
        assert_eq!(cut_at_stop::<Vec<u8>>(b"ab", &[]), b"ab");
    }

    #[test]
    fn broken_utf8_shows_as_replacement() {
        assert_eq!(content(&[b'a', 0xff, b'b']), "a\u{fffd}b");
    }
}
