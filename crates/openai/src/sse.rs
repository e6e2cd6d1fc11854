//! Server-sent events, read without losing a byte and written.
//!
//! A reader takes chunks as the network cuts them and gives whole events: each holds the exact bytes it was made of, so a
//! relay can pass them on unchanged while it reads their meaning. Lines end in `\n` or `\r\n`; a bare `\r` is no line end
//! here, no OpenAI server writes one.

/// The data of the event that ends an OpenAI stream.
pub const DONE: &str = "[DONE]";

/// What an event says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// `data:` lines, joined by newlines.
    Data(Vec<u8>),
    /// `data: [DONE]`.
    Done,
    /// A comment line outside any event, without the colon and one leading space.
    Comment(Vec<u8>),
    /// Blank lines, or fields without data.
    Other,
}

/// One event and the bytes it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What it says.
    pub payload: Payload,
    /// The exact bytes, line ends included.
    pub raw: Vec<u8>,
}

/// Why a stream cannot be read on.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The event outgrew the bound.
    #[error("server-sent event is longer than {limit} bytes")]
    TooLong {
        /// The bound, in bytes.
        limit: usize,
    },
}

/// Cuts a byte stream into events.
#[derive(Debug)]
pub struct EventReader {
    /// Bytes of the event under way.
    pending: Vec<u8>,
    /// How far `pending` has been searched for line ends; always a line start or the end.
    scanned: usize,
    /// Start of the line that `scanned` stands in.
    line_start: usize,
    data: Option<Vec<u8>>,
    fields: bool,
    event_bytes_max: usize,
}

impl EventReader {
    /// A reader that refuses events over `event_bytes_max` bytes.
    pub fn new(event_bytes_max: usize) -> Self {
        Self { pending: Vec::new(), scanned: 0, line_start: 0, data: None, fields: false, event_bytes_max }
    }

    /// Takes the next bytes and returns the events they complete.
    ///
    /// # Errors
    /// When an event outgrows the bound; the reader is of no further use then.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<Event>, Error> {
        self.pending.extend_from_slice(bytes);
        let mut events = Vec::new();
        while let Some(offset) =
            self.pending.get(self.scanned..).and_then(|rest| rest.iter().position(|byte| *byte == b'\n'))
        {
            let end = self.scanned + offset + 1;
            let line = trimmed(&self.pending[self.line_start..end]).to_vec();
            self.scanned = end;
            self.line_start = end;
            if let Some(payload) = self.line(&line) {
                let rest = self.pending.split_off(end);
                let raw = std::mem::replace(&mut self.pending, rest);
                (self.scanned, self.line_start) = (0, 0);
                events.push(Event { payload, raw });
            }
        }
        self.scanned = self.pending.len();
        if self.pending.len() > self.event_bytes_max {
            return Err(Error::TooLong { limit: self.event_bytes_max });
        }
        Ok(events)
    }

    /// Ends the stream: the bytes of an event that was cut short, if any.
    pub fn finish(self) -> Option<Vec<u8>> {
        (!self.pending.is_empty()).then_some(self.pending)
    }

    fn line(&mut self, line: &[u8]) -> Option<Payload> {
        if line.is_empty() {
            self.fields = false;
            return Some(match self.data.take() {
                Some(data) if data == DONE.as_bytes() => Payload::Done,
                Some(data) => Payload::Data(data),
                None => Payload::Other,
            });
        }
        if let Some(comment) = line.strip_prefix(b":") {
            return (!self.fields).then(|| Payload::Comment(unspaced(comment).to_vec()));
        }
        self.fields = true;
        if let Some(data) = line.strip_prefix(b"data:") {
            match &mut self.data {
                Some(earlier) => {
                    earlier.push(b'\n');
                    earlier.extend_from_slice(unspaced(data));
                }
                None => self.data = Some(unspaced(data).to_vec()),
            }
        }
        None
    }
}

fn trimmed(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn unspaced(value: &[u8]) -> &[u8] {
    value.strip_prefix(b" ").unwrap_or(value)
}

/// An event of one JSON document or word; `data` must hold no line end.
pub fn data_event(data: &str) -> String {
    debug_assert!(!data.contains(['\n', '\r']), "invariant: one line of data");
    format!("data: {data}\n\n")
}

/// A comment, which clients skip; `text` must hold no line end.
pub fn comment(text: &str) -> String {
    debug_assert!(!text.contains(['\n', '\r']), "invariant: one line of comment");
    format!(": {text}\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(cuts: &[&[u8]]) -> Vec<Event> {
        let mut reader = EventReader::new(1024);
        cuts.iter().flat_map(|cut| reader.push(cut).unwrap()).collect()
    }

    #[test]
    fn reads_data_comments_and_the_end() {
        let payloads: Vec<Payload> = read(&[b": ping\n\nevent: x\r\ndata: a\r\ndata:b\r\n\r\ndata: [DO", b"NE]\n\n"])
            .into_iter()
            .map(|event| event.payload)
            .collect();
        assert_eq!(
            payloads,
            [Payload::Comment(b"ping".to_vec()), Payload::Other, Payload::Data(b"a\nb".to_vec()), Payload::Done]
        );
    }

    #[test]
    fn a_written_event_reads_back() {
        let text = data_event("{}") + &comment("ogong-record AA") + &data_event(DONE);
        let events = read(&[text.as_bytes()]);
        assert_eq!(events[0].payload, Payload::Data(b"{}".to_vec()));
        assert_eq!(events[1].payload, Payload::Comment(b"ogong-record AA".to_vec()));
        assert_eq!(events.last().map(|event| &event.payload), Some(&Payload::Done));
    }

    #[test]
    fn an_endless_event_is_refused_and_a_cut_one_is_kept() {
        let mut reader = EventReader::new(8);
        assert_eq!(reader.push(b"data: 0123456789"), Err(Error::TooLong { limit: 8 }));
        let mut reader = EventReader::new(64);
        assert!(reader.push(b"data: cut").unwrap().is_empty());
        assert_eq!(reader.finish(), Some(b"data: cut".to_vec()));
        let mut reader = EventReader::new(64);
        reader.push(b"data: whole\n\n").unwrap();
        assert_eq!(reader.finish(), None);
    }

    proptest! {
        /// However the network cuts the stream, the same events come out and their bytes are the stream's bytes.
        #[test]
        fn no_byte_is_lost_and_cuts_do_not_matter(text in "(data: [a-c\\n\\r]{0,3}|: x|\\n|\\r\\n|event: y\\n|[a-z]){0,12}", cut in 0usize..40) {
            let bytes = text.as_bytes();
            let cut = cut.min(bytes.len());
            let mut whole = EventReader::new(4096);
            let mut parts = EventReader::new(4096);
            let at_once = whole.push(bytes).unwrap();
            let mut in_parts = parts.push(&bytes[..cut]).unwrap();
            in_parts.extend(parts.push(&bytes[cut..]).unwrap());
            prop_assert_eq!(&at_once, &in_parts);
            let mut back: Vec<u8> = at_once.into_iter().flat_map(|event| event.raw).collect();
            back.extend(whole.finish().unwrap_or_default());
            prop_assert_eq!(back, bytes);
        }
    }
}
