//! The engine's stream on its way out: every event passes on unchanged; before `data: [DONE]` stands the proof (SPEC 2.5).
//!
//! The last event is held back until the record is on disk: a consumer that has seen the end of an answer can rely on its record.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use ogong_base::codec::Encode;
use ogong_net::proof::{PROOF_COMMENT, ProofBundle};
use ogong_openai::{
    ErrorBody, ErrorKind,
    sse::{self, EventReader, Payload},
};

/// Bytes of one event of the engine at most.
const EVENT_BYTES_MAX: usize = 1 << 20;

/// Relays one streamed answer.
#[derive(Debug)]
pub struct Outgoing {
    reader: EventReader,
    done: Option<Vec<u8>>,
    failed: bool,
}

impl Default for Outgoing {
    fn default() -> Self {
        Self { reader: EventReader::new(EVENT_BYTES_MAX), done: None, failed: false }
    }
}

impl Outgoing {
    /// Takes bytes of the engine and returns what goes out now.
    pub fn push(&mut self, bytes: &[u8]) -> Bytes {
        let Ok(events) = self.reader.push(bytes) else {
            self.failed = true;
            return Bytes::new();
        };
        let mut out = Vec::with_capacity(bytes.len());
        for event in events {
            match event.payload {
                Payload::Done => self.done = Some(event.raw),
                _ if self.done.is_none() => out.extend_from_slice(&event.raw),
                _ => {}
            }
        }
        out.into()
    }

    /// Whether the engine said that the answer is whole.
    pub fn is_whole(&self) -> bool {
        self.done.is_some() && !self.failed
    }

    /// The proof and the end, once the record is on disk.
    pub fn close(self, proof: &ProofBundle) -> Bytes {
        let mut out = sse::comment(&format!("{PROOF_COMMENT} {}", STANDARD.encode(proof.to_bytes()))).into_bytes();
        out.extend_from_slice(&self.done.unwrap_or_default());
        out.into()
    }
}

/// The end of an answer that failed: an error event, never `[DONE]`.
pub fn broken(message: &str) -> Bytes {
    let body = ErrorBody::new(ErrorKind::Upstream, "engine_failed", message)
        .hint("nothing is paid for this answer; send the request again");
    let mut out = b"\n\n".to_vec();
    out.extend_from_slice(sse::data_event(&String::from_utf8_lossy(&body.to_json())).as_bytes());
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_pass_at_once_and_the_end_waits() {
        let mut out = Outgoing::default();
        assert_eq!(out.push(b"data: {\"a\":1}\n\ndata: {"), Bytes::from_static(b"data: {\"a\":1}\n\n"));
        assert_eq!(out.push(b"\"b\":2}\n\ndata: [DONE]\n\n"), Bytes::from_static(b"data: {\"b\":2}\n\n"));
        assert!(out.is_whole());
    }

    #[test]
    fn a_stream_without_an_end_is_not_whole() {
        let mut out = Outgoing::default();
        out.push(b"data: {}\n\n");
        assert!(!out.is_whole());
        assert!(String::from_utf8_lossy(&broken("x")).contains("engine_failed"));
    }
}
