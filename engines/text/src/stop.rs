//! Stop strings over raw token bytes (SPEC 2.5): nothing of a stop string is ever emitted, and nothing is held back longer
//! than it could still become one.

/// Scans the bytes of an answer as its tokens arrive.
#[derive(Debug, Default)]
pub struct StopScanner {
    stops: Vec<Vec<u8>>,
    pending: Vec<u8>,
}

/// What one more token changed.
#[derive(Debug, PartialEq, Eq)]
pub enum Scan {
    /// Bytes that are safe to show; the answer goes on.
    Go(Vec<u8>),
    /// The last bytes to show; a stop string begins right after them.
    Stop(Vec<u8>),
}

impl StopScanner {
    /// A scanner for `stops`; empty ones are ignored.
    pub fn new(stops: impl IntoIterator<Item = Vec<u8>>) -> Self {
        Self { stops: stops.into_iter().filter(|stop| !stop.is_empty()).collect(), pending: Vec::new() }
    }

    /// Takes the bytes of the next token.
    pub fn push(&mut self, piece: &[u8]) -> Scan {
        if self.stops.is_empty() {
            return Scan::Go(piece.to_vec());
        }
        self.pending.extend_from_slice(piece);
        if let Some(at) = self.stops.iter().filter_map(|stop| find(&self.pending, stop)).min() {
            self.pending.truncate(at);
            return Scan::Stop(std::mem::take(&mut self.pending));
        }
        let held = self.stops.iter().map(|stop| overlap(&self.pending, stop)).max().unwrap_or(0);
        let rest = self.pending.split_off(self.pending.len() - held);
        Scan::Go(std::mem::replace(&mut self.pending, rest))
    }

    /// The bytes still held back when the answer ends for another reason.
    pub fn finish(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.pending)
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// Length of the longest end of `text` that `stop` begins with.
fn overlap(text: &[u8], stop: &[u8]) -> usize {
    let longest = text.len().min(stop.len().saturating_sub(1));
    (1..=longest).rev().find(|&n| text.ends_with(&stop[..n])).unwrap_or(0)
}

/// Turns raw bytes into text as they arrive, with the result that `String::from_utf8_lossy` would give for the whole.
#[derive(Debug, Default)]
pub struct Utf8Assembler {
    pending: Vec<u8>,
}

impl Utf8Assembler {
    /// Takes bytes and returns the text they complete.
    pub fn push(&mut self, bytes: &[u8]) -> String {
        self.pending.extend_from_slice(bytes);
        let mut text = String::with_capacity(self.pending.len());
        let mut rest = self.pending.as_slice();
        loop {
            match std::str::from_utf8(rest) {
                Ok(valid) => {
                    text.push_str(valid);
                    rest = &[];
                    break;
                }
                Err(error) => {
                    let (valid, after) = rest.split_at(error.valid_up_to());
                    text.push_str(&String::from_utf8_lossy(valid));
                    let Some(bad) = error.error_len() else {
                        rest = after;
                        break;
                    };
                    text.push(char::REPLACEMENT_CHARACTER);
                    rest = &after[bad..];
                }
            }
        }
        self.pending = rest.to_vec();
        text
    }

    /// The text of what was cut short.
    pub fn finish(&mut self) -> String {
        let pending = std::mem::take(&mut self.pending);
        String::from_utf8_lossy(&pending).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(stops: &[&str], pieces: &[&str]) -> (String, bool) {
        let mut scanner = StopScanner::new(stops.iter().map(|stop| stop.as_bytes().to_vec()));
        let mut shown = Vec::new();
        for piece in pieces {
            match scanner.push(piece.as_bytes()) {
                Scan::Go(bytes) => shown.extend(bytes),
                Scan::Stop(bytes) => {
                    shown.extend(bytes);
                    return (String::from_utf8(shown).unwrap(), true);
                }
            }
        }
        shown.extend(scanner.finish());
        (String::from_utf8(shown).unwrap(), false)
    }

    #[test]
    fn no_part_of_a_stop_string_is_shown() {
        assert_eq!(scan(&["END"], &["a", "E", "N", "D", "b"]), ("a".into(), true));
        assert_eq!(scan(&["END"], &["a", "E", "N", "x"]), ("aENx".into(), false));
        assert_eq!(scan(&["END"], &["a", "EN"]), ("aEN".into(), false));
        assert_eq!(scan(&["abcd", "bc"], &["abcd"]), (String::new(), true));
        assert_eq!(scan(&["abcd", "bc"], &["ab", "c"]), ("a".into(), true));
        assert_eq!(scan(&["aab"], &["a", "a", "a", "b"]), ("a".into(), true));
        assert_eq!(scan(&[], &["a"]), ("a".into(), false));
    }

    #[test]
    fn text_is_whole_characters_and_equals_the_lossy_whole() {
        let samples: [&[u8]; 5] =
            ["grüße 🙂".as_bytes(), b"a\xffb", b"\xf0\x9f\x99", b"\xe2\x28\xa1", b"\xf0\x9f\xf0\x9f\x99\x82"];
        for bytes in samples {
            let mut assembler = Utf8Assembler::default();
            let mut text = String::new();
            for byte in bytes {
                text.push_str(&assembler.push(&[*byte]));
            }
            text.push_str(&assembler.finish());
            assert_eq!(text, String::from_utf8_lossy(bytes));
        }
    }
}
